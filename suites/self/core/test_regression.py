"""Whether one detector is slower than another, from calls made in turns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from error_rates.trace_files import latency_run
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.evidence import HALF_PRIOR, rate_evidence
from pytest_rfperf.core.regression import decide_regression, least_pairs, pairs_behind, tail_exceedances
from pytest_rfperf.data.runs import FAILED_NS, PairedRun
from pytest_rfperf.data.verdict import Outcome

MS = 1_000_000
relaxed = settings(max_examples=80, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def paired(first, second, first_cpu=None, second_cpu=None):
    sides = ((first, first_cpu), (second, second_cpu))
    as_int = [[None if values is None else np.asarray(values, dtype=np.int64) for values in side] for side in sides]
    return PairedRun(*(latency_run(wall, cpu) for wall, cpu in as_int))


def decide(run, limit=1.025, *, percentile=50, alpha=0.05, beta=0.05, cpu_may_fail=True):
    return decide_regression(run, limit, percentile=percentile, alpha=alpha, beta=beta, cpu_may_fail=cpu_may_fail)


def times(seed, pairs, *, ratio=1.0, noise=0.02):
    """Both sides' times in ns, of which the first's are `ratio` times as long."""
    first, second = 3 * MS * np.random.default_rng(seed).lognormal(0, noise, (2, pairs))
    return (ratio * first).astype(np.int64), second.astype(np.int64)


def mixed(over, pairs):
    """Times of which the first's is twice the second's in `over` pairs, evenly spread, and half of it in the others."""
    slow = np.zeros(pairs, dtype=bool)
    slow[(np.arange(over) * pairs) // max(1, over)] = True
    return np.where(slow, 2 * MS, MS // 2), np.full(pairs, MS)


# Medians


@pytest.mark.parametrize(("ratio", "outcome"), [(1.0, Outcome.PASS), (1.05, Outcome.FAIL), (1.1, Outcome.FAIL)])
@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_host_decides_5_percent_within_200_pairs(ratio, outcome, seed):
    assert decide(paired(*times(seed, 200, ratio=ratio))).outcome is outcome


def test_six_pairs_of_one_kind_are_the_fewest_that_pass():
    assert decide(paired([MS] * 6, [MS] * 6)).outcome is Outcome.PASS
    assert decide(paired([MS] * 5, [MS] * 5)).outcome is Outcome.INCONCLUSIVE
    assert least_pairs(50, 0.05) == 6


def test_a_ratio_of_exactly_the_limit_keeps_it():
    assert decide(paired([1025] * 40, [1000] * 40)).outcome is Outcome.PASS
    assert decide(paired([1026] * 40, [1000] * 40)).outcome is Outcome.FAIL


def test_no_pairs_decide_nothing():
    for percentile in (50, 95):
        for cpu in (None, []):
            found = decide(paired([], [], cpu, cpu), percentile=percentile)
            assert found.outcome is Outcome.INCONCLUSIVE
            assert found.wall.calls == 0


@relaxed
@given(seeds, st.sampled_from((0.9, 1.0, 1.05, 1.2)), st.sampled_from((50, 90, 95)), st.sampled_from((0.5, 1.0, 2.0)))
def test_sides_that_change_places_change_pass_and_fail(seed, ratio, percentile, limit):
    first, second = times(seed, 400, ratio=limit * ratio, noise=0.1)
    found = decide(paired(first, second), limit, percentile=percentile)
    swapped = decide(paired(second, first), 1 / limit, percentile=percentile)
    other = {Outcome.PASS: Outcome.FAIL, Outcome.FAIL: Outcome.PASS, Outcome.INCONCLUSIVE: Outcome.INCONCLUSIVE}
    assert swapped.outcome is other[found.outcome]
    assert swapped.wall.calls == found.wall.calls
    assert swapped.wall.exceedances == found.wall.calls - found.wall.exceedances


@relaxed
@given(seeds, st.sampled_from((0.9, 1.0, 1.05, 1.2)), st.sampled_from((50, 95)), st.sampled_from((2, 8, 64)))
def test_a_host_that_is_so_many_times_as_slow_gives_the_same_verdict(seed, ratio, percentile, slower):
    first, second = times(seed, 300, ratio=ratio, noise=0.1)
    run, slow = paired(first, second), paired(slower * first, slower * second)
    assert decide(run, percentile=percentile) == decide(slow, percentile=percentile)


# Failed calls


def test_a_failed_call_of_the_first_is_slower_than_any_limit():
    first, second = mixed(32, 40)
    first[first > second] = FAILED_NS
    assert decide(paired(first, second), 1000).outcome is Outcome.FAIL
    first[first < second] = FAILED_NS
    assert decide(paired(first, second), 1000).outcome is Outcome.FAIL


def test_a_pair_whose_second_call_failed_tells_nothing_of_the_median():
    first, second = np.full(40, MS), np.full(40, MS)
    second[:30] = FAILED_NS
    found = decide(paired(first, second))
    assert (found.outcome, found.wall.calls) == (Outcome.PASS, 10)


def test_of_the_tail_a_failed_call_counts_against_its_side_and_one_of_the_other_is_left_out():
    first, second = times(1, 1000)
    failing = np.random.default_rng(2).random(1000) < 0.1
    spoilt = np.where(failing, FAILED_NS, first)
    assert decide(paired(spoilt, second), percentile=95).outcome is Outcome.FAIL
    left = decide(paired(second[~failing], first[~failing]), percentile=95)
    assert decide(paired(second, spoilt), percentile=95) == left


@pytest.mark.parametrize("percentile", [50, 95])
def test_cpu_time_of_failed_calls_is_not_asked(percentile):
    """They took none, which would speak for the side that fails."""
    first, second = times(3, 600)
    first_cpu, second_cpu = first.copy(), second.copy()
    failing = np.random.default_rng(4).random(600) < 0.3
    whole = decide(
        paired(first[~failing], second[~failing], first_cpu[~failing], second_cpu[~failing]), percentile=percentile
    )
    second[failing], second_cpu[failing] = FAILED_NS, 0
    assert decide(paired(first, second, first_cpu, second_cpu), percentile=percentile).cpu == whole.cpu


# Tails


def test_only_a_pair_of_which_one_alone_is_among_the_slowest_tells_something():
    found = decide(paired(*times(5, 4000)), 1.0, percentile=95)
    beyond = 0.1 * (4000 - pairs_behind(95))
    assert 0.8 * beyond < found.wall.calls < 1.1 * beyond


@relaxed
@given(seeds, st.floats(1.5, 1e6))
def test_a_burst_on_both_calls_of_a_pair_may_be_of_any_size(seed, size):
    """Both lie beyond the threshold anyway: it makes no difference how far."""
    random = np.random.default_rng(seed)
    first, second = random.uniform(1, 2, (2, 600))
    burst = np.flatnonzero(random.random(600) < 0.03)
    short, long = np.ones(600), np.ones(600)
    short[burst], long[burst] = 3.0, 3.0 * size
    kept = tail_exceedances(first * short, second * short, 90)
    assert np.array_equal(kept, tail_exceedances(first * long, second * long, 90))


@pytest.mark.parametrize(("ratio", "right"), [(1 / 1.25, Outcome.PASS), (1.25, Outcome.FAIL)])
def test_bursts_that_slow_both_calls_of_a_pair_hide_no_difference_of_the_tails(ratio, right):
    random = np.random.default_rng(6)
    first, second = times(6, 2000, ratio=ratio, noise=0.2)
    burst = np.where(random.random(2000) < 0.02, 10, 1)
    assert decide(paired(burst * first, burst * second), 1.0, percentile=95).outcome is right


TAILS = {
    "the same shape, slower": (lambda r, n: 1.2 * r.lognormal(0, 0.3, n), lambda r, n: r.lognormal(0, 0.3, n)),
    "the same median, a longer tail": (lambda r, n: r.lognormal(0, 0.4, n), lambda r, n: r.lognormal(0, 0.3, n)),
    "a faster median, a longer tail": (lambda r, n: 0.8 * r.lognormal(0, 0.6, n), lambda r, n: r.lognormal(0, 0.2, n)),
    "more spikes": (
        lambda r, n: r.uniform(1, 1.1, n) + 2 * (r.random(n) < 0.08),
        lambda r, n: r.uniform(1, 1.1, n) + 2 * (r.random(n) < 0.03),
    ),
    "lower spikes, but more of them": (
        lambda r, n: r.uniform(1, 1.1, n) + 2 * (r.random(n) < 0.08),
        lambda r, n: r.uniform(1, 1.1, n) + 9 * (r.random(n) < 0.03),
    ),
}
"""Pairs of sides of which the first's p95 is the larger one."""


