"""What lies among the baselines: files, strays, match records in use and not, copies in the cache."""

from __future__ import annotations

import hashlib

import pytest
from recorded_cases import sound_case

from pytest_rfperf.baselines.storing import Entry, packed_records, stored_run
from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.store.artifacts import kept_copy
from pytest_rfperf.store.baseline import add_run, baseline_path, read_baseline
from pytest_rfperf.store.baseline_folder import (
    baseline_files,
    misplaced_files,
    orphan_records,
    unnamed_copies,
)
from pytest_rfperf.store.kept_records import keep_records, records_cached


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "baselines"


def put(folder, model="fast", seed=0):
    """A baseline of one run, with its match records."""
    case = sound_case(seed=seed)
    path = baseline_path(folder, "cpu", "street", model)
    records = packed_records(case)
    keep_records(path, records)
    add_run(path, (model, "cpu", "street"), stored_run(case, Entry("2024", "Ada", "run", ""), records))
    return path


def touch(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_that_is_not_there_holds_nothing(folder):
    assert (baseline_files(folder), misplaced_files(folder), orphan_records(folder, {})) == ([], [], [])


def test_baselines_are_found_in_the_order_of_their_names_and_hidden_files_are_none(folder):
    paths = [put(folder, name) for name in ("fast", "accurate")]
    touch(folder / "cpu" / "street" / ".fast.json.abc.json")
    assert baseline_files(folder) == sorted(paths)


def test_a_file_at_another_depth_is_misplaced(folder):
    strays = [touch(folder / "fast.json"), touch(folder / "cpu" / "street" / "old" / "fast.json")]
    assert misplaced_files(folder) == sorted(strays)
    assert baseline_files(folder) == []


def test_match_records_that_no_baseline_names_are_orphans(folder):
    path = put(folder)
    orphans = [touch(path.with_name("fast.0123456789ab.records")), touch(path.with_name("gone.0123456789ab.records"))]
    assert orphan_records(folder, {path: read_baseline(path)}) == sorted(orphans)


def test_match_records_beside_a_baseline_that_cannot_be_read_are_left_alone(folder):
    path = put(folder)
    other = touch(path.with_name("fastest.0123456789ab.records"))
    assert orphan_records(folder, {path: None}) == [other]


def test_copies_that_these_baselines_name_are_kept_and_others_are_not_theirs(folder):
    path = put(folder)
    touch(kept_copy(sound_case().artifact_sha256))
    other = touch(kept_copy(hashlib.sha256(b"other").hexdigest())).parent
    touch(cache_folder() / "artifacts" / "notes.txt")
    large = touch(records_cached(hashlib.sha256(b"large").hexdigest()))
    assert unnamed_copies({path: read_baseline(path)}) == [other, large]


def test_a_cache_that_is_not_there_has_no_copies(folder):
    assert unnamed_copies({}) == []
