"""Percentiles that are observed values, and their intervals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import quantile_test

from pytest_rfperf.core.percentiles import nearest_rank, percentile, percentile_interval
from pytest_rfperf.data.runs import FAILED_NS

relaxed = settings(max_examples=100, deadline=None)


def ints(*values):
    return np.array(values, dtype=np.int64)


def binomial_cdf(most, count, rate):
    """P(X <= most), exact."""
    return sum(math.comb(count, i) * rate**i * (1 - rate) ** (count - i) for i in range(most + 1))


@pytest.mark.parametrize(("count", "q", "rank"), [(250, 64.4, 161), (1000, 1.1, 11), (1000, 99.9, 999)])
def test_rank_is_exact_where_a_product_in_floats_may_be_one_high(count, q, rank):
    assert nearest_rank(count, q) == rank


def test_a_rank_in_floats_would_be_one_high():
    """The case above is no straw man."""
    assert math.ceil(64.4 * 250 / 100) == 162


@pytest.mark.parametrize(("q", "rank"), [(100, 20), (95, 19), (95.01, 20), (50, 10), (5, 1), (0.01, 1)])
def test_rank_is_the_ceiling_of_q_percent(q, rank):
    assert nearest_rank(20, q) == rank


def test_rank_takes_numpy_numbers():
    assert nearest_rank(250, np.float64(64.4)) == 161
    assert nearest_rank(np.int64(20), 95) == 19


@relaxed
@given(strategies.latencies(), strategies.percentiles())
def test_percentile_is_the_smallest_value_that_q_percent_do_not_exceed(sample, q):
    found, least = percentile(sample, q), Fraction(str(q)) * len(sample) / 100
    assert isinstance(found, int)
    assert found in sample.tolist()
    assert (sample <= found).sum() >= least > (sample < found).sum()


@relaxed
@given(strategies.latencies(), strategies.percentiles(), st.randoms(use_true_random=False))
def test_percentile_ignores_the_order_and_leaves_the_sample_alone(sample, q, random):
    shuffled = sample.tolist()
    random.shuffle(shuffled)
    given_order = ints(*shuffled)
    assert percentile(given_order, q) == percentile(sample, q)
    assert given_order.tolist() == shuffled


@relaxed
@given(strategies.latencies(), strategies.percentiles(), strategies.percentiles())
def test_percentile_never_falls_with_q(sample, first, second):
    low, high = sorted((first, second))
    assert percentile(sample, low) <= percentile(sample, high)


def test_p100_is_the_largest_value():
    assert percentile(ints(3, 9, 1), 100) == 9


def test_a_failed_request_is_the_largest_value_and_loses_no_digit():
    sample = ints(*range(19), FAILED_NS)
    assert percentile(sample, 95) == 18
    assert percentile(sample, 95.1) == FAILED_NS


@pytest.mark.parametrize("q", [0, -1, 100.0001, math.nan])
def test_a_percentile_outside_0_to_100_is_refused(q):
    with pytest.raises(ValueError):
        percentile(ints(1, 2, 3), q)


def test_a_percentile_of_nothing_is_refused_with_what_is_needed():
    with pytest.raises(ValueError) as refusal:
        percentile(ints(), 95)
    assert str(refusal.value) == "percentile 95 of 0 values: need at least one value and 0 < percentile <= 100"


@pytest.mark.parametrize("certainty", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("q", [1, 50, 90, 95, 99])
@pytest.mark.parametrize("count", [1, 5, 6, 50, 59, 72, 73, 200, 1000])
def test_interval_is_that_of_the_quantile_test(count, q, certainty):
    sample = np.random.default_rng(count).permutation(count).astype(np.int64) * 1000
    low, high = quantile_test(sample, p=q / 100).confidence_interval(certainty)
    expected = (None if math.isnan(low) else int(low), None if math.isnan(high) else int(high))
    assert percentile_interval(sample, q, certainty) == expected


@relaxed
@given(st.integers(1, 60), st.integers(1, 99), st.sampled_from((0.5, 0.9, 0.95, 0.99)))
def test_each_limit_is_wrong_with_at_most_half_of_the_rest_and_the_next_order_statistic_with_more(count, q, certainty):
    tail, rate = (1 - certainty) / 2, Fraction(q, 100)
    low, high = percentile_interval(np.arange(1, count + 1), q, certainty)

    def too_high(rank):
        return binomial_cdf(rank - 1, count, rate)

    def too_low(rank):
        return 1 - binomial_cdf(rank - 1, count, rate)

    assert low is None or too_high(low) <= tail
    assert too_high((low or 0) + 1) > tail
    assert high is None or too_low(high) <= tail
    assert too_low((high or count + 1) - 1) > tail


def test_a_limit_may_be_wrong_with_exactly_half_of_the_rest():
    """Two values lie on the same side of the median with a chance of a quarter each."""
    assert percentile_interval(np.array([1, 2]), 50, certainty=0.5) == (1, 2)


def test_a_side_that_the_sample_cannot_bound_is_none():
    low, high = percentile_interval(np.arange(50), 99)
    assert low is not None
    assert high is None
    assert percentile_interval(np.arange(50), 1)[0] is None


def test_interval_ignores_the_order_of_the_sample():
    sample = np.random.default_rng(1).permutation(300)
    assert percentile_interval(sample, 95) == percentile_interval(np.sort(sample), 95)


def test_interval_covers_the_true_percentile_as_often_as_it_says():
    """The true p90 of 0, 1 ... 999, each equally likely, is 900; 2,000 samples of 120."""
    samples = np.random.default_rng(11).integers(0, 1000, (2000, 120))
    limits = [percentile_interval(sample, 90) for sample in samples]
    above = sum(low > 900 for low, _ in limits)
    below = sum(high < 899 for _, high in limits)
    # Each may be wrong in 2.5 % of samples, of which 68 or more are seen with a chance of 0.5 %.
    assert max(above, below) < 68
    assert above + below > 20
