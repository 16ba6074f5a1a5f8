"""Limits on a ratio, judged in turns: a FAIL must repeat, wall proves a PASS, CPU time alone may prove a FAIL."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import MS, FakeBench, FakeOpponent, latency_run

from pytest_rfperf.data.runs import FAILED_NS, LoadShape, PairedRun
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import StoreError, UndecidedError, UsageError
from pytest_rfperf.gates.gate import StoredNumbers, make_gate
from pytest_rfperf.gates.latency_ratio import LatencyRatio
from pytest_rfperf.gates.latency_regression import LatencyRegression

PAIRS = 200


def pairs(slower=1.0, *, cpu=None, noise=0.0, seed=0):
    """Calls of 10 ms of the other, and of this model by so much slower; CPU time by its own factor."""
    random = np.random.default_rng(seed)
    second = 10 * MS * np.exp(noise * random.standard_normal(PAIRS))
    first = 10 * MS * slower * np.exp(noise * random.standard_normal(PAIRS))
    cpus = (None, None)
    if cpu is not None:
        busy = 10 * MS * np.exp(0.001 * random.standard_normal((2, PAIRS)))
        cpus = ((cpu * busy[0]).round(), busy[1].round())
    return PairedRun(
        latency_run(first.round(), cpu_ns=cpus[0], duration_s=2.0),
        latency_run(second.round(), cpu_ns=cpus[1], duration_s=2.0),
    )


def judge(*runs, latency=0.025, **more):
    opponent = FakeOpponent(*runs, said="the baseline of 2026-11-24", **more)
    return LatencyRegression(latency).judge(FakeBench(opponent=opponent)), opponent


def test_a_model_that_is_no_slower_passes_and_is_not_measured_twice():
    verdict, opponent = judge(pairs(1.0, noise=0.001))
    assert (verdict.outcome, verdict.limit, verdict.unit) == (Outcome.PASS, 0.025, "")
    assert verdict.measured == pytest.approx(0, abs=0.001)
    assert verdict.message.startswith("median 1 (95 % interval 1..1) <= 1.025 times the end-to-end service time of the")
    assert verdict.message.endswith("(n=200 pairs, 0 of 200 over, 4 s in turns), tolerance 2.5%")
    assert [what for what, _ in opponent.asked] == ["measure"]


def test_a_model_that_is_slower_twice_fails():
    verdict, opponent = judge(pairs(1.1, noise=0.001), pairs(1.1, noise=0.001, seed=1))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.measured == pytest.approx(0.1, abs=0.002)
    assert "seen again in fresh sessions (200 pairs, 4 s)" in verdict.message
    assert [what for what, _ in opponent.asked] == ["measure", "again"]


@pytest.mark.parametrize(("again", "said"), [(1.0, "PASS"), (1.025, "INCONCLUSIVE")])
def test_a_fail_that_does_not_repeat_is_undecided(again, said):
    verdict, _ = judge(pairs(1.1, noise=0.001), pairs(again, noise=0.02))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"a FAIL was not reproduced in fresh sessions (200 pairs, 4 s, then {said})" in verdict.message


def test_cpu_time_alone_may_show_a_fail_where_both_compute_alike():
    runs = [pairs(1.05, cpu=1.05, noise=0.3, seed=seed) for seed in (0, 1)]
    verdict, _ = judge(*runs)
    assert verdict.outcome is Outcome.FAIL
    assert "CPU time alone shows it; seen again" in verdict.message
    verdict, opponent = judge(*runs, alike=False)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert len(opponent.asked) == 1


def test_cpu_time_proves_no_pass_but_is_told():
    verdict, _ = judge(pairs(1.025, cpu=1.0, noise=0.3))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "CPU time is unchanged (cpu-unchanged); raise --rfperf-cap" in verdict.message


def test_cpu_time_does_not_overrule_a_pass():
    verdict, _ = judge(pairs(1.0, cpu=1.2, noise=0.001))
    assert verdict.outcome is Outcome.PASS


def waiting(ratio, *, waits, seed=0):
    """A model that takes `ratio` times the CPU time of the other, both waiting as long for a CPU at each call."""
    random = np.random.default_rng(seed)
    busy = 10 * MS * np.array([[ratio], [1.0]]) * np.exp(0.01 * random.standard_normal((2, PAIRS)))
    walls = busy + waits * 10 * MS * np.exp(0.05 * random.standard_normal((2, PAIRS)))
    first, second = (latency_run(w.round(), cpu_ns=c.round(), duration_s=2.0) for w, c in zip(walls, busy, strict=True))
    return PairedRun(first, second)


@pytest.mark.parametrize(
    ("ratio", "limit", "outcome"),
    [(1.05, 1.04, Outcome.FAIL), (0.57, 0.72, Outcome.INCONCLUSIVE), (0.57, 0.5, Outcome.FAIL)],
)
def test_waiting_brings_a_ratio_to_one_and_proves_nothing_on_that_way(ratio, limit, outcome):
    """CPU time alone fails the first; the second would fail by wall time, although it keeps its limit."""
    runs = [waiting(ratio, waits=1.2, seed=seed) for seed in (0, 1)]
    verdict = LatencyRatio(limit, against="accurate").judge(FakeBench(opponent=FakeOpponent(*runs)))
    assert verdict.outcome is outcome
    if outcome is Outcome.INCONCLUSIVE:
        assert "waiting brings the ratio of wall times to 1, and CPU time does not show this" in verdict.message


def test_failed_calls_of_the_other_are_left_out_of_the_tail_too():
    slow, other = [50 * MS] * 3000, [10 * MS] * 3000
    other[::30] = [FAILED_NS] * 100
    run = PairedRun(latency_run(slow), latency_run(other))
    verdict = LatencyRatio(1.25, against="accurate", percentile=99).judge(FakeBench(opponent=FakeOpponent(run, run)))
    assert (verdict.outcome, verdict.measured) == (Outcome.FAIL, 5.0)


def test_a_fail_that_cannot_be_seen_again_keeps_its_figures():
    opponent = FakeOpponent(pairs(1.1, noise=0.001))

    def spent(shape, decided):
        msg = "not measured: the suite's cap of 9 s is spent"
        raise UndecidedError(msg)

    opponent.again = spent
    verdict = LatencyRegression(0.025).judge(FakeBench(opponent=opponent))
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, pytest.approx(0.1, abs=0.002))
    assert "a FAIL could not be seen again in fresh sessions, not measured: the suite's cap" in verdict.message


def spiked(*, share, times, seed=0, pairs=6000):
    random = np.random.default_rng(seed)
    first, second = (10 * MS * np.exp(0.02 * random.standard_normal((2, pairs)))).round()
    first[random.random(pairs) < share] *= times
    return PairedRun(latency_run(first), latency_run(second))


def test_a_spike_on_two_calls_of_a_hundred_is_seen_by_the_tail_and_not_by_the_median():
    runs = [spiked(share=0.02, times=5, seed=seed) for seed in (0, 1)]
    tail = LatencyRatio(1.1, against="accurate", percentile=99)
    median = LatencyRatio(1.1, against="accurate")
    assert tail.judge(FakeBench(opponent=FakeOpponent(*runs))).outcome is Outcome.FAIL
    assert median.judge(FakeBench(opponent=FakeOpponent(*runs))).outcome is Outcome.PASS


def test_the_tail_of_a_model_against_itself_passes():
    verdict = LatencyRatio(1.1, against="accurate", percentile=99).judge(
        FakeBench(opponent=FakeOpponent(spiked(share=0, times=1)))
    )
    assert verdict.outcome is Outcome.PASS
    assert verdict.message.startswith("p99 ")


def test_a_percentile_that_is_a_failed_request_is_infinite():
    run = PairedRun(latency_run([FAILED_NS] * 2000), latency_run([MS] * 2000))
    verdict = LatencyRatio(2, against="accurate", percentile=99).judge(FakeBench(opponent=FakeOpponent(run, run)))
    assert (verdict.outcome, verdict.measured) == (Outcome.FAIL, None)
    assert f"p99 {math.inf:g} > 2 times" in verdict.message


def test_without_a_baseline_a_session_that_records_is_recording():
    for gate in (LatencyRegression(0.025), LatencyRatio(1.05, against="baseline")):
        verdict = gate.judge(FakeBench(opponent=None))
        assert (verdict.outcome, verdict.measured) == (Outcome.RECORDING, None)
        assert verdict.message.startswith("no baseline yet for fast on cpu/street; this run becomes it")


NUMBERS = StoredNumbers("the artefact is gone; set models.fast.baseline")
STORED_MS = (10.0, 10.02, 9.98, 10.01, 9.99)


def by_numbers(latency_ms, stored_ms=STORED_MS, *, cpu_ratio=1.0, calls=300):
    run = latency_run([round(latency_ms * MS)] * calls, cpu_ns=[round(cpu_ratio * latency_ms * MS)] * calls)
    bench = FakeBench(opponent=NUMBERS, stored_medians=tuple(one * MS for one in stored_ms), run=run)
    return LatencyRegression(0.025).judge(bench)


@pytest.mark.parametrize(
    ("latency_ms", "outcome"), [(10.0, Outcome.PASS), (10.22, Outcome.INCONCLUSIVE), (10.3, Outcome.FAIL)]
)
def test_without_an_artefact_numbers_decide_where_they_can(latency_ms, outcome):
    verdict = by_numbers(latency_ms)
    assert verdict.outcome is outcome
    assert verdict.measured == pytest.approx(latency_ms / 10 - 1)
    assert (
        "from that of 5 recorded runs (three standard deviations among them: 0.5%), tolerance 2.5%" in verdict.message
    )


def test_recorded_runs_that_differ_much_among_themselves_decide_nothing():
    assert by_numbers(10.5, (9, 10, 11, 10, 10.5)).outcome is Outcome.INCONCLUSIVE
    assert by_numbers(10.0, (9, 10, 11, 10, 10.5)).outcome is Outcome.INCONCLUSIVE


def test_fewer_than_five_recorded_runs_decide_nothing():
    verdict = by_numbers(20.0, STORED_MS[:4])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        "undecided: the artefact is gone; set models.fast.baseline; numbers alone decide from 5 comparable recorded runs "
        "on, and there are 4 for fast on cpu/street"
    )


def test_where_contention_cannot_be_seen_numbers_decide_nothing():
    run = latency_run([20 * MS] * 300)
    bench = FakeBench(opponent=NUMBERS, stored_medians=tuple(one * MS for one in STORED_MS), run=run)
    verdict = LatencyRegression(0.025).judge(bench)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "whether a call had a CPU for itself cannot be seen on this target" in verdict.message


def test_calls_without_a_cpu_for_themselves_decide_nothing_by_numbers():
    verdict = by_numbers(20.0, cpu_ratio=0.5)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "0 of 300 calls had a CPU for themselves, 100 are needed" in verdict.message


def test_a_ratio_to_a_baseline_without_its_artefact_is_an_error_that_says_why():
    with pytest.raises(StoreError, match=r"latency_ratio: the artefact is gone; set models\.fast\.baseline"):
        LatencyRatio(1.05, against="baseline").judge(FakeBench(opponent=NUMBERS))


def test_a_marker_comes_to_a_gate_for_each_tolerance():
    gates = make_gate("no_regression", [], {"latency": 0.025, "map": 0.005}).parts
    assert [(gate.metric, gate.key) for gate in gates] == [
        ("no_regression.latency", ("no_regression", "latency")),
        ("no_regression.map", ("no_regression", "map")),
    ]
    assert [gate.at(0.1) for gate in gates] == [make_gate("no_regression", [], {"latency": 0.1}).parts[0],
                                                make_gate("no_regression", [], {"map": 0.1}).parts[0]]  # fmt: skip


def test_a_limit_that_the_gate_cannot_have_is_refused():
    with pytest.raises(UsageError, match="no_regression: map=2: expected a number in"):
        make_gate("no_regression", [], {"map": 0.005}).parts[0].at(2)


def test_a_regression_is_of_the_whole_call_back_to_back():
    _, opponent = judge(pairs(1.0))
    assert opponent.asked == [("measure", LoadShape())]
