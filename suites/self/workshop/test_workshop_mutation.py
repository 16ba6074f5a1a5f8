"""The score of `rfperf mutate`: a FAIL catches; nothing else does."""

from __future__ import annotations

import pytest

from pytest_rfperf.cli.mutant import _result
from pytest_rfperf.session.faults import FAULTS
from pytest_rfperf.workshop.mutation import REMEDIES, advice, mutant_of, row, score
from pytest_rfperf.workshop.suite_run import Result, SuiteRun, Verdict


def run_of(*outcomes, status=0, metric="latency_ratio", **more):
    """A run of one test with one verdict an outcome."""
    verdicts = [Verdict(metric, outcome, f"p99 of {outcome}") for outcome in outcomes]
    bad = {"FAIL", "ERROR"} & set(outcomes)
    return SuiteRun(
        status or int(bool(bad)), "the end", results=[Result("test_a.py::test_a", bool(bad), verdicts=verdicts, **more)]
    )


SOUND = run_of("PASS")


@pytest.mark.parametrize(
    ("run", "result"),
    [
        (run_of("FAIL"), "caught"),
        (run_of("PASS", "FAIL", "INCONCLUSIVE", "ERROR"), "caught"),
        (run_of("PASS"), "survived"),
        (run_of("WAIVED"), "survived"),
        (run_of("PASS", "INCONCLUSIVE"), "undecided"),
        (run_of("ERROR"), "broke"),
        (SuiteRun(3, "INTERNALERROR"), "broke"),
        (SuiteRun(-11, ""), "broke"),
    ],
)
def test_caught_means_fail(run, result):
    assert mutant_of("spike", run, SOUND, 1.0).result == result


def test_a_gate_that_is_undecided_without_a_fault_says_nothing_by_being_so():
    assert mutant_of("spike", run_of("INCONCLUSIVE"), run_of("INCONCLUSIVE"), 1.0).result == "survived"


def test_an_assertion_of_a_body_catches_and_an_error_in_one_does_not():
    asserted = SuiteRun(1, "", results=[Result("test_a.py::test_fps", True, True, "AssertionError: 20 fps")])
    assert [said.metric for said in mutant_of("slow", asserted, SOUND, 1.0).caught_by] == [
        "an assertion of test_a.py::test_fps"
    ]
    crashed = SuiteRun(1, "", results=[Result("test_a.py::test_fps", True, False, "ZeroDivisionError: division")])
    mutant = mutant_of("slow", crashed, SOUND, 1.0)
    assert (mutant.result, mutant.said) == ("broke", "ZeroDivisionError: division")


def test_each_fault_has_the_gates_that_must_catch_it_and_a_marker_to_paste():
    assert set(REMEDIES) == set(FAULTS)
    assert all(remedy.metrics and remedy.marker.startswith("@") for remedy in REMEDIES.values())


def test_a_row_says_who_must_catch_it_and_who_did():
    assert row(mutant_of("spike", run_of("FAIL"), SOUND, 1.0)) == (
        "spike     2 % of calls take five times as long          latency_ratio of p99                      caught     "
        "latency_ratio"
    )
    assert row(mutant_of("spike", SOUND, SOUND, 1.0)).endswith("survived")


def test_a_survivor_comes_with_the_marker_and_an_undecided_one_with_its_reason():
    marker = '@latency_ratio(1.25, against="baseline", percentile=99)'
    assert advice(mutant_of("spike", SOUND, SOUND, 1.0)) == [
        f"spike survived; the marker that catches it:  {marker}",
        "  there already: latency_ratio (test_a.py::test_a): p99 of PASS: PASS",
    ]
    assert advice(mutant_of("spike", run_of("INCONCLUSIVE"), SOUND, 1.0)) == [
        f"spike undecided; the marker that catches it:  {marker}",
        "  undecided: latency_ratio (test_a.py::test_a): p99 of INCONCLUSIVE",
        "  measure longer: rfperf mutate --fault spike -- --rfperf-cap=120",
    ]
    assert advice(mutant_of("spike", SuiteRun(3, "INTERNALERROR"), SOUND, 1.0)) == [
        "spike broke the run, which catches nothing:",
        "  INTERNALERROR",
    ]
    assert advice(mutant_of("spike", run_of("FAIL"), SOUND, 1.0)) == []


def test_what_is_not_caught_is_counted_by_what_became_of_it():
    runs = [run_of("FAIL"), run_of("FAIL"), run_of("PASS"), run_of("INCONCLUSIVE"), run_of("ERROR")]
    mutants = [mutant_of("slow", run, SOUND, 1.0) for run in runs]
    assert score(mutants) == "2 of 5 caught, 1 undecided, 1 survived, 1 broke"
    assert score(mutants[:2]) == "2 of 2 caught"


@pytest.mark.parametrize(
    ("said", "asserted"),
    [
        ("assert 1 == 2", True),
        ("Failed: too few boxes", True),
        ("Failed: Timeout (>300.0s) from pytest-timeout.", False),
        ("ZeroDivisionError: division by zero", False),
    ],
)
def test_a_test_that_timed_out_or_crashed_has_found_nothing(said, asserted):
    report = pytest.TestReport("t.py::a", ("t.py", 1, "a"), {}, "failed", said, "call")
    assert _result(report, "").asserted is asserted
