"""latency_ratio and training_ratio: golden verdicts, and what they refuse."""

from __future__ import annotations

import pytest
from fakes import MS, FakeBench, FakeOpponent, latency_run

from pytest_rfperf.data.runs import FAILED_NS, LoadShape, PairedRun
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.gates.latency_ratio import LatencyRatio
from pytest_rfperf.gates.training_ratio import TrainingRatio


class PairedBench(FakeBench):
    """Answers with a real paired loop in fake time, or with runs that the test made."""

    def __init__(self, own=(), other=(), *, cap_s=30.0, runs=(), alike=True):
        self.other = FakeOpponent(*runs, latencies_ns=(own, other), alike=alike)
        self.other.cap_s = cap_s
        super().__init__(cap_s=cap_s, opponent=self.other)


def test_a_ratio_that_is_kept_passes_as_soon_as_pairs_show_it():
    bench = PairedBench([10 * MS], [20 * MS])
    verdict = LatencyRatio(0.8, against="accurate").judge(bench)
    assert (verdict.outcome, verdict.measured, verdict.limit, verdict.unit) == (Outcome.PASS, 0.5, 0.8, "x")
    pairs = verdict.message.partition("(n=")[2].partition(" ")[0]
    assert verdict.message == (
        f"median 0.5 (95 % interval 0.5..0.5) <= 0.8 times the end-to-end service time of accurate for fast on "
        f"cpu/street (n={pairs} pairs, 0 of {pairs} over, 0.24 s in turns)"
    )
    assert int(pairs) < 20
    assert (bench.asked, bench.other.asked) == ([("opponent", "accurate")], [("measure", LoadShape())])


def test_a_ratio_that_is_broken_fails():
    verdict = LatencyRatio(0.4, against="accurate").judge(PairedBench([10 * MS], [20 * MS]))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message.startswith("median 0.5 (95 % interval 0.5..0.5) > 0.4 times the end-to-end service time of")
    assert verdict.message.endswith("seen again in fresh sessions (8 pairs, 0.24 s)")


def test_a_ratio_at_its_limit_is_undecided_at_the_cap():
    bench = PairedBench([9 * MS, 11 * MS], [20 * MS, 20 * MS], cap_s=2)
    verdict = LatencyRatio(0.5, against="accurate").judge(bench)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "undecided after 2" in verdict.message
    assert verdict.message.endswith("raise --rfperf-cap, or move the limit away from the measured ratio")


def test_where_no_pair_was_answered_nothing_is_decided():
    run = PairedRun(latency_run([MS] * 50), latency_run([FAILED_NS] * 50))
    verdict = LatencyRatio(2, against="accurate").judge(PairedBench(runs=[run, run]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "0 of 0 over" in verdict.message
    assert "undecided after 8 s: no pair told the two apart; raise --rfperf-cap" in verdict.message


def test_failed_calls_of_its_own_count_as_over():
    run = PairedRun(latency_run([FAILED_NS] * 50), latency_run([MS] * 50))
    assert LatencyRatio(2, against="accurate").judge(PairedBench(runs=[run, run])).outcome is Outcome.FAIL


def test_a_model_alone_is_compared_with_the_other_alone():
    bench = PairedBench([10 * MS], [20 * MS])
    LatencyRatio(0.8, against="accurate", scope="model-only").judge(bench)
    assert bench.other.asked == [("measure", LoadShape("model-only"))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max": 0, "against": "accurate"}, "max"),
        ({"max": 2, "against": ""}, "against"),
        ({"max": 2, "against": 7}, "against"),
        ({"max": 2, "against": "accurate", "percentile": 49}, "expected 50, the median, to 99.9"),
        ({"max": 2, "against": "accurate", "percentile": 99.99}, "percentile"),
        ({"max": 2, "against": "accurate", "scope": "whole"}, "known: end-to-end, model-only"),
        ({"max": 2}, "against"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        make_gate("latency_ratio", [], arguments)


class Trained(FakeBench):
    """Models that trained so many seconds."""

    def training_s(self, name):
        return {"fast": 200.0, "accurate": 500.0}[name]


@pytest.mark.parametrize(("limit", "sign", "outcome"), [(2.5, "<=", Outcome.PASS), (2.4, ">", Outcome.FAIL)])
def test_training_seconds_are_divided(limit, sign, outcome):
    verdict = TrainingRatio(limit).judge(Trained())
    assert (verdict.outcome, verdict.measured, verdict.unit) == (outcome, 2.5, "x")
    assert verdict.message == f"2.50 {sign} {limit}: accurate trained 500 s, fast 200 s of wall time"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max": -1}, "max"),
        ({"max": 2, "small": ""}, "small"),
        ({"max": 2, "large": 3}, "large"),
        ({"max": 2, "small": "accurate"}, "the ratio of a model to itself is 1"),
    ],
)
def test_training_ratios_that_cannot_be_meant_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        make_gate("training_ratio", [], arguments)
