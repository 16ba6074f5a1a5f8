"""Plans: what gates are expected to need, by their own rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import MS, LoopBench
from hypothesis import given
from hypothesis import strategies as st
from passes import coco_results, ground_truth

from pytest_rfperf.core.evidence import rate_evidence
from pytest_rfperf.core.forecast import (
    Sides,
    _boundaries,
    budget_rule,
    count_for,
    forecast,
    forecast_here,
    half_rule,
    looks_at,
)
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.planning import (
    LEAST_IMAGES,
    MARGINS,
    adjacent_log_ratios,
    budget_sides,
    images_for,
    images_power,
    nearest,
    pair_sides,
    start_sides,
    stored_power,
    tail_sides,
)
from pytest_rfperf.core.regression import tail_exceedances
from pytest_rfperf.core.resampling import resampled_ap
from pytest_rfperf.data.estimate import Resampled
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.gates.gate import make_gate

P95 = budget_rule(95, 0.05, 0.05)
HALF = half_rule(0.05, 0.05)
LOOKS = looks_at(0.01, 30)
FOUND = Resampled(0.5, -math.inf, math.inf, 0.02, 100, 0.95)

times = st.lists(st.floats(1, 1e9), min_size=20, max_size=300).map(np.array)


def lognormal(count, seed=1, spread=0.1):
    return np.exp(spread * np.random.default_rng(seed).standard_normal(count))


@pytest.mark.parametrize(("percentile", "least"), [(90, 40), (95, 82), (99, 417)])
def test_without_exceedances_the_least_number_of_calls_decides(percentile, least):
    rule = budget_rule(percentile, 0.05, 0.05)
    found = forecast(Sides(0.0, 1.0), rule, np.arange(1, 600))
    assert (rule.least, found.needed, found.power) == (least, least, 1.0)


@pytest.mark.parametrize("margin", MARGINS)
def test_the_forecast_is_what_the_gate_then_uses(margin):
    """The gate itself, in fake time, on calls of 10 ms and a budget that lies the margin above their true p95."""
    latencies = 10 * MS * lognormal(200_000)
    budget_ms = nearest(latencies, 95) / (1 - margin) / 1e6
    used = []
    for seed in range(40):
        drawn = np.random.default_rng(seed).choice(latencies, 4000).astype(np.int64)
        bench = LoopBench(drawn.tolist())
        verdict = make_gate("latency_budget", (budget_ms,), {}).judge(bench)
        assert verdict.outcome is Outcome.PASS
        used.append(bench.reports[-1].calls)
    expected = forecast_here(latencies > budget_ms * 1e6, P95, LOOKS, Outcome.PASS)
    assert expected.power == 1.0
    assert np.median(used) == pytest.approx(expected.needed, rel=0.25)


@given(times, st.sampled_from([50, 90, 95, 99]), st.sampled_from(MARGINS), st.floats(1e-3, 1e3))
def test_a_margin_is_a_share_of_the_limit_whatever_the_scale(seen, percentile, margin, scale):
    sides = budget_sides(seen, percentile, margin)
    allowed = 1 - percentile / 100
    assert np.mean(sides.within) <= allowed + 1e-9
    assert np.mean(sides.beyond) >= allowed
    power_of_two = 2.0 ** round(math.log2(scale))
    again = budget_sides(seen * power_of_two, percentile, margin)
    assert all(np.array_equal(one, other) for one, other in zip(sides, again, strict=True))


@given(times, st.sampled_from(MARGINS))
def test_pairs_lie_on_both_sides_of_half_wherever_their_middle_was_seen(seen, margin):
    log_ratios = np.log(seen)
    within, beyond = pair_sides(log_ratios, margin)
    assert np.mean(within) <= 0.5 <= np.mean(beyond)
    assert np.array_equal(pair_sides(log_ratios + 2, margin).within, within) or np.ptp(log_ratios) < 1


def test_without_samples_a_spread_is_assumed_that_draws_of_it_confirm():
    seen = lognormal(100_000)
    for margin in MARGINS:
        for assumed, sides in (
            (budget_sides(None, 95, margin), budget_sides(seen, 95, margin)),
            (pair_sides(None, margin), pair_sides(adjacent_log_ratios(seen), margin)),
        ):
            assert [np.mean(side) for side in sides] == pytest.approx(list(assumed), abs=0.01)


@pytest.mark.parametrize(("spread", "each_s"), [(0.1, 0.02), (0.4, 0.02), (0.2, 0.1)])
def test_a_wider_margin_and_a_longer_cap_never_cost_power(spread, each_s):
    seen = lognormal(400, spread=spread)
    powers = [
        [forecast(budget_sides(seen, 95, margin), P95, looks_at(each_s, cap_s)).power for cap_s in (3, 10, 30)]
        for margin in MARGINS
    ]
    drawn = 0.15
    assert all(far >= near - drawn for near, far in zip(*powers, strict=True))
    assert all(row[0] <= row[1] + drawn and row[1] <= row[2] + drawn for row in powers)


def test_calls_that_are_slow_in_bursts_are_told_less_surely():
    """As many exceedances, one by one and eight in a row: what comes in bursts counts for fewer calls."""
    independent = np.tile(np.arange(50) == 0, 8)
    bursts = np.repeat([False, True, False, False], [96, 8, 96, 200])
    assert independent.mean() == bursts.mean() == 0.02
    apart, together = (forecast_here(one, P95, looks_at(0.005, 10), Outcome.PASS) for one in (independent, bursts))
    assert apart.power == 1.0
    assert together.power < 0.95


def test_failed_calls_are_over_every_budget():
    seen = np.r_[np.full(80, 1.0), np.full(20, np.inf)]
    assert nearest(seen, 95) == math.inf
    assert budget_sides(seen, 50, 0.2).within.sum() == 20


@given(st.floats(1e-5, 100), st.floats(0.01, 1e5))
def test_a_gate_looks_from_the_first_block_up_to_its_cap(each_s, cap_s):
    looks = looks_at(each_s, cap_s)
    assert (np.diff(looks) > 0).all()
    assert 1 <= looks[0] <= 10
    assert looks[-1] == min(100_000, math.ceil(cap_s / each_s))
    assert len(looks) < 400


@pytest.mark.parametrize("rule", [P95, budget_rule(99.9, 0.05, 0.05), HALF, half_rule(0.025, 0.05)])
def test_boundaries_are_those_of_the_evidence(rule):
    looks = (1, 7, 83, 400)
    for n, most, fewest in zip(looks, *_boundaries(rule, looks), strict=True):
        evidence = [rate_evidence(k, n, rule.p0, rule.prior) for k in range(n + 1)]
        assert most == max((k for k in range(n + 1) if evidence[k].log_low >= -math.log(rule.beta)), default=-1)
        enough = [k for k in range(n + 1) if evidence[k].log_high >= -math.log(rule.alpha)]
        assert fewest == min(enough, default=n + 1)


def test_a_fail_that_must_repeat_is_less_likely_and_takes_longer():
    sides = Sides(0.2, 0.6)
    looks = looks_at(0.01, 5)
    once, twice = (forecast(sides, HALF, looks, fail_repeats=repeats) for repeats in (False, True))
    assert twice.power == pytest.approx(once.power**2)
    assert twice.needed == pytest.approx(2 * once.needed, abs=1) if once.needed else twice.needed is None


def test_a_wrong_verdict_is_no_power():
    for rate, wrong in ((0.0, Outcome.FAIL), (0.5, Outcome.PASS)):
        found = forecast_here(rate, P95, LOOKS, wrong)
        assert (found.needed, found.power) == (None, 0.0)


def test_a_count_for_power_reaches_it():
    sides = budget_sides(None, 95, 0.05)
    needed = count_for(sides, P95)
    assert forecast(sides, P95, looks_at(1.0, float(needed))).power >= 0.7
    assert forecast(sides, P95, looks_at(1.0, needed / 3)).power < 0.7
    assert count_for(Sides(0.05, 0.05), P95) is None


def test_tails_are_told_apart_by_few_pairs():
    seen = lognormal(20_000)
    (within, beyond), share = tail_sides(seen, 95, 0.05)
    first, second = np.random.default_rng(3).permutation(seen), seen
    exceeded = tail_exceedances(first * 1.05, second, 95)
    assert exceeded.mean() == pytest.approx(beyond, abs=0.05)
    assert len(exceeded) / len(seen) == pytest.approx(share, abs=0.01)
    assert within < 0.5 < beyond


def test_starts_are_few_so_a_small_margin_stays_undecided():
    rule = half_rule(0.05, 0.05, dependent=False)
    near, far = (forecast(start_sides(margin), rule, np.arange(1, 21)) for margin in MARGINS)
    assert near.needed is None
    assert near.power < 0.5
    assert (far.needed, far.power > 0.9) == (6, True)


@given(st.floats(0.001, 0.3), st.floats(0.001, 0.3))
def test_images_needed_give_the_usual_power(sd, margin):
    found = replace(FOUND, sd=sd)
    needed = images_for(found, margin)
    as_many = replace(found, sd=sd * math.sqrt(found.images / needed), images=needed)
    assert images_power(as_many, margin) >= 0.799
    assert needed == found.images or images_power(found, margin) < 0.8


def test_too_few_images_have_no_power_at_all():
    assert images_power(replace(FOUND, sd=math.inf), 0.5) == 0.0
    assert images_for(replace(FOUND, sd=math.inf), 0.5) is None
    assert (images_power(replace(FOUND, sd=0.0), 0.01), images_power(replace(FOUND, sd=0.0, unseen=0.1), 0.01)) == (
        1,
        0,
    )


def test_the_least_images_are_those_that_resampling_asks_for():
    for images, few in ((LEAST_IMAGES - 1, True), (LEAST_IMAGES, False)):
        objects = [(rank, 0, 1, 1, 60, 60) for rank in range(images)]
        found = [(*row, 0.9 - 0.01 * row[0]) for row in objects[1:]]
        records = match(ground_truth(objects), coco_results(found), 1)
        assert math.isinf(resampled_ap(records, images, certainty=None).sd) is few


def test_recorded_numbers_tell_apart_what_lies_beyond_their_own_noise():
    steady, noisy = [10, 10.01, 9.99, 10, 10.01], [10, 11, 9, 10.5, 9.5]
    assert stored_power(steady, 0.025, 0.05) > 0.95
    assert stored_power(noisy, 0.025, 0.05) < 0.05
    assert stored_power(noisy, 0.025, 0.2) < 0.5
