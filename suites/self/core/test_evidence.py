"""The anytime-valid test of a rate."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, betaincc, betaln, logsumexp, xlogy
from scipy.stats import binom, binomtest

from pytest_rfperf.core.evidence import HALF_PRIOR, Prior, budget_prior, least_pass, rate_evidence

LOG_20 = -math.log(0.05)
relaxed = settings(max_examples=150, deadline=None)


def integrated(k, n, p0, prior):
    """Both e-values as what they are: the likelihood ratio, averaged over the prior on one side of `p0`."""
    a, b = prior

    def log_ratio(p):
        return xlogy(k, p / p0) + xlogy(n - k, (1 - p) / (1 - p0))

    def log_mean(begin, end, smooth, ends):
        peak = log_ratio(min(max(k / max(1, n), begin), end))
        options = {"weight": "alg", "wvar": ends, "limit": 400, "epsabs": 0, "epsrel": 1e-9}
        above = quad(lambda p: math.exp(log_ratio(p) - peak) * smooth(p), begin, end, **options)[0]
        return peak + math.log(above / quad(smooth, begin, end, **options)[0])

    low = log_mean(0.0, p0, lambda p: (1 - p) ** (b - 1), (a - 1, 0.0))
    return low, log_mean(p0, 1.0, lambda p: p ** (a - 1), (0.0, b - 1))


@pytest.mark.parametrize(
    ("p0", "prior"), [(0.1, None), (0.05, None), (0.5, None), (0.5, HALF_PRIOR), (0.05, Prior(2, 3))]
)
@pytest.mark.parametrize(("k", "n"), [(0, 0), (0, 1), (1, 1), (0, 82), (3, 30), (5, 100), (12, 60), (40, 90), (25, 25)])
def test_equals_the_integral_that_it_stands_for(k, n, p0, prior):
    expected = integrated(k, n, p0, prior or budget_prior(p0))
    assert rate_evidence(k, n, p0, prior) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@relaxed
@given(strategies.boundaries())
def test_without_calls_there_is_no_evidence(p0):
    assert rate_evidence(0, 0, p0) == pytest.approx((0, 0), abs=1e-12)


def expected_next(k, n, p0, rate, side):
    """Mean of the e-value after one more call at the true `rate`, over the e-value now."""
    now = rate_evidence(k, n, p0)[side]
    after_over, after_kept = rate_evidence(k + 1, n + 1, p0)[side], rate_evidence(k, n + 1, p0)[side]
    return rate * math.exp(after_over - now) + (1 - rate) * math.exp(after_kept - now)


@relaxed
@given(strategies.counts(), strategies.boundaries())
def test_at_the_boundary_one_more_call_leaves_the_expected_e_value_as_it_is(pair, p0):
    for side in (0, 1):
        assert expected_next(*pair, p0, p0, side) == pytest.approx(1, abs=1e-8)


@relaxed
@given(strategies.counts(), strategies.boundaries(), st.floats(0, 1))
def test_under_its_null_the_expected_e_value_never_grows(pair, p0, share):
    assert expected_next(*pair, p0, p0 + share * (1 - p0), side=0) <= 1 + 1e-8
    assert expected_next(*pair, p0, p0 * share, side=1) <= 1 + 1e-8


@relaxed
@given(strategies.counts(most=10**7), strategies.boundaries())
def test_each_further_exceedance_speaks_for_a_higher_rate(pair, p0):
    k, n = pair
    if k < n:
        fewer, more = rate_evidence(k, n, p0), rate_evidence(k + 1, n, p0)
        assert more.log_low < fewer.log_low
        assert more.log_high > fewer.log_high


@relaxed
@given(strategies.counts(most=10**6), strategies.boundaries())
def test_each_further_call_speaks_for_what_it_is(pair, p0):
    k, n = pair
    now, kept, over = rate_evidence(k, n, p0), rate_evidence(k, n + 1, p0), rate_evidence(k + 1, n + 1, p0)
    assert kept.log_low > now.log_low > over.log_low
    assert kept.log_high < now.log_high < over.log_high


@pytest.mark.parametrize("p0", [0.5, 0.1, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("n", [10**5, 10**6, 10**7])
def test_stays_finite_and_monotone_up_to_ten_million_calls(n, p0):
    """Most of these incomplete beta functions underflow."""
    found = [rate_evidence(k, n, p0) for k in np.linspace(0, n, 201)]
    assert np.isfinite(found).all()
    assert all(a.log_low > b.log_low and a.log_high < b.log_high for a, b in pairwise(found))


@pytest.mark.parametrize("p0", [0.5, 0.05])
def test_far_from_the_boundary_evidence_grows_as_the_divergence_between_rates(p0):
    """To leading order n KL(k/n, p0), the best that any test can do."""
    n, rate = 10**6, p0 / 2
    divergence = rate * math.log(rate / p0) + (1 - rate) * math.log((1 - rate) / (1 - p0))
    assert rate_evidence(rate * n, n, p0).log_low == pytest.approx(n * divergence, rel=0.001)
    rate = p0 * 1.5
    divergence = rate * math.log(rate / p0) + (1 - rate) * math.log((1 - rate) / (1 - p0))
    assert rate_evidence(rate * n, n, p0).log_high == pytest.approx(n * divergence, rel=0.001)


@pytest.mark.parametrize("k", [0, 1, 500, 1000, 4000, 15_000, 19_999, 20_000])
def test_equals_a_sum_of_binomial_terms_where_the_incomplete_beta_function_underflows(k):
    """With whole a and b, I_x(a, b) is the chance of at least a successes in a + b - 1 trials."""
    n, p0, (a, b) = 20_000, 0.05, (1, 19)
    terms = binom.logpmf(np.arange(n + 20), n + 19, p0)
    shift = betaln(a + k, b + n - k) - betaln(a, b) - k * math.log(p0) - (n - k) * math.log(1 - p0)
    low = shift + logsumexp(terms[k + 1 :]) - math.log(1 - 0.95**19)
    high = shift + logsumexp(terms[: k + 1]) - math.log(0.95**19)
    assert rate_evidence(k, n, p0) == pytest.approx((low, high), rel=1e-9, abs=1e-6)


def where_it_underflows(n, function):
    """A count at which the incomplete beta function of the p95 test leaves the range of floats."""
    low, high = 0, n
    starts_in_range = function(1, 19 + n, 0.05) > 1e-280
    while high - low > 1:
        middle = (low + high) // 2
        in_range = function(1 + middle, 19 + n - middle, 0.05) > 1e-280
        low, high = (middle, high) if in_range == starts_in_range else (low, middle)
    return high


@pytest.mark.parametrize("n", [30_000, 300_000, 10_000_000])
@pytest.mark.parametrize(("side", "function"), [(0, betainc), (1, betaincc)])
def test_the_expected_e_value_has_no_step_where_the_incomplete_beta_function_underflows(n, side, function):
    switch = where_it_underflows(n, function)
    assert function(1 + switch, 19 + n - switch, 0.05) < 1e-260
    for k in range(switch - 3, switch + 4):
        assert expected_next(k, n, 0.05, 0.05, side) == pytest.approx(1, abs=1e-6)


@relaxed
@given(strategies.counts(), strategies.boundaries(), st.floats(1, 10))
def test_counts_may_be_fractions_and_fewer_independent_calls_prove_less(pair, p0, tau):
    k, n = pair
    whole, divided = rate_evidence(k, n, p0), rate_evidence(k / tau, n / tau, p0)
    assert max(divided) <= max(0.0, *whole) + 1e-9


@pytest.mark.parametrize(
    ("k", "n", "p0"), [(-1, 5, 0.1), (6, 5, 0.1), (0, -1, 0.1), (1, 5, 0.0), (1, 5, 1.0), (1, 5, math.nan)]
)
def test_counts_and_boundaries_outside_their_ranges_are_refused(k, n, p0):
    with pytest.raises(ValueError) as refusal:
        rate_evidence(k, n, p0)
    assert str(refusal.value) == f"rate_evidence: k={k}, n={n}, p0={p0}: need 0 <= k <= n and 0 < p0 < 1"


@pytest.mark.parametrize(("p0", "calls"), [(0.1, 40), (0.05, 82), (0.01, 417)])
def test_least_pass_of_p90_p95_and_p99(p0, calls):
    assert least_pass(p0, 0.05) == calls


def test_six_of_one_kind_decide_a_median():
    assert least_pass(0.5, 0.05, HALF_PRIOR) == 6
    assert rate_evidence(6, 6, 0.5, HALF_PRIOR).log_high >= LOG_20 > rate_evidence(5, 5, 0.5, HALF_PRIOR).log_high


@relaxed
@given(strategies.boundaries(), st.sampled_from((0.2, 0.05, 0.01, 0.001)))
def test_least_pass_is_the_first_run_without_exceedance_that_passes(p0, beta):
    calls = least_pass(p0, beta)
    assert rate_evidence(0, calls, p0).log_low >= -math.log(beta) > rate_evidence(0, calls - 1, p0).log_low


@pytest.fixture(scope="module")
def p95_limits():
    """For 0 to 2,500 calls: the most exceedances that PASS and the fewest that FAIL."""

    def first(n, crossed):
        low, high = -1, n + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if crossed(rate_evidence(middle, n, 0.05)) else (middle, high)
        return high

    most, fewest = [], []
    for n in range(2501):
        most.append(first(n, lambda found: found.log_low < LOG_20) - 1)
        fewest.append(first(n, lambda found: found.log_high >= LOG_20))
    return np.array(most), np.array(fewest)


def first_decisions(rate, limits, *, runs, calls, seed):
    """Peek after every call: the call that decided (0 where none did), and whether it was a PASS."""
    exceeded = np.random.default_rng(seed).random((runs, calls)) < rate
    k = np.cumsum(exceeded, axis=1)
    most, fewest = (limit[1 : calls + 1] for limit in limits)
    passed, decided = k <= most, (k <= most) | (k >= fewest)
    when = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, 0)
    return when, passed[np.arange(runs), when - 1] & (when > 0)


@pytest.mark.parametrize(
    ("rate", "calls", "passes"),
    [
        (0.0, 82, True),
        (0.01, 130, True),
        (0.02, 207, True),
        (0.03, 632, True),
        (0.1, 150, False),
        (0.2, 28, False),
        (0.3, 15, False),
    ],
)
def test_median_decision_sizes_for_p95(rate, calls, passes, p95_limits):
    when, passed = first_decisions(rate, p95_limits, runs=600, calls=2500, seed=5)
    # A run that never decides counts as longer than any.
    size = np.median(np.where(when == 0, 10**6, when))
    assert size == pytest.approx(calls, rel=0.0 if rate == 0 else 0.2)
    assert (passed[when > 0] == passes).mean() >= 0.95


def reaches_5_percent_or_less(wrong, runs):
    return binomtest(int(wrong), runs).proportion_ci(0.99, "exact").low <= 0.05


@pytest.mark.parametrize("rate", [0.05, 0.055, 0.07])
def test_a_wrong_pass_is_rare_however_often_one_peeks(rate, p95_limits):
    when, passed = first_decisions(rate, p95_limits, runs=2000, calls=2500, seed=6)
    assert reaches_5_percent_or_less((passed & (when > 0)).sum(), 2000)


@pytest.mark.parametrize("rate", [0.05, 0.045, 0.03])
def test_a_wrong_fail_is_rare_however_often_one_peeks(rate, p95_limits):
    when, passed = first_decisions(rate, p95_limits, runs=2000, calls=2500, seed=7)
    assert reaches_5_percent_or_less((~passed & (when > 0)).sum(), 2000)


def test_a_fixed_size_binomial_test_would_not_survive_peeking():
    """So the two tests above can fail: peeked at after every call, it is wrong far more often."""
    exceeded = np.random.default_rng(6).random((2000, 1000)) < 0.05
    k, n = np.cumsum(exceeded, axis=1), np.arange(1, 1001)
    normal = (k - 0.05 * n) / np.sqrt(0.05 * 0.95 * n)
    wrong = (normal[:, 200:] < -1.645).any(axis=1).sum()
    assert not reaches_5_percent_or_less(wrong, 2000)