@pytest.mark.parametrize("name", TAILS)
def test_in_the_long_run_more_than_half_exceed_exactly_where_the_firsts_percentile_is_larger(name):
    random = np.random.default_rng(9)
    slow, fast = (side(random, 40_000) for side in TAILS[name])
    assert np.quantile(slow, 0.95) > np.quantile(fast, 0.95)
    assert tail_exceedances(slow, fast, 95).mean() > 0.52
    assert tail_exceedances(fast, slow, 95).mean() < 0.48


def test_in_the_long_run_half_exceed_where_both_tails_are_alike():
    first, second = np.random.default_rng(10).lognormal(0, 0.3, (2, 40_000))
    assert tail_exceedances(first, second, 95).mean() == pytest.approx(0.5, abs=0.03)


@relaxed
@given(seeds, st.integers(0, 700), st.sampled_from((80, 90, 95)))
def test_what_comes_later_changes_nothing_that_was_counted_before(seed, pairs, percentile):
    first, second = np.random.default_rng(seed).lognormal(0, 0.3, (2, 700))
    whole, begun = (
        tail_exceedances(first, second, percentile),
        tail_exceedances(first[:pairs], second[:pairs], percentile),
    )
    assert np.array_equal(whole[: len(begun)], begun)


@pytest.mark.parametrize("percentile", [90, 95, 99])
def test_a_tail_passes_at_about_the_least_pairs_that_are_promised(percentile):
    """Where the first's tail is clearly the shorter one."""
    needed = least_pairs(percentile, 0.05)
    outcomes = []
    for seed in range(20):
        first, second = times(seed, 3 * needed, ratio=0.5)
        outcomes.append(
            [decide(paired(first[:n], second[:n]), percentile=percentile).outcome for n in (needed // 2, 3 * needed)]
        )
    early, late = (list(column) for column in zip(*outcomes, strict=True))
    assert early.count(Outcome.PASS) <= 2
    assert late.count(Outcome.PASS) == 20


# Wall and CPU time


UNDECIDED = mixed(20, 40)
SAME = times(20, 40)
SLOWER = times(20, 40, ratio=1.1)


def test_cpu_time_proves_a_fail_where_wall_time_decides_nothing():
    found = decide(paired(*UNDECIDED, *SLOWER))
    assert (found.outcome, found.by_cpu) == (Outcome.FAIL, True)
    assert (found.wall.outcome, found.cpu.outcome) == (Outcome.INCONCLUSIVE, Outcome.FAIL)


def test_cpu_time_proves_nothing_where_it_may_not():
    found = decide(paired(*UNDECIDED, *SLOWER), cpu_may_fail=False)
    assert (found.outcome, found.by_cpu, found.cpu.outcome) == (Outcome.INCONCLUSIVE, False, Outcome.FAIL)


@pytest.mark.parametrize("may_fail", [True, False])
def test_cpu_time_proves_no_pass(may_fail):
    found = decide(paired(*UNDECIDED, *SAME), cpu_may_fail=may_fail)
    assert (found.outcome, found.by_cpu, found.cpu_unchanged) == (Outcome.INCONCLUSIVE, False, True)


def test_more_cpu_time_does_not_fail_what_users_do_not_wait_longer_for():
    found = decide(paired(*SAME, *SLOWER))
    assert (found.outcome, found.by_cpu, found.cpu.outcome) == (Outcome.PASS, False, Outcome.FAIL)
    assert not found.cpu_unchanged


def test_wall_time_fails_what_cpu_time_does_not_see():
    found = decide(paired(*SLOWER, *SAME))
    assert (found.outcome, found.by_cpu, found.cpu.outcome) == (Outcome.FAIL, False, Outcome.PASS)


@pytest.mark.parametrize(("first_cpu", "second_cpu"), [(None, None), (SLOWER[0], None), (None, SAME[1])])
def test_without_cpu_time_of_both_wall_time_alone_decides(first_cpu, second_cpu):
    found = decide(paired(*UNDECIDED, first_cpu, second_cpu))
    assert (found.outcome, found.cpu, found.by_cpu, found.cpu_unchanged) == (Outcome.INCONCLUSIVE, None, False, False)


SHARING = 42
"""Pairs of which some number of exceedances proves a FAIL at 5 %, but not at 2.5 %."""


def between_alpha_and_its_half():
    evidence = [rate_evidence(k, SHARING, 0.5, HALF_PRIOR).log_high for k in range(SHARING + 1)]
    return next(k for k, found in enumerate(evidence) if -math.log(0.05) <= found < -math.log(0.025))


def test_wall_and_cpu_time_share_alpha_only_where_cpu_time_may_fail():
    over, same = between_alpha_and_its_half(), times(20, SHARING)
    walls = mixed(over, SHARING)
    assert decide(paired(*walls)).outcome is Outcome.FAIL
    assert decide(paired(*walls, *same), cpu_may_fail=False).outcome is Outcome.FAIL
    assert decide(paired(*walls, *same)).outcome is Outcome.INCONCLUSIVE
    assert decide(paired(*mixed(over + 1, SHARING), *same)).outcome is Outcome.FAIL


def test_a_pass_is_asked_for_the_whole_beta_in_any_case():
    walls, same = mixed(SHARING - between_alpha_and_its_half(), SHARING), times(20, SHARING)
    for cpu, may_fail in (((None, None), True), (same, True), (same, False)):
        assert decide(paired(*walls, *cpu), cpu_may_fail=may_fail).outcome is Outcome.PASS


@relaxed
@given(seeds, st.sampled_from((0.95, 1.0, 1.025, 1.05)), st.sampled_from((0.95, 1.0, 1.025, 1.05)), st.booleans())
def test_a_verdict_is_walls_unless_cpu_time_may_and_does_fail(seed, wall_ratio, cpu_ratio, may_fail):
    walls, cpus = times(seed, 120, ratio=wall_ratio), times(seed + 1, 120, ratio=cpu_ratio)
    found = decide(paired(*walls, *cpus), cpu_may_fail=may_fail)
    alone = decide(paired(*walls), alpha=0.025 if may_fail else 0.05)
    assert found.wall == alone.wall
    assert found.by_cpu == (may_fail and alone.outcome is Outcome.INCONCLUSIVE and found.cpu.outcome is Outcome.FAIL)
    assert found.outcome is (Outcome.FAIL if found.by_cpu else alone.outcome)
