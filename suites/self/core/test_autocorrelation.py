"""How many independent calls a run of dependent calls is worth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.autocorrelation import autocorrelation_time


def plain_autocorrelation_time(series):
    """The initial positive sequence, sum by sum, in exact arithmetic."""
    count = len(series)
    mean = Fraction(sum(series), count)
    centred = [value - mean for value in series]
    variance = sum(value * value for value in centred)
    at = [sum(x * y for x, y in zip(centred, centred[lag:], strict=False)) / variance for lag in range(count)]
    total = Fraction(0)
    for lag in range(0, count - 1, 2):
        pair = at[lag] + at[lag + 1]
        # Whether a sum of exactly 0 is positive is a matter of rounding.
        assume(abs(pair) > 1e-9)
        if pair < 0:
            break
        total += pair
    return max(1.0, float(2 * total - 1))


def chain(count, stay, seed):
    """A two-state series that keeps its state with probability `stay`: correlation (2 stay - 1) at lag 1."""
    switches = np.random.default_rng(seed).random(count) >= stay
    return np.cumsum(switches) % 2 == 1


@settings(max_examples=150, deadline=None)
@given(strategies.indicators())
def test_equals_the_plain_sum_of_the_initial_positive_sequence(indicator):
    assume(len(set(indicator.tolist())) == 2)
    expected = plain_autocorrelation_time([int(value) for value in indicator])
    assert autocorrelation_time(indicator) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(strategies.indicators())
def test_is_never_less_than_1(indicator):
    assert autocorrelation_time(indicator) >= 1


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 500, 100_001])
def test_a_constant_series_gives_exactly_1(count, value):
    assert autocorrelation_time(np.full(count, value)) == 1.0


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_independent_calls_give_about_1(rate):
    assert autocorrelation_time(np.random.default_rng(2).random(20_000) < rate) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("stay", "expected"), [(0.75, 3.0), (0.9, 9.0)])
def test_a_chain_gives_its_known_time(stay, expected):
    """(1 + r) / (1 - r) for correlation r at lag 1."""
    assert autocorrelation_time(chain(100_000, stay, seed=3)) == pytest.approx(expected, rel=0.2)


def test_calls_that_alternate_are_worth_no_more_than_independent_ones():
    assert autocorrelation_time(np.arange(1000) % 2 == 0) == 1.0


@settings(max_examples=50, deadline=None)
@given(strategies.indicators(), st.booleans())
def test_exceedances_and_their_complement_have_one_time(indicator, backwards):
    other = ~indicator[::-1] if backwards else ~indicator
    at_a_tie = autocorrelation_time(indicator) != pytest.approx(autocorrelation_time(other), rel=1e-9)
    assume(not at_a_tie or len(set(indicator.tolist())) == 1)
    assert not at_a_tie


def test_repeating_each_call_stretches_the_time():
    once = np.random.default_rng(4).random(5000) < 0.3
    assert autocorrelation_time(np.repeat(once, 5)) == pytest.approx(5 * autocorrelation_time(once), rel=0.2)
