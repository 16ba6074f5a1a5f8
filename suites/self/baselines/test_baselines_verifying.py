"""Verifying computes everything again, and names the file, the field and both values."""

from __future__ import annotations

import json

import pytest
from fakes import write_project
from recorded_cases import sound_case

from pytest_rfperf.baselines import verifying
from pytest_rfperf.baselines.recording import record
from pytest_rfperf.baselines.verifying import verify
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.store import kept_records
from pytest_rfperf.store.artifacts import kept_copy
from pytest_rfperf.store.baseline import read_baseline
from pytest_rfperf.store.seal import seal_of

NOW = "2024-05-01T12:00:00+00:00"
PLACE = "baselines/cpu/street/fast.json"
OF = f"{PLACE}: the run of {NOW} was edited by hand: "


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    settings = load_settings(tmp_path / "project", CommandLine(record=True), {})
    record([sound_case()], settings, [], NOW)
    return settings


def edit(settings, change, *, seal=False):
    """Change the newest run as a hand would; with `seal`, as one that seals it again."""
    path = settings.path(PLACE)
    content = json.loads(path.read_text())
    change(content["runs"][0])
    path.write_text(json.dumps(content))
    if seal:
        baseline = verifying.decode_baseline(path)
        content["runs"][0]["seal"] = seal_of(baseline.runs[0], baseline.names)
        path.write_text(json.dumps(content))


def found(settings):
    return verify(settings, lambda _: None)


def faults(settings):
    return found(settings).faults


def test_what_was_recorded_is_found_as_it_was(settings):
    said = []
    one = verify(settings, said.append)
    assert (one.faults, one.unchecked) == ([], [])
    assert dict(one.checked) == {
        "files": 1,
        "runs": 1,
        "latencies from samples": 1,
        "accuracies from match records": 1,
        "copies of artefacts": 1,
    }
    assert said[0] == f"verifying {PLACE}"


def test_nothing_recorded_is_nothing_checked(tmp_path):
    write_project(tmp_path / "project")
    one = found(load_settings(tmp_path / "project", CommandLine(), {}))
    assert (dict(one.checked), one.faults, one.unchecked) == ({}, [], [])


@pytest.mark.parametrize("seal", [False, True])
def test_every_value_of_an_accuracy_is_computed_from_the_match_records(settings, seal):
    """Also where whoever edited it sealed it again."""
    values = read_baseline(settings.path(PLACE)).runs[0].accuracy.values
    assert len(values) == 12
    for name, value in values.items():
        edit(settings, lambda run, name=name: run["accuracy"]["values"].update({name: 0.123}), seal=seal)
        said = f"{name} is 0.123, its match records give {value}"
        assert faults(settings) == [f"{OF}{said}" if not seal else f"{PLACE}: the run of {NOW} {said}"]
        edit(settings, lambda run, name=name, value=value: run["accuracy"]["values"].update({name: value}), seal=True)


def test_a_figure_that_the_samples_contradict_is_named(settings):
    was = read_baseline(settings.path(PLACE)).runs[0].latency[0].p95_ms
    edit(settings, lambda run: run["latency"][0].update(p95_ms=1.5))
    assert faults(settings) == [f"{OF}p95_ms of latency 'end-to-end' is 1.5, its samples give {was}"]


def test_several_edits_of_a_run_are_all_named(settings):
    edit(settings, lambda run: (run["latency"][0].update(calls=7), run["accuracy"]["values"].update(AP=0.9)))
    (fault,) = faults(settings)
    assert fault.startswith(f"{OF}calls of latency 'end-to-end' is 7, its samples give 100; AP is 0.9, its match ")


@pytest.mark.parametrize("field", ["artifact", "commit", "reason", "recorded_by"])
def test_an_edit_that_nothing_else_tells_is_seen_by_the_seal(settings, field):
    seal = read_baseline(settings.path(PLACE)).runs[0].seal
    edit(settings, lambda run: run.update({field: "other"}))
    (fault,) = faults(settings)
    assert fault.startswith(f"{OF}its seal was {seal[:12]}, its content gives ")


