"""A session is taken into the baselines later: exactly what was named may have failed, and it shows in the file."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from fakes import accuracy_facts, verdict_facts, write_project
from recorded_cases import COMMIT, LOST, RUN, left_facts, regressed, sound_case, with_figures

from pytest_rfperf.baselines import accepting
from pytest_rfperf.baselines.accepting import Wish, accept
from pytest_rfperf.baselines.recording import FailedTest
from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.report.files import SCHEMA
from pytest_rfperf.store.baseline import read_baseline

NOW = "2024-06-01T12:00:00+00:00"
MAP = Wish(("no_regression.map",), "half the size")
TEST = "test_release.py::test_release"
BY_GATES = FailedTest(TEST, ("fast", "cpu", "street"), by_gates=True)
RECORDED = (
    "recorded: fast on cpu/street in baselines/cpu/street/fast.json and the .records beside it; review the diff and "
    "commit it"
)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accepting, "person", lambda root: "Ada")
    write_project(tmp_path / "project")
    return load_settings(tmp_path / "project", CommandLine(), {})


@pytest.fixture
def left(tmp_path):
    """Leave the facts of a session."""

    def write(*cases, **more):
        return left_facts(tmp_path / "last.json", *cases, **more)

    return write


def baseline(settings):
    return read_baseline(settings.path("baselines/cpu/street/fast.json"))


def refusal(file, wish, settings):
    with pytest.raises(UsageError) as caught:
        accept(file, wish, settings, NOW)
    assert baseline(settings) is None
    return str(caught.value)


def test_a_regression_is_recorded_with_who_when_why_and_from_which_session(settings, left):
    file = left(regressed(), failed=[BY_GATES])
    assert accept(file, MAP, settings, NOW) == ([RECORDED], True)
    (run,) = baseline(settings).runs
    assert (run.recorded, run.recorded_by, run.run, run.commit) == (NOW, "Ada", RUN, COMMIT)
    assert (run.despite, run.reason) == ("no_regression.map", "half the size")
    assert run.verdicts == ["latency_budget: p95 12.5 ms", f"no_regression: {LOST}: FAIL"]


def test_the_match_records_and_the_artefact_are_kept_as_in_any_recording(settings, left):
    case = regressed()
    accept(left(case, failed=[BY_GATES]), MAP, settings, NOW)
    (records,) = settings.path("baselines/cpu/street").glob("*.records")
    assert records.read_bytes() == base64.b64decode(case.accuracy.records)
    assert (cache_folder() / "artifacts" / case.artifact_sha256 / "model.onnx").read_bytes() == b"fast"


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE", "WAIVED"])
@pytest.mark.parametrize(
    ("despite", "message", "shown"),
    [
        ("no_regression", LOST, "no_regression.map"),
        ("no_regression", "median 1.2 > 1.025 times", "no_regression.latency"),
        ("no_regression.latency", "median 1.2 > 1.025 times", "no_regression.latency"),
    ],
)
def test_either_half_or_the_whole_of_the_marker_can_be_named(settings, left, outcome, despite, message, shown):
    file = left(regressed(outcome, message), failed=[BY_GATES])
    assert accept(file, Wish((despite,), "why"), settings, NOW).complete
    assert baseline(settings).runs[0].despite == shown


def test_both_halves_can_fail(settings, left):
    case = regressed()
    slower = verdict_facts("FAIL", gate="no_regression", metric="no_regression.latency")
    file = left(msgspec.structs.replace(case, verdicts=[*case.verdicts, slower]), failed=[BY_GATES])
    one = accept(file, MAP, settings, NOW)
    assert one == (["not recorded: fast on cpu/street: no_regression did not pass"], False)
    assert accept(file, Wish((*MAP.despite, "no_regression.latency"), "why"), settings, NOW).complete
    assert baseline(settings).runs[0].despite == "no_regression.latency, no_regression.map"


@pytest.mark.parametrize(
    ("outcome", "why"),
    [("FAIL", "min_map did not pass"), ("INCONCLUSIVE", "min_map did not pass"), ("WAIVED", "min_map is only waived")],
)
def test_any_other_gate_that_did_not_pass_still_refuses(settings, left, outcome, why):
    case = regressed()
    other = verdict_facts(outcome, gate="min_map")
    file = left(msgspec.structs.replace(case, verdicts=[*case.verdicts, other]), failed=[BY_GATES])
    assert accept(file, MAP, settings, NOW) == ([f"not recorded: fast on cpu/street: {why}"], False)
    assert baseline(settings) is None


@pytest.mark.parametrize("file", ["without", "with"])
def test_a_regression_is_not_recorded_without_being_named(settings, left, file):
    wish = Wish() if file == "without" else Wish(("no_regression.latency",), "why")
    left_file = left(regressed(), regressed(message="median 1.2", dataset="pills"), failed=[BY_GATES])
    lines, complete = accept(left_file, wish, settings, NOW)
    assert lines[0] == "not recorded: fast on cpu/street: no_regression did not pass"
    assert not complete


def test_an_error_of_the_gate_is_no_regression_that_could_be_accepted(settings, left):
    file = left(regressed("ERROR", "the baseline is not comparable"), failed=[BY_GATES])
    said = refusal(file, Wish(("no_regression",), "why"), settings)
    assert said == f"--despite no_regression: no such gate failed in {file}; leave it out"


@pytest.mark.parametrize(
    "failed",
    [
        [FailedTest(TEST, ("fast", "cpu", "street"))],
        [BY_GATES, FailedTest(TEST, ("fast", "cpu", "street"))],
        [BY_GATES, FailedTest("test_own.py::test_own", ("fast", "", ""), by_gates=True)],
    ],
    ids=["its body", "its teardown too", "another test"],
)
def test_a_test_that_failed_for_another_reason_still_refuses(settings, left, failed):
    file = left(regressed(), failed=failed)
    lines, complete = accept(file, MAP, settings, NOW)
    assert lines == [f"not recorded: fast on cpu/street: {failed[-1].test} failed"]
    assert not complete
    assert baseline(settings) is None


def test_a_clean_session_is_accepted_without_more_words(settings, left):
    assert accept(left(sound_case(), status=0), Wish(), settings, NOW).complete
    run = baseline(settings).runs[0]
    assert (run.despite, run.reason) == ("", "")


def test_a_case_that_passed_beside_a_regression_carries_no_excuse(settings, left):
    file = left(regressed(), sound_case(dataset="pills"), failed=[BY_GATES])
    assert accept(file, MAP, settings, NOW).complete
    other = read_baseline(settings.path("baselines/cpu/pills/fast.json")).runs[0]
    assert (other.despite, other.reason) == ("", "")


def test_a_session_is_accepted_once(settings, left):
    file = left(regressed(), failed=[BY_GATES])
    accept(file, MAP, settings, NOW)
    lines, complete = accept(file, MAP, settings, NOW)
    assert lines == [f"not recorded: fast on cpu/street: baselines/cpu/street/fast.json holds this run already ({RUN})"]
    assert not complete
    assert len(baseline(settings).runs) == 1


def test_a_model_file_that_was_replaced_meanwhile_is_not_kept_as_the_accepted_one(settings, left):
    file = left(sound_case(), sound_case(model="gone", artifact="gone.onnx", artifact_sha256="0" * 64))
    settings.path("fast.onnx").unlink()
    for line in accept(file, Wish(), settings, NOW).lines:
        assert line.endswith(") is gone: later runs have only its numbers to compare with")
    assert not (cache_folder() / "artifacts").exists()


@pytest.mark.parametrize(
    ("despite", "reason", "said"),
    [
        (("min_map",), "why", "--despite min_map: no gate that can be accepted; known: no_regression, no_regression."),
        (("no_regression.map",), " ", "--despite and --reason belong together: say what failed and why that is"),
        ((), "why", "--despite and --reason belong together: say what failed and why that is"),
        (("no_regression.map",), "a\nb", "--reason: expected one line of at most 500 characters"),
        (("no_regression.map",), "a" * 501, "--reason: expected one line of at most 500 characters"),
        (("no_regression.latency",), "why", "--despite no_regression.latency: no such gate failed in "),
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(settings, left, despite, reason, said):
    assert refusal(left(regressed(), failed=[BY_GATES]), Wish(despite, reason), settings).startswith(said)


@pytest.mark.parametrize("status", [2, 3, 4, 5])
def test_a_session_that_did_not_run_through_is_refused(settings, left, status):
    said = refusal(left(sound_case(), status=status), Wish(), settings)
    assert f"did not run through (pytest ended with {status}); record again: pytest --rfperf-record" in said


def test_a_session_that_did_not_record_is_refused(settings, left):
    file = left(sound_case(), status=0)
    content = json.loads(file.read_text())
    del content["recording"]
    file.write_text(json.dumps(content))
    assert "is of a session that did not record, so that match records are missing" in refusal(file, Wish(), settings)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"exit_status": 0, "cases": [{}]}', "[" * 100_000, "\udcff"])
def test_what_are_no_facts_is_refused(settings, tmp_path, content):
    file = tmp_path / "last.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    assert f"{file} cannot be read as the facts of a session: " in refusal(file, Wish(), settings)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (with_figures(sound_case(), p50_ms=1.0), "p50_ms of latency 'end-to-end' is 1.0, its samples give 10."),
        (sound_case(artifact_sha256="../../evil"), "Expected `str` matching regex"),
        (
            sound_case(accuracy=accuracy_facts(records="AAAA")),
            "last.json holds no match records: it does not begin as they do",
        ),
        (sound_case(accuracy=accuracy_facts(records="A")), "Invalid base64-encoded string"),
        (
            sound_case(accuracy=msgspec.structs.replace(sound_case().accuracy, values={"AP": 0.9})),
            "AP is 0.9, its match records give 0.",
        ),
        (with_figures(sound_case(), samples=""), "latency 'end-to-end' of 100 calls has no samples"),
        (
            sound_case(accuracy=msgspec.structs.replace(sound_case().accuracy, records="")),
            "accuracy over 50 images has no match records",
        ),
    ],
    ids=["samples", "hash", "no records", "no base64", "values", "without samples", "without records"],
)
def test_facts_that_contradict_themselves_are_refused_before_anything_is_written(settings, left, case, said):
    message = refusal(left(sound_case(dataset="first"), case), Wish(), settings)
    assert said in message
    assert message.endswith("; record again: pytest --rfperf-record")
    assert not settings.path("baselines").exists()


def test_facts_without_a_case_to_record_are_said_to_have_none(settings, left):
    file = left(sound_case(target=""))
    expected = [f"{file} holds no case with figures, a target and a dataset"], False
    assert accept(file, Wish(), settings, NOW) == expected


def test_a_baseline_that_was_edited_is_not_written_over(settings, left):
    accept(left(sound_case()), Wish(), settings, NOW)
    path = settings.path("baselines/cpu/street/fast.json")
    edited = path.read_text().replace('"images": 50', '"images": 51')
    path.write_text(edited)
    with pytest.raises(StoreError, match="was edited by hand"):
        accept(left(regressed(), failed=[BY_GATES], run="other"), MAP, settings, NOW)
    assert path.read_text() == edited


@pytest.mark.parametrize("schema", [0, 2])
def test_facts_of_another_schema_are_refused(settings, left, schema):
    file = left(sound_case(), status=0)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": schema}))
    said = f"{file} has schema {schema}; this version reads facts of schema 1; record again: pytest --rfperf-record"
    assert refusal(file, Wish(), settings) == said


def test_the_schema_that_is_read_is_the_one_that_is_written():
    assert accepting._SCHEMA == SCHEMA
