"""Ratios of pairs: failed calls, and the interval of the median."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import latency_run
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.core.ratios import median_ratio, paired_ratios
from pytest_rfperf.data.runs import FAILED_NS, PairedRun


def paired(first, second):
    return PairedRun(latency_run(first), latency_run(second))


def test_a_ratio_is_the_first_over_the_second_pair_by_pair():
    assert paired_ratios(paired([10, 30], [20, 10])).tolist() == [0.5, 3.0]


def test_a_failed_first_call_is_infinitely_slow():
    assert paired_ratios(paired([FAILED_NS, 30], [20, 10])).tolist() == [math.inf, 3.0]


def test_a_pair_whose_second_call_failed_says_nothing():
    assert paired_ratios(paired([10, 30, FAILED_NS], [FAILED_NS, 10, FAILED_NS])).tolist() == [3.0]


def test_nothing_is_no_median():
    estimate = median_ratio(np.array([]))
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0.0, math.inf)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_five_pairs_leave_both_limits_open(count):
    estimate = median_ratio(np.linspace(1, 2, count))
    assert (estimate.low, estimate.high) == (0.0, math.inf)


def test_six_pairs_are_enough_for_an_interval():
    """Half to the sixth, on either side, is 1.6 %: below 2.5 %."""
    estimate = median_ratio(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert (estimate.low, estimate.value, estimate.high) == (1.0, 3.0, 6.0)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=80))
def test_value_and_limits_are_observed_and_in_order(values):
    estimate = median_ratio(np.array(values))
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.value in values
    assert estimate.low in {0.0, *values}
    assert estimate.high in {math.inf, *values}
    assert sum(v <= estimate.value for v in values) >= len(values) / 2


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    random = np.random.default_rng(7)
    covered = [
        estimate.low <= 1.0 <= estimate.high
        for estimate in (median_ratio(np.exp(random.normal(size=41))) for _ in range(2000))
    ]
    assert 0.94 <= np.mean(covered) <= 0.99