def test_an_older_run_is_verified_too(settings):
    record([sound_case(seed=1)], settings, [], "2024-06-01")
    path = settings.path(PLACE)
    content = json.loads(path.read_text())
    content["runs"][1]["latency"][0]["failed"] = 3
    path.write_text(json.dumps(content))
    assert faults(settings) == [f"{OF}failed of latency 'end-to-end' is 3, its samples give 0"]


def test_a_file_that_is_no_baseline_is_named_from_the_root(settings):
    settings.path(PLACE).write_text("{}")
    (fault,) = faults(settings)
    assert fault.startswith(f"{PLACE} is no baseline: ")


def test_a_baseline_in_the_place_of_another_is_named(settings):
    path = settings.path(PLACE)
    path.rename(path.with_name("accurate.json"))
    (records,) = path.parent.glob("*.records")
    records.rename(records.with_name(records.name.replace("fast", "accurate")))
    assert faults(settings) == [
        f"baselines/cpu/street/accurate.json is that of fast on cpu/street, whose place is {PLACE}"
    ]


def test_match_records_that_are_missing_are_named(settings):
    (records,) = settings.path(PLACE).parent.glob("*.records")
    records.unlink()
    (fault,) = faults(settings)
    assert f"{PLACE}: the run of {NOW} fast.json names match records " in fault
    assert "neither beside it nor in the cache of this machine" in fault


def test_match_records_that_were_changed_are_named(settings):
    (records,) = settings.path(PLACE).parent.glob("*.records")
    records.write_bytes(records.read_bytes() + b"x")
    (fault,) = faults(settings)
    assert f"{records.name} is not what fast.json names" in fault


def test_large_match_records_that_stayed_elsewhere_could_not_be_checked(settings, monkeypatch):
    for module in (kept_records, verifying):
        monkeypatch.setattr(module, "MOST_BESIDE", 10)
    (records,) = settings.path(PLACE).parent.glob("*.records")
    records.unlink()
    one = found(settings)
    assert one.faults == []
    assert one.unchecked[0].startswith(f"{PLACE}, the run of {NOW}: its match records (0.0 MB) stayed on the machine")
    assert "accuracies from match records" not in one.checked


def test_match_records_that_no_baseline_names_are_named(settings):
    orphan = settings.path(PLACE).with_name("fast.0123456789ab.records")
    orphan.write_bytes(b"old")
    assert faults(settings) == [
        "baselines/cpu/street/fast.0123456789ab.records is named by no baseline; run rfperf baselines prune"
    ]


def test_a_json_file_at_no_place_of_a_baseline_is_named(settings):
    settings.path("baselines/fast.json").write_text("{}")
    assert faults(settings) == [
        "baselines/fast.json lies where no target, dataset and model would look for it; move or delete it"
    ]


def test_a_copy_of_an_artefact_that_is_another_file_is_named(settings):
    sha256 = sound_case().artifact_sha256
    kept_copy(sha256).write_bytes(b"other")
    (fault,) = faults(settings)
    assert fault.startswith(f"{kept_copy(sha256)} is not what was recorded: its sha256 was {sha256[:12]}, its content ")
    assert fault.endswith(f"; delete the folder {kept_copy(sha256).parent}")


def test_a_copy_that_is_not_here_could_not_be_checked(settings):
    sha256 = sound_case().artifact_sha256
    kept_copy(sha256).unlink()
    one = found(settings)
    assert one.faults == []
    assert one.unchecked == [f"the artefact of sha256 {sha256[:12]}: no copy in the cache of this machine"]


def test_a_latency_without_samples_could_not_be_checked(settings):
    edit(settings, lambda run: run["latency"][0].update(samples=""), seal=True)
    one = found(settings)
    assert one.faults == []
    assert one.unchecked == [f"{PLACE}, the run of {NOW}: latency 'end-to-end' was kept without its samples"]
