"""latency_budget: what it measures, when it stops, what it says."""

import numpy as np
import pytest
from fakes import MS, FakeBench, LoopBench, latency_run

from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.gates.latency_budget import LatencyBudget

PLACE = "end-to-end for fast on cpu/street"
UNDECIDED = "raise --rfperf-cap, or move the budget away from the measured percentile"


def shuffled(slow, fast, share, *, calls=400, seed=2):
    """Calls of which a share is slow, in an order without memory."""
    return np.where(np.random.default_rng(seed).random(calls) < share, slow, fast)


def judged(gate, run):
    return gate.judge(FakeBench(run=run))


def test_a_pass_shows_percentile_budget_and_sample():
    verdict = judged(LatencyBudget(50), latency_run([10 * MS] * 400))
    assert (verdict.outcome, verdict.measured, verdict.limit, verdict.unit) == (Outcome.PASS, 10.0, 50, "ms")
    assert str(verdict) == (
        f"latency_budget: p95 10 ms <= 50 ms {PLACE} (n=400, 0 over, 95 % interval 10..10 ms): PASS"
    )


def test_a_fail_shows_how_many_were_over():
    latencies = np.full(400, 10 * MS)
    latencies[::10] = 61 * MS
    verdict = judged(LatencyBudget(50), latency_run(latencies))
    assert str(verdict) == (
        f"latency_budget: p95 61 ms > 50 ms {PLACE} (n=400, 40 over, 95 % interval 61..61 ms): FAIL"
    )


def test_three_digits_are_shown_and_the_scope_and_percentile_are_those_asked_for():
    verdict = judged(LatencyBudget(99.5, percentile=50, scope="model-only"), latency_run([120_400_000] * 400))
    assert verdict.message == (
        "p50 120 ms > 99.5 ms model-only for fast on cpu/street (n=400, 400 over, 95 % interval 120..120 ms)"
    )


def test_an_exceedance_is_a_call_above_the_budget_not_one_at_it():
    assert judged(LatencyBudget(10), latency_run([10 * MS] * 400)).outcome is Outcome.PASS
    assert judged(LatencyBudget(10), latency_run([10 * MS + 1] * 400)).outcome is Outcome.FAIL


def test_too_few_calls_name_the_least_number_and_the_cap_that_it_takes():
    verdict = judged(LatencyBudget(50), latency_run([10 * MS] * 30, duration_s=30))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        f"p95 10 ms against 50 ms {PLACE} (n=30, 0 over, 95 % interval 10..? ms); undecided after 30 s: a PASS needs "
        f"at least 82 calls, the cap allowed 30; raise --rfperf-cap to 98 s or more"
    )


def test_a_rate_at_the_limit_stays_undecided_and_says_which_rate_may_be():
    latencies = np.full(400, 10 * MS)
    latencies[::20] = 60 * MS
    verdict = judged(LatencyBudget(50), latency_run(latencies, duration_s=30))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        f"p95 10 ms against 50 ms {PLACE} (n=400, 20 over, 95 % interval 10..60 ms); undecided after 30 s: too few "
        f"calls to tell: 5.0% of calls were over the budget, 5.0% may be; {UNDECIDED}"
    )


def test_slow_calls_in_one_burst_decide_nothing():
    latencies = np.full(400, 10 * MS)
    latencies[100:200] = 60 * MS
    verdict = judged(LatencyBudget(50), latency_run(latencies))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "undecided after 4 s: slow calls come in bursts (autocorrelation time 71 calls)" in verdict.message


def test_failed_requests_are_infinite_and_counted():
    latencies = shuffled(FAILED_NS, 10 * MS, 0.4)
    verdict = judged(LatencyBudget(50), latency_run(latencies))
    failed = int((latencies == FAILED_NS).sum())
    assert (verdict.outcome, verdict.measured) == (Outcome.FAIL, float("inf"))
    assert verdict.message.startswith(
        f"p95 infinite (failed requests) > 50 ms {PLACE} (n=400, {failed} over, 95 % interval inf..inf ms, {failed} failed"
    )


