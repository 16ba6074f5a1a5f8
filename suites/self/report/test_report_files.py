"""The files that a session leaves."""

import json

import pytest
from fakes import accuracy_facts, case_facts, latency_facts, verdict_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.files import append_job_summary, keep_unversioned, write_detections, write_json
from pytest_rfperf.report.summary import Summary
from pytest_rfperf.session.facts import PictureFacts


def summary(*cases, notes=()):
    return Summary(cases=list(cases), rows=[], notes=list(notes), bound="")


def test_the_facts_are_written_with_sorted_keys_and_without_the_detections(tmp_path):
    case = case_facts(verdicts=[verdict_facts("FAIL")], detections="[1, 2]")
    write_json(summary(case, notes=["one"]), tmp_path / "deep" / "last.json", exit_status=1)
    text = (tmp_path / "deep" / "last.json").read_text()
    assert text.startswith('{\n "cases": [\n  {\n   "accuracy": null,\n   "artifact": "fast.onnx",\n')
    assert text.endswith('\n "exit_status": 1,\n "notes": [\n  "one"\n ],\n "schema": 1\n}\n')
    content = json.loads(text)
    assert content["cases"][0]["detections"] == ""
    assert content["cases"][0]["verdicts"][0] == {
        "details": [],
        "gate": "latency_budget",
        "limit": 50.0,
        "measured": 12.5,
        "message": "p95 12.5 ms",
        "metric": "latency_budget",
        "outcome": "FAIL",
        "unit": "ms",
    }


@pytest.mark.parametrize(("place", "is_kept"), [(".rfperf/last.json", True), ("out/last.json", False)])
def test_the_usual_folder_keeps_itself_out_of_version_control(tmp_path, place, is_kept):
    write_json(summary(case_facts()), tmp_path / place, exit_status=0)
    ignored = (tmp_path / place).parent / ".gitignore"
    assert (ignored.read_text() if ignored.exists() else None) == ("*\n" if is_kept else None)


def test_a_file_that_says_what_to_leave_out_of_version_control_is_left_alone(tmp_path):
    (tmp_path / ".gitignore").write_text("pictures\n")
    keep_unversioned(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "pictures\n"


def test_the_facts_explain_a_fail_but_carry_neither_match_records_nor_pictures(tmp_path):
    drawn = PictureFacts(name="1-a", image="/data/a.png", caption="c", truth=[], now=[], before=None)
    case = case_facts(
        accuracy=accuracy_facts(records="AAAA", core="c", model={"labels": "square"}),
        verdicts=[verdict_facts("FAIL", details=["classes that lost most (AP): car"])],
        pictures=[drawn],
    )
    write_json(summary(case), tmp_path / "last.json", exit_status=1)
    (content,) = json.loads((tmp_path / "last.json").read_text())["cases"]
    assert content["verdicts"][0]["details"] == ["classes that lost most (AP): car"]
    assert (content["accuracy"]["records"], content["pictures"]) == ("", [])
    assert (content["accuracy"]["core"], content["accuracy"]["model"]) == ("c", {"labels": "square"})


def test_equal_facts_in_another_order_of_keys_are_equal_bytes(tmp_path):
    for name, protocol in (("a", {"x": "1", "y": "2"}), ("b", {"y": "2", "x": "1"})):
        case = case_facts(latency=[latency_facts(protocol=protocol)], accuracy=accuracy_facts(protocol=protocol))
        write_json(summary(case), tmp_path / name, exit_status=0)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_summary_is_appended_where_the_variable_names_a_file(tmp_path):
    place = tmp_path / "summary.md"
    place.write_text("before\n", encoding="utf-8")
    for _ in range(2):
        append_job_summary(summary(case_facts(), notes=["größer"]), {"GITHUB_STEP_SUMMARY": str(place)})
    text = place.read_text(encoding="utf-8")
    assert text.startswith("before\n## rfperf\n")
    assert text.count("## rfperf\n") == text.count("- größer\n") == 2


@pytest.mark.parametrize("environment", [{}, {"GITHUB_STEP_SUMMARY": ""}])
def test_no_summary_is_written_without_the_variable(tmp_path, monkeypatch, environment):
    monkeypatch.chdir(tmp_path)
    append_job_summary(summary(case_facts()), environment)
    assert list(tmp_path.iterdir()) == []


def test_a_summary_that_cannot_be_written_names_the_variable(tmp_path):
    with pytest.raises(StoreError) as caught:
        append_job_summary(summary(case_facts()), {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert str(caught.value) == f"GITHUB_STEP_SUMMARY={tmp_path} cannot be written: Is a directory"


def test_detections_are_written_for_the_cases_that_have_some(tmp_path):
    cases = [
        case_facts(detections="[]"),
        case_facts(model="accurate"),
        case_facts(model="../evil", target="a/b", detections="[1]"),
    ]
    written = write_detections(summary(*cases), tmp_path)
    assert {str(path.relative_to(tmp_path)): path.read_text() for path in written} == {
        "cpu/street/fast.json": "[]",
        "a_b/street/_evil.json": "[1]",
    }
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=50, deadline=None)
def test_no_digit_of_a_detection_is_lost(tmp_path_factory, figure):
    folder = tmp_path_factory.mktemp("detections")
    rows = [{"image_id": 1, "category_id": 7, "bbox": [figure, 0.1, 0.2, 0.3], "score": figure}]
    (path,) = write_detections(summary(case_facts(detections=json.dumps(rows))), folder)
    assert json.loads(path.read_text()) == rows
