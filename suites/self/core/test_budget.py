"""Whether a percentile keeps a budget, on a host that may be busy with something else."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.autocorrelation import autocorrelation_time
from pytest_rfperf.core.budget import cpu_share, decide_budget, decide_median, decide_rate, exceedance_rate
from pytest_rfperf.core.evidence import rate_evidence
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.data.verdict import Outcome

ERRORS = {"alpha": 0.05, "beta": 0.05}
BUDGET_NS = 50_000_000
FAST_NS, SLOW_NS = 10_000_000, 80_000_000


def spread(over, calls):
    """A series in which `over` of the calls exceed, evenly spread, so that they depend on no others."""
    exceeded = np.zeros(calls, dtype=bool)
    exceeded[(np.arange(over) * calls) // max(1, over)] = True
    return exceeded


def latencies(exceeded):
    return np.where(exceeded, SLOW_NS, FAST_NS).astype(np.int64)


def decide(latencies_ns, cpu_ns=None, percentile=95.0):
    return decide_budget(latencies_ns, cpu_ns, BUDGET_NS, percentile, **ERRORS)


@pytest.mark.parametrize(("percentile", "rate"), [(95, 0.05), (99, 0.01), (99.9, 0.001), (90, 0.1), (50, 0.5)])
def test_the_allowed_rate_has_no_float_error_of_its_own(percentile, rate):
    assert exceedance_rate(percentile) == rate


def test_a_subtraction_in_floats_would_have_one():
    assert 1 - 95 / 100 != 0.05


@pytest.mark.parametrize(("percentile", "calls"), [(90, 40), (95, 82), (99, 417)])
def test_the_least_calls_that_pass_a_budget(percentile, calls):
    assert decide(np.full(calls, FAST_NS), percentile=percentile).rate.outcome is Outcome.PASS
    undecided = decide(np.full(calls - 1, FAST_NS), percentile=percentile).rate
    assert (undecided.outcome, undecided.reason) == (Outcome.INCONCLUSIVE, "too few calls to tell")


def test_a_latency_of_exactly_the_budget_keeps_it():
    assert decide(np.full(82, BUDGET_NS)).rate.outcome is Outcome.PASS
    assert decide(np.full(82, BUDGET_NS + 1)).rate.outcome is Outcome.FAIL


def test_no_calls_decide_nothing():
    none = np.zeros(0, dtype=np.int64)
    for cpu_ns in (None, none):
        decision = decide(none, cpu_ns)
        assert decision.rate.outcome is Outcome.INCONCLUSIVE
        assert decision.cpu_share is None


def test_calls_that_clearly_exceed_fail():
    decision = decide(latencies(spread(40, 200)))
    assert (decision.rate.outcome, decision.rate.exceedances, decision.rate.calls) == (Outcome.FAIL, 40, 200)
    assert decision.rate.reason == ""


def test_exactly_5_percent_over_is_undecidable_for_p95_however_often_one_peeks():
    """Seeded calls of a true rate of exactly 5 %, and an order of calls in which exactly one in twenty exceeds."""
    random = np.random.default_rng(20)
    by_chance = random.random(4000) < 0.05
    by_count = np.concatenate([random.permutation(np.arange(20) == 0) for _ in range(200)])
    for exceeded in (by_chance, by_count):
        for calls in range(10, len(exceeded) + 1, 10):
            assert decide(latencies(exceeded[:calls])).rate.outcome is Outcome.INCONCLUSIVE
    assert by_count.mean() == 0.05


def test_alpha_is_the_error_of_fail_and_beta_that_of_pass():
    slow, fast = spread(12, 40), spread(0, 100)
    assert decide_rate(slow, 0.05, alpha=0.05, beta=1e-9).outcome is Outcome.FAIL
    assert decide_rate(slow, 0.05, alpha=1e-9, beta=0.05).outcome is Outcome.INCONCLUSIVE
    assert decide_rate(fast, 0.05, alpha=1e-9, beta=0.05).outcome is Outcome.PASS
    assert decide_rate(fast, 0.05, alpha=0.05, beta=1e-9).outcome is Outcome.INCONCLUSIVE


# Autocorrelation


def bursts(over, calls, length):
    """A series in which calls exceed in bursts of `length`, evenly spread."""
    return np.repeat(spread(over // length, calls // length), length)


def test_calls_in_bursts_prove_less_than_as_many_spread_ones():
    apart, together = decide_rate(spread(40, 400), 0.05, **ERRORS), decide_rate(bursts(40, 400, 5), 0.05, **ERRORS)
    assert apart.outcome is Outcome.FAIL
    assert together.outcome is Outcome.INCONCLUSIVE
    assert together.tau > 2
    assert together.reason == "too few independent calls to tell"


def test_both_counts_are_divided_by_the_autocorrelation_time():
    """About the number of exceedances at which the divided counts cross and the plain ones crossed long ago."""
    outcomes = set()
    for over in range(60, 200, 4):
        exceeded = bursts(over, 1000, 4)
        tau, k = autocorrelation_time(exceeded), int(exceeded.sum())
        fails = rate_evidence(k / tau, 1000 / tau, 0.05).log_high >= np.log(20)
        decision = decide_rate(exceeded, 0.05, **ERRORS)
        assert (decision.outcome is Outcome.FAIL) == fails
        assert rate_evidence(k, 1000, 0.05).log_high < np.log(20) or decision.tau == tau
        outcomes.add(decision.outcome)
    assert outcomes == {Outcome.FAIL, Outcome.INCONCLUSIVE}


def test_bursts_of_more_than_ten_calls_decide_nothing():
    decision = decide_rate(bursts(2000, 10_000, 40), 0.05, **ERRORS)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.tau > 10
    assert decision.reason == f"slow calls come in bursts (autocorrelation time {decision.tau:.0f} calls)"
    assert (decision.exceedances, decision.calls) == (2000, 10_000)


def test_a_run_shorter_than_twenty_autocorrelation_times_decides_nothing():
    exceeded = bursts(40, 80, 8)
    tau = autocorrelation_time(exceeded)
    assert 19 < len(exceeded) / tau < 20
    short = decide_rate(exceeded, 0.05, **ERRORS)
    assert (short.outcome, short.tau) == (Outcome.INCONCLUSIVE, tau)
    assert short.reason == "too few calls for calls that depend on each other"


def test_a_run_longer_than_twenty_autocorrelation_times_decides():
    exceeded = bursts(60, 120, 10)
    assert 20 < len(exceeded) / autocorrelation_time(exceeded) < 25
    assert decide_rate(exceeded, 0.05, **ERRORS).outcome is Outcome.FAIL


def test_a_constant_series_needs_no_twenty_calls():
    decision = decide_rate(np.ones(10, dtype=bool), 0.05, **ERRORS)
    assert (decision.outcome, decision.tau) == (Outcome.FAIL, 1.0)


@settings(max_examples=150, deadline=None)
@given(strategies.indicators(), st.sampled_from((0.5, 0.2, 0.05)))
def test_dependence_never_turns_a_doubt_into_a_verdict(exceeded, p0):
    decision = decide_rate(exceeded, p0, **ERRORS)
    plain = rate_evidence(int(exceeded.sum()), len(exceeded), p0)
    if decision.outcome is Outcome.PASS:
        assert plain.log_low >= np.log(20)
    if decision.outcome is Outcome.FAIL:
        assert plain.log_high >= np.log(20)
    assert (decision.reason == "") == (decision.outcome is not Outcome.INCONCLUSIVE)
    assert (decision.exceedances, decision.calls) == (exceeded.sum(), len(exceeded))


# Contention


def test_without_cpu_time_all_calls_decide_and_nothing_is_said_of_contention():
    decision = decide(latencies(spread(40, 200)))
    assert decision.rate.outcome is Outcome.FAIL
    assert decision.cpu_share is decision.clean_calls is None


@pytest.mark.parametrize(("share", "calm"), [(1.0, True), (0.95, True), (0.949, False), (0.5, False)])
def test_a_host_is_calm_where_calls_had_a_cpu_for_at_least_95_percent_of_their_time(share, calm):
    walls = latencies(spread(40, 200))
    decision = decide(walls, (walls * share).astype(np.int64))
    assert decision.cpu_share == pytest.approx(share, abs=1e-6)
    assert decision.rate.outcome is (Outcome.FAIL if calm else Outcome.INCONCLUSIVE)
    assert (decision.clean_calls is None) == calm


def test_on_a_calm_host_calls_that_were_not_clean_count_as_well():
    """A slow call that lost the CPU for a while is one of the calls that users see."""
    exceeded = spread(12, 400)
    walls = latencies(exceeded)
    cpus = np.where(exceeded, 0.96 * walls, walls).astype(np.int64)
    decision = decide(walls, cpus, percentile=99)
    assert decision.cpu_share >= 0.95
    assert (decision.rate.outcome, decision.rate.exceedances) == (Outcome.FAIL, 12)


def contended(exceeded, clean):
    """Latencies and CPU times of a contended host on which the marked calls had a CPU for themselves."""
    walls = latencies(exceeded)
    return walls, np.where(clean, walls, walls // 4).astype(np.int64)


def test_a_contended_host_passes_where_all_calls_pass():
    """Contention only adds time: what keeps the budget here keeps it anywhere."""
    walls, cpus = contended(spread(0, 100), clean=spread(20, 100))
    decision = decide(walls, cpus)
    assert (decision.rate.outcome, decision.rate.calls) == (Outcome.PASS, 100)
    assert decision.cpu_share < 0.95
    assert decision.clean_calls == 20


def test_a_contended_host_fails_where_the_clean_calls_alone_fail():
    clean = np.arange(400) % 2 == 0
    walls, cpus = contended(np.arange(400) % 8 == 0, clean)
    decision = decide(walls, cpus)
    assert decision.cpu_share < 0.95
    assert (decision.rate.outcome, decision.rate.exceedances, decision.rate.calls) == (Outcome.FAIL, 50, 200)
    assert decision.clean_calls == 200


def test_a_contended_host_decides_nothing_where_only_contended_calls_are_slow():
    clean = np.arange(400) % 2 == 0
    walls, cpus = contended(np.arange(400) % 4 == 1, clean)
    assert decide(walls).rate.outcome is Outcome.FAIL
    decision = decide(walls, cpus)
    assert (decision.rate.outcome, decision.rate.reason) == (Outcome.INCONCLUSIVE, "host contended")
    assert (decision.rate.exceedances, decision.rate.calls, decision.clean_calls) == (100, 400, 200)


def test_clean_calls_that_pass_alone_do_not_pass_a_contended_host():
    """Which calls are clean is chosen by the host, and it may favour the fast ones."""
    walls, cpus = contended(np.arange(2000) % 20 == 1, clean=np.arange(2000) % 2 == 0)
    assert decide(walls[::2]).rate.outcome is Outcome.PASS
    assert decide(walls, cpus).rate.outcome is Outcome.INCONCLUSIVE


def test_a_contended_host_without_a_clean_call_decides_nothing():
    walls, cpus = contended(spread(100, 100), clean=spread(0, 100))
    decision = decide(walls, cpus)
    assert (decision.rate.outcome, decision.clean_calls) == (Outcome.INCONCLUSIVE, 0)


@pytest.mark.parametrize(("ratio", "clean"), [(0.96, False), (0.98, True)])
def test_a_call_is_clean_above_97_percent_of_cpu_time(ratio, clean):
    walls = np.full(100, SLOW_NS)
    cpus = np.where(np.arange(100) % 2 == 0, ratio * walls, 0.2 * walls).astype(np.int64)
    decision = decide(walls, cpus)
    assert decision.clean_calls == (50 if clean else 0)
    assert decision.rate.outcome is (Outcome.FAIL if clean else Outcome.INCONCLUSIVE)


@settings(max_examples=150, deadline=None)
@given(strategies.indicators(max_size=240), st.sampled_from((0.1, 0.5, 0.9, 1.0)), st.integers(0, 2**32 - 1))
def test_contention_never_adds_a_verdict(exceeded, clean_share, seed):
    """A PASS is one of all calls, a FAIL one of all calls or of the clean ones."""
    walls, cpus = contended(exceeded, np.random.default_rng(seed).random(len(exceeded)) < clean_share)
    decision, everything = decide(walls, cpus), decide(walls)
    clean = decide(walls[cpus == walls])
    if decision.rate.outcome is Outcome.PASS:
        assert everything.rate.outcome is Outcome.PASS
    if decision.rate.outcome is Outcome.FAIL:
        assert Outcome.FAIL in {everything.rate.outcome, clean.rate.outcome}
    if decision.clean_calls is None:
        assert decision.rate == everything.rate


# Failed requests


def test_failed_requests_are_exceedances_of_any_budget():
    walls = latencies(spread(0, 200))
    walls[spread(40, 200)] = FAILED_NS
    decision = decide_budget(walls, None, 1e15, 95, **ERRORS)
    assert (decision.rate.outcome, decision.rate.exceedances) == (Outcome.FAIL, 40)


def test_one_failed_request_in_many_does_not_fail_a_p95():
    walls = latencies(spread(0, 500))
    walls[250] = FAILED_NS
    decision = decide(walls)
    assert (decision.rate.outcome, decision.rate.exceedances) == (Outcome.PASS, 1)


@pytest.mark.parametrize("failed", [40, 200])
def test_failed_requests_fail_a_budget_also_where_cpu_time_is_known(failed):
    """They took no measurable time; that is no contention, and no clean call is needed to see them."""
    walls = latencies(spread(0, 200))
    cpus = walls.copy()
    walls[spread(failed, 200)] = FAILED_NS
    cpus[spread(failed, 200)] = 0
    assert decide(walls, cpus).rate.outcome is Outcome.FAIL


def test_a_failed_request_does_not_make_a_calm_host_contended():
    walls = latencies(spread(0, 500))
    cpus = walls.copy()
    walls[250], cpus[250] = FAILED_NS, 0
    assert cpu_share(walls, cpus) == pytest.approx(1.0)
    assert decide(walls, cpus).clean_calls is None


# CPU share


def test_cpu_share_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    assert cpu_share(np.array([100, 900]), np.array([100, 450])) == 0.55


def test_cpu_share_of_nothing_is_not_observable():
    none = np.zeros(0, dtype=np.int64)
    assert cpu_share(none, none) is cpu_share(np.array([1]), None) is None


def test_cpu_share_does_not_overflow():
    walls = np.full(10, 2**62)
    assert cpu_share(walls, walls) == 1.0


# Medians


@pytest.mark.parametrize(("value", "outcome"), [(False, Outcome.PASS), (True, Outcome.FAIL)])
def test_a_median_needs_six_observations_of_one_kind(value, outcome):
    five, six = decide_median(np.full(5, value), **ERRORS), decide_median(np.full(6, value), **ERRORS)
    assert (five.outcome, five.reason) == (Outcome.INCONCLUSIVE, "too few to tell")
    assert (six.outcome, six.reason) == (outcome, "")
    assert (six.exceedances, six.calls) == (6 * value, 6)


def test_a_median_with_one_of_the_other_kind_needs_more_than_six():
    assert decide_median(np.arange(7) == 0, **ERRORS).outcome is Outcome.INCONCLUSIVE
    assert decide_median(np.arange(12) == 0, **ERRORS).outcome is Outcome.PASS
    assert decide_median(np.arange(12) != 0, **ERRORS).outcome is Outcome.FAIL


def test_observations_of_a_median_are_taken_as_independent():
    """Each is a process or a block of its own: an order that looks like a burst divides nothing."""
    decision = decide_median(np.arange(40) < 4, **ERRORS)
    assert (decision.outcome, decision.tau) == (Outcome.PASS, 1.0)


def test_failures_on_a_contended_host_are_weighed_among_all_calls():
    """Four failures in 110 calls keep a p95 budget; dropping the other calls as unclean would make them 4 of 4."""
    latencies = np.full(110, 10_000_000)
    latencies[10::30] = FAILED_NS
    decision = decide_budget(latencies, latencies // 2 * (latencies != FAILED_NS), 50e6, 95, alpha=0.05, beta=0.05)
    assert decision.rate.outcome is not Outcome.FAIL
    assert decision.clean_calls == 0