def test_failed_requests_of_a_one_thread_detector_are_no_contention():
    """A request that failed took no CPU time that could be compared with its infinite latency."""
    run = latency_run([FAILED_NS] * 100, cpu_ns=[0] * 100)
    assert judged(LatencyBudget(50), run).outcome is Outcome.FAIL


def test_failed_requests_exceed_every_budget():
    """The longest budget that is taken is far shorter than the number that stands for a failed request."""
    assert judged(LatencyBudget(1e9), latency_run([FAILED_NS] * 400)).outcome is Outcome.FAIL


def test_a_contended_run_without_a_clean_call_decides_nothing():
    run = latency_run([60 * MS] * 100, cpu_ns=[30 * MS] * 100, steal_ratio=0.04)
    verdict = judged(LatencyBudget(50), run)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        f"p95 60 ms against 50 ms {PLACE} (n=100, 100 over, 95 % interval 60..60 ms); undecided after 4 s: host "
        f"contended (CPU share 0.50, steal 4%); no call had a CPU for itself"
    )


def test_a_contended_run_shows_what_its_clean_calls_give():
    slow = shuffled(True, False, 0.5)
    run = latency_run(np.where(slow, 80, 48) * MS, cpu_ns=np.where(slow, 40, 48) * MS)
    verdict = judged(LatencyBudget(50), run)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    clean = int((~slow).sum())
    share = (40 * (400 - clean) + 48 * clean) / (80 * (400 - clean) + 48 * clean)
    assert verdict.message.endswith(
        f"undecided after 4 s: host contended (CPU share {share:.2f}, steal not observable); {clean} clean calls alone "
        f"give p95 48 ms; run it on a calmer host"
    )


def test_clean_calls_of_a_contended_run_can_prove_a_fail():
    slow = shuffled(True, False, 0.5)
    run = latency_run(np.where(slow, 80, 60) * MS, cpu_ns=np.where(slow, 40, 60) * MS)
    verdict = judged(LatencyBudget(50), run)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message.endswith(
        f"decided on {(count := int((~slow).sum()))} of {count} calls that contention cannot explain)"
    )


def test_contention_never_forbids_a_pass():
    run = latency_run([40 * MS] * 100, cpu_ns=[20 * MS] * 100)
    assert judged(LatencyBudget(50), run).outcome is Outcome.PASS


def test_a_pace_that_the_cap_cannot_hold_is_said_without_measuring():
    bench = FakeBench(cap_s=10)
    verdict = LatencyBudget(50, percentile=99, pace="200ms").judge(bench)
    assert bench.asked == []
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, None)
    assert verdict.message == (
        "not measured: a PASS needs at least 417 calls, 83 s of gaps of 200ms alone, and the cap is 10 s; raise "
        "--rfperf-cap"
    )


@pytest.mark.parametrize(
    ("keywords", "shape"),
    [
        ({}, LoadShape("end-to-end", 0)),
        ({"scope": "model-only", "pace": "200ms"}, LoadShape("model-only", 200 * MS)),
        ({"pace": "0.5 ms"}, LoadShape("end-to-end", MS // 2)),
    ],
)
def test_scope_and_pace_make_the_load_shape_that_is_measured(keywords, shape):
    bench = FakeBench(run=latency_run([10 * MS] * 400))
    LatencyBudget(50, **keywords).judge(bench)
    assert bench.asked == [("latency", shape)]


def test_measuring_stops_at_the_first_block_that_decides():
    bench = LoopBench([10 * MS])
    verdict = LatencyBudget(50).judge(bench)
    assert verdict.outcome is Outcome.PASS
    assert [run.calls for run in bench.reports] == list(range(10, 91, 10))


def test_a_true_rate_at_the_limit_is_measured_up_to_the_cap_and_stays_undecided():
    trace = np.repeat([60 * MS, 10 * MS], [150, 2850])
    np.random.default_rng(7).shuffle(trace)
    assert (trace > 50 * MS).mean() == 0.05
    bench = LoopBench(trace.tolist())
    verdict = LatencyBudget(50).judge(bench)
    last = bench.reports[-1]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert bench.cap_s <= last.duration_s < bench.cap_s + 0.1
    assert f"n={last.calls}" in verdict.message
    assert verdict.message.endswith(UNDECIDED)
