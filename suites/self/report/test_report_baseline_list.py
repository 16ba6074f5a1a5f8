"""Baselines for the reader: a row a file, and one file whole."""

from __future__ import annotations

import msgspec
import pytest
from recorded_cases import COMMIT, LOST, RUN, regressed, sound_case

from pytest_rfperf.baselines.storing import Entry, packed_records, stored_run
from pytest_rfperf.report.baseline_list import baseline_row, list_lines, show_lines
from pytest_rfperf.store.baseline import add_run, baseline_path, read_baseline

NAMES = ("fast", "cpu", "street")
ENTRY = Entry("2024-05-01T12:00:00+00:00", "Ada", RUN, COMMIT)


@pytest.fixture
def path(tmp_path):
    return baseline_path(tmp_path / "baselines", "cpu", "street", "fast")


def put(path, case, entry=ENTRY):
    add_run(path, NAMES, stored_run(case, entry, packed_records(case)))


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def words(lines):
    return [" ".join(line.split()) for line in lines]


def test_a_row_says_what_was_recorded_when_and_by_whom(path):
    put(path, sound_case())
    assert words(list_lines([baseline_row(path)])) == [
        "target dataset model recorded by artefact AP p50 ms runs sealed",
        "cpu street fast 2024-05-01 Ada fast.onnx 115dc3606fbf 0.446 10.1 1 ok",
    ]


def test_figures_are_those_of_the_newest_run_that_has_them(path):
    put(path, sound_case())
    before = baseline_row(path)
    put(path, sound_case(accuracy=None, latency=[]), ENTRY._replace(recorded="2024-06-01", recorded_by="Bob"))
    row = baseline_row(path)
    assert (row.recorded, row.recorded_by, row.runs) == ("2024-06-01", "Bob", 2)
    assert (row.ap, row.p50_ms) == (before.ap, before.p50_ms)


def test_what_was_accepted_despite_a_gate_is_said_below_the_rows(path):
    put(path, regressed(), ENTRY._replace(despite="no_regression.map", reason="half the size"))
    assert list_lines([baseline_row(path)])[2:] == [
        "cpu/street/fast was accepted despite no_regression.map: half the size"
    ]


def test_an_edited_file_is_marked(path):
    put(path, sound_case())
    edit(path, '"Ada"', '"Bob"')
    lines = list_lines([baseline_row(path)])
    assert lines[1].split()[-1] == "edited"
    assert lines[2:] == ["cpu/street/fast was edited by hand: rfperf baselines verify"]


def test_an_unreadable_file_has_a_row_and_its_reason(path):
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    lines = list_lines([baseline_row(path)])
    assert lines[1].split() == ["cpu", "street", "fast", "0", "unreadable"]
    assert lines[2].startswith(f"{path} is no baseline: ")


def test_a_file_without_a_run_has_a_row(path):
    put(path, sound_case())
    content = msgspec.json.decode(path.read_bytes()) | {"runs": []}
    path.write_bytes(msgspec.json.encode(content))
    assert words(list_lines([baseline_row(path)]))[1] == "cpu street fast 0 ok"


def test_a_file_is_shown_whole(path):
    case = regressed()
    put(path, sound_case(others={"memory MB": 5.0}))
    put(path, case, ENTRY._replace(recorded="2024-06-01", despite="no_regression.map", reason="half the size"))
    baseline = read_baseline(path)
    new, old = baseline.runs
    shown = words(show_lines(baseline, "baselines/cpu/street/fast.json"))
    assert shown[:11] == [
        "baselines/cpu/street/fast.json: fast on cpu/street, 2 runs",
        "",
        "run 1 of 2, recorded 2024-06-01 by Ada",
        f"artefact fast.onnx, sha256 {case.artifact_sha256}",
        f"commit {COMMIT}",
        f"session {RUN}",
        f"seal ok, {new.seal}",
        "despite no_regression.map: half the size",
        "verdict latency_budget: p95 12.5 ms",
        f"verdict no_regression: {LOST}: FAIL",
        shown[10],
    ]
    values = ", ".join(f"{name} {value:.4f}" for name, value in new.accuracy.values.items())
    sha256, size = new.accuracy.records_sha256, new.accuracy.records_bytes
    assert shown[10:18] == [
        f"accuracy {values} (50 images)",
        "protocol: score floor 0.01",
        "model: labels car, disc",
        f"match records: sha256 {sha256} ({size:,} bytes)",
        shown[14],
        "protocol: runtime fake 1.0",
        "environment cpu fake",
        "",
    ]
    assert shown[14].startswith("latency end-to-end: p50 ")
    assert shown[14].endswith(" ms (100 calls, 0 failed)")
    assert shown[18] == "run 2 of 2, recorded 2024-05-01T12:00:00+00:00 by Ada"
    assert f"seal ok, {old.seal}" in shown
    assert "other memory MB 5" in shown


def test_a_run_that_was_edited_shows_how(path):
    put(path, sound_case())
    baseline = read_baseline(path)
    run = msgspec.structs.replace(baseline.runs[0], commit="")
    shown = words(show_lines(msgspec.structs.replace(baseline, runs=[run]), "a.json"))
    assert shown[0] == "a.json: fast on cpu/street, 1 run"
    assert shown[4] == "commit none: no git"
    assert shown[6].startswith("seal edited by hand: its seal was ")
