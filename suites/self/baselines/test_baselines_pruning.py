"""Pruning takes away what nothing needs, and nothing else."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from fakes import write_project
from recorded_cases import sound_case

from pytest_rfperf.baselines.pruning import Pruning, prune
from pytest_rfperf.baselines.recording import record
from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.config import CommandLine, UrlArtifact, load_settings
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.store.artifacts import kept_copy
from pytest_rfperf.store.baseline import read_baseline

PLACE = "baselines/cpu/street/fast.json"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A project with three recorded runs."""
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    settings = load_settings(tmp_path / "project", CommandLine(record=True), {})
    for seed, now in enumerate("123"):
        record([sound_case(seed=seed)], settings, [], now)
    return settings


def runs(settings):
    return read_baseline(settings.path(PLACE)).runs


def tree(settings):
    folders = (settings.root, cache_folder())
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_without_anything_to_do_nothing_is_touched(settings):
    before = tree(settings)
    assert prune(settings, Pruning()) == []
    assert prune(settings, Pruning(keep=3, artifacts=True)) == []
    assert tree(settings) == before


def test_the_newest_runs_stay_as_they_were(settings):
    before = runs(settings)
    assert prune(settings, Pruning(keep=2)) == [f"dropped: 1 of 3 runs of {PLACE}"]
    assert runs(settings) == before[:2]


def test_the_newest_runs_with_an_accuracy_and_with_a_latency_stay_whatever_their_age(settings):
    record([sound_case(latency=[], seed=3)], settings, [], "4")
    record([sound_case(accuracy=None, seed=4)], settings, [], "5")
    record([sound_case(accuracy=None, seed=5)], settings, [], "6")
    assert prune(settings, Pruning(keep=1)) == [f"dropped: 4 of 6 runs of {PLACE}"]
    assert [run.recorded for run in runs(settings)] == ["6", "4"]
    assert len(list(settings.path(PLACE).parent.glob("*.records"))) == 1


def test_a_dry_run_says_the_same_and_changes_nothing(settings):
    settings.path(PLACE).with_name("fast.0123456789ab.records").write_bytes(b"old")
    before = tree(settings)
    assert prune(settings, Pruning(keep=1, dry=True)) == [
        f"would be dropped: 2 of 3 runs of {PLACE}",
        "would be deleted: baselines/cpu/street/fast.0123456789ab.records",
    ]
    assert tree(settings) == before


def test_match_records_that_no_baseline_names_go(settings):
    orphan = settings.path(PLACE).with_name("fast.0123456789ab.records")
    orphan.write_bytes(b"old")
    assert prune(settings, Pruning()) == ["deleted: baselines/cpu/street/fast.0123456789ab.records"]
    assert not orphan.exists()
    assert len(list(settings.path(PLACE).parent.glob("*.records"))) == 1


def test_copies_in_the_cache_go_only_where_that_is_asked_for(settings):
    other = kept_copy(hashlib.sha256(b"other").hexdigest())
    other.parent.mkdir(parents=True)
    other.write_bytes(b"other")
    assert prune(settings, Pruning()) == []
    assert prune(settings, Pruning(artifacts=True, dry=True)) == [f"would be deleted: {other.parent}"]
    assert prune(settings, Pruning(artifacts=True)) == [f"deleted: {other.parent}"]
    assert not other.parent.exists()
    assert kept_copy(sound_case().artifact_sha256).is_file()


def test_an_artefact_of_runs_that_go_now_goes_with_them(settings):
    settings.path("fast.onnx").write_bytes(b"new")
    sha256 = hashlib.sha256(b"new").hexdigest()
    record([sound_case(artifact_sha256=sha256, seed=3)], settings, [], "4")
    old = kept_copy(sound_case().artifact_sha256).parent
    assert prune(settings, Pruning(keep=1, artifacts=True))[1:] == [f"deleted: {old}"]
    assert kept_copy(sha256).is_file()


@pytest.mark.parametrize("change", [lambda text: text.replace('"images": 50', '"images": 51', 1), lambda text: "{}"])
def test_nothing_goes_where_a_baseline_cannot_be_believed(settings, change):
    record([sound_case(model="accurate")], settings, [], "4")
    path = settings.path(PLACE)
    path.with_name("fast.0123456789ab.records").write_bytes(b"old")
    path.write_text(change(path.read_text()))
    before = tree(settings)
    with pytest.raises(StoreError, match=r"fast\.json"):
        prune(settings, Pruning(keep=1, artifacts=True))
    assert tree(settings) == before


def test_without_any_baseline_the_cache_is_left_alone(tmp_path, monkeypatch):
    """It is shared: everything in it would be named by no baseline."""
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    settings = load_settings(tmp_path / "project", CommandLine(), {})
    other = kept_copy(hashlib.sha256(b"other").hexdigest())
    other.parent.mkdir(parents=True)
    other.write_bytes(b"other")
    with pytest.raises(UsageError, match="--artifacts: there is no baseline in baselines, so the whole cache would go"):
        prune(settings, Pruning(artifacts=True))
    assert other.is_file()
    assert prune(settings, Pruning()) == []


def test_what_the_configuration_fetched_from_an_address_stays(settings):
    sha256 = hashlib.sha256(b"fetched").hexdigest()
    kept_copy(sha256).parent.mkdir(parents=True)
    kept_copy(sha256).write_bytes(b"fetched")
    model = msgspec.structs.replace(settings.models["fast"], baseline=UrlArtifact("https://host/m.onnx", sha256))
    named = msgspec.structs.replace(settings, models=settings.models | {"fast": model})
    assert prune(named, Pruning(artifacts=True)) == []
    assert prune(settings, Pruning(artifacts=True)) == [f"deleted: {kept_copy(sha256).parent}"]
