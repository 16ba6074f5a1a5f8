"""A latency beside the numbers of earlier runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.stored_runs import LEAST_RUNS, decide_stored
from pytest_rfperf.data.verdict import Outcome

MS = 1e6
ALIKE = [20.0 * MS] * 5
STEADY = [19.9 * MS, 20.0 * MS, 20.0 * MS, 20.0 * MS, 20.1 * MS]
"""Three standard deviations of their logarithms are 1.1 %."""
RESTLESS = [18.5 * MS, 19.5 * MS, 20.0 * MS, 20.5 * MS, 21.5 * MS]
"""Three standard deviations of their logarithms are 17 %."""
runs = st.lists(st.floats(1e5, 1e9), min_size=LEAST_RUNS, max_size=12)
tolerances = st.floats(0, 0.5)


@pytest.mark.parametrize(
    ("stored", "median_ms", "outcome"),
    [
        (ALIKE, 20.4, Outcome.PASS),
        (ALIKE, 20.6, Outcome.FAIL),
        (STEADY, 20.2, Outcome.PASS),
        (STEADY, 20.4, Outcome.INCONCLUSIVE),
        (STEADY, 20.6, Outcome.FAIL),
        (RESTLESS, 17.0, Outcome.PASS),
        (RESTLESS, 20.0, Outcome.INCONCLUSIVE),
        (RESTLESS, 23.0, Outcome.INCONCLUSIVE),
        (RESTLESS, 24.0, Outcome.FAIL),
    ],
)
def test_fails_above_the_tolerance_and_three_deviations_and_passes_where_even_those_keep_it(stored, median_ms, outcome):
    assert decide_stored(median_ms * MS, stored, 0.025).outcome is outcome


def test_says_the_change_and_three_deviations():
    found = decide_stored(21 * MS, RESTLESS, 0.025)
    assert found.change == pytest.approx(0.05)
    assert found.noise == pytest.approx(3 * np.std(np.log(RESTLESS), ddof=1))


def test_compares_with_the_median_so_that_one_odd_run_moves_little():
    odd = [20 * MS] * 5 + [60 * MS]
    assert decide_stored(20 * MS, odd, 0.025).change == pytest.approx(0)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e5, 1e9), runs, tolerances, st.randoms())
def test_the_order_of_runs_says_nothing(median_ns, stored, tolerance, random):
    shuffled = random.sample(stored, len(stored))
    one, other = decide_stored(median_ns, stored, tolerance), decide_stored(median_ns, shuffled, tolerance)
    assert one.noise == pytest.approx(other.noise, rel=1e-9, abs=1e-12)
    assert one.change == pytest.approx(other.change, rel=1e-9, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e5, 1e8), runs, tolerances, st.floats(1.0, 3.0))
def test_slower_is_never_judged_better(median_ns, stored, tolerance, times):
    rank = {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 1, Outcome.FAIL: 2}
    faster, slower = decide_stored(median_ns, stored, tolerance), decide_stored(times * median_ns, stored, tolerance)
    assert rank[faster.outcome] <= rank[slower.outcome]


@settings(max_examples=200, deadline=None)
@given(st.floats(1e5, 1e8), runs, tolerances)
def test_a_verdict_never_contradicts_the_change_that_is_shown(median_ns, stored, tolerance):
    found = decide_stored(median_ns, stored, tolerance)
    if found.outcome is Outcome.FAIL:
        assert found.change > tolerance
    if found.outcome is Outcome.PASS:
        assert math.log1p(found.change) <= math.log1p(tolerance) + 1e-12


@pytest.mark.parametrize("deviation", [0.005, 0.02, 0.08])
@pytest.mark.parametrize("count", [LEAST_RUNS, 10])
def test_runs_that_drift_as_before_seldom_fail(deviation, count):
    """At most 5 %, although no tolerance is granted and the deviation is read from five runs."""
    random = np.random.default_rng(8)
    wrong = 0
    for _ in range(2000):
        *stored, now = 20 * MS * np.exp(random.normal(0, deviation, count + 1))
        wrong += decide_stored(now, stored, 0.0).outcome is Outcome.FAIL
    assert wrong <= 100
