"""What the test of a rate promises, seen from outside: by simulation, by other rules, and over its whole range."""

from __future__ import annotations

import math

import numpy as np
import pytest
import strategies
from error_rates.rules import least_queries, limits
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, betaln, xlog1py, xlogy
from scipy.stats import beta as beta_distribution
from scipy.stats import binom

from pytest_rfperf.core.evidence import (
    HALF_PRIOR,
    _log_betaincc,
    budget_prior,
    least_pass,
    rate_evidence,
)

relaxed = settings(max_examples=150, deadline=None)
PRIORS = st.sampled_from((None, HALF_PRIOR))
CASES = [(0.5, HALF_PRIOR), (0.1, None), (0.05, None), (0.01, None)]


def e_values(rate, p0, prior, *, runs, calls, seed):
    """Both e-values of simulated runs after each call: (2, runs, calls)."""
    k = np.cumsum(np.random.default_rng(seed).random((runs, calls)) < rate, axis=1)
    table = np.full((2, calls + 1, calls + 1), np.nan)
    seen = {(int(over), column + 1) for column in range(calls) for over in np.unique(k[:, column])}
    for over, n in seen:
        table[:, over, n] = rate_evidence(over, n, p0, prior)
    return np.exp(table[:, k, np.arange(1, calls + 1)])


@pytest.mark.parametrize(("p0", "prior"), CASES)
@pytest.mark.parametrize(("side", "away"), [(0, 1.0), (0, 1.3), (1, 1.0), (1, 0.7)])
def test_under_its_null_an_e_value_is_1_on_the_average_or_less_at_any_time(p0, prior, side, away):
    """At fixed times, and when one stops at the first e-value above 3."""
    found = e_values(away * p0, p0, prior, runs=4000, calls=200, seed=11)[side]
    crossed = found > 3
    stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), found.shape[1] - 1)
    for sample in (found[:, 9], found[:, 99], found[:, 199], found[np.arange(len(stop)), stop]):
        error = sample.std() / len(sample) ** 0.5
        assert sample.mean() <= 1 + 4 * error


@pytest.mark.parametrize(("p0", "prior"), CASES)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_at_the_boundary_an_e_value_ever_reaches_its_limit_at_most_as_often_as_promised(p0, prior, side, alpha):
    """Ville's inequality, looked at after each call."""
    found = e_values(p0, p0, prior, runs=4000, calls=200, seed=12)[side]
    reached = int((found.max(axis=1) >= 1 / alpha).sum())
    assert beta_distribution.ppf(0.005, max(1, reached), 4000 - reached + 1) <= alpha


@relaxed
@given(strategies.counts(most=300), st.floats(0.02, 0.5))
def test_equals_the_mean_likelihood_ratio_over_the_truncated_prior(pair, p0):
    """An integral over each side of the boundary, by adaptive quadrature."""
    k, n = pair
    a, b = budget_prior(p0)
    below = betainc(a, b, p0)
    constant = -betaln(a, b) - k * math.log(p0) - (n - k) * math.log1p(-p0)

    def mean_ratio(begin, end, share, size):
        def weighted(p):
            return math.exp(xlogy(k + a - 1, p) + xlog1py(n - k + b - 1, -p) + constant - size)

        points = [min(max(k / max(1, n), begin), end)]
        return quad(weighted, begin, end, points=points, limit=400)[0] / share

    found = rate_evidence(k, n, p0)
    assert mean_ratio(0.0, p0, below, found.log_low) == pytest.approx(1, rel=1e-5)
    assert mean_ratio(p0, 1.0, 1 - below, found.log_high) == pytest.approx(1, rel=1e-5)


@relaxed
@given(st.integers(0, 10**7), st.floats(0, 1), st.floats(1e-4, 1 - 1e-4), PRIORS)
@example(10**7, 0.0, 1e-4, None)
@example(10**7, 1.0, 1e-4, None)
@example(10**7, 0.0, 1 - 1e-4, HALF_PRIOR)
@example(10**7, 1.0, 1 - 1e-4, None)
def test_stays_finite_and_monotone_to_ten_million_calls_at_any_boundary(n, share, p0, prior):
    k = round(share * n)
    now, over, kept = (rate_evidence(*more, p0, prior) for more in ((k, n), (k + 1, n + 1), (k, n + 1)))
    assert np.isfinite([*now, *over, *kept]).all()
    rounding = 1e-15 * n * abs(math.log(min(p0, 1 - p0))) + 1e-9
    assert over.log_low - rounding <= now.log_low <= kept.log_low + rounding
    assert over.log_high + rounding >= now.log_high >= kept.log_high - rounding


@relaxed
@given(strategies.counts())
def test_for_a_median_more_and_fewer_are_each_others_mirror(pair):
    k, n = pair
    found, mirrored = rate_evidence(k, n, 0.5, HALF_PRIOR), rate_evidence(n - k, n, 0.5, HALF_PRIOR)
    assert found.log_low == pytest.approx(mirrored.log_high, abs=1e-9)


@relaxed
@given(strategies.counts(), strategies.boundaries(), PRIORS)
def test_asks_for_more_than_an_exact_binomial_test_that_looks_once(pair, p0, prior):
    """By Markov's inequality: a chance of at most 1/e that an e-value reaches e at any one time."""
    k, n = pair
    found = rate_evidence(k, n, p0, prior)
    assert binom.logcdf(k, n, p0) <= min(0.0, -found.log_low) + 1e-9
    assert binom.logsf(k - 1, n, p0) <= min(0.0, -found.log_high) + 1e-9


@pytest.mark.parametrize(("percentile", "calls"), [(90, 40), (95, 82), (99, 417)])
def test_least_pass_stands_beside_the_fixed_size_that_an_exact_test_needs(percentile, calls):
    """29, 59 and 299 calls without an exceedance are enough for one that looks once."""
    p0 = 1 - percentile / 100
    once = math.ceil(math.log(0.05) / math.log(percentile / 100))
    assert least_pass(round(p0, 9), 0.05) == calls
    assert once < calls < 1.41 * once


@pytest.mark.parametrize(("over", "expected"), [(0, (44, 90, 459)), (1, (64, 130, 662))])
def test_floors_of_loadgen_come_out_of_its_formula_and_of_our_logarithms(over, expected):
    """P(at most `over` of n exceed) <= 1 - 0.99 is 1 - I_p0(over + 1, n - over), the same function as in our e-values."""
    for percentile, calls in zip((90, 95, 99), expected, strict=True):
        assert least_queries(over, percentile) == calls
        p0, sure = 1 - percentile / 100, math.log(0.01)
        assert _log_betaincc(over + 1, calls - over, p0) <= sure < _log_betaincc(over + 1, calls - 1 - over, p0)


def test_of_many_exceedances_loadgen_asks_for_as_many_queries_as_an_exact_test_of_1_percent():
    for over in (2, 5, 17, 60):
        calls = least_queries(over, 95)
        assert binom.cdf(over, calls, 0.05) <= 0.01 < binom.cdf(over, calls - 1, 0.05)


@pytest.mark.parametrize(("p0", "prior"), CASES)
def test_limits_of_the_published_tables_are_those_of_the_test(p0, prior):
    found = limits(p0, 0.05, 0.05, 300, prior)
    bar = -math.log(0.05)
    for n in range(1, 301, 7):
        passes = [k for k in range(n + 1) if rate_evidence(k, n, p0, prior).log_low >= bar]
        fails = [k for k in range(n + 1) if rate_evidence(k, n, p0, prior).log_high >= bar]
        assert found.most_pass[n] == max(passes, default=-1)
        assert found.least_fail[n] == min(fails, default=n + 1)
