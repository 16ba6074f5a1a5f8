"""Advice comes from intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.core.advice import GOALS, Sides, advise, calls_needed, images_needed, not_monotonic
from pytest_rfperf.core.percentiles import percentile_interval
from pytest_rfperf.data.estimate import Estimate

SIDES = Sides(
    small="fast",
    large="accurate",
    images=100,
    gain=Estimate(0.10, 0.06, 0.14),
    slow_down=Estimate(2.5, 2.4, 2.6),
    calls=200,
    small_p95_ms=Estimate(4.0, 3.9, 4.2),
    large_p95_ms=Estimate(10.0, 9.8, 10.3),
)


def gaining(value, low, high):
    return replace(SIDES, gain=Estimate(value, low, high))


@pytest.mark.parametrize(
    ("gain", "choice"),
    [
        ((0.10, 0.06, 0.14), "take accurate"),
        ((0.03, 0.001, 0.06), "take accurate"),
        ((0.010, 0.005, 0.015), "fast suffices: take fast"),
        ((0.001, -0.005, 0.007), "tie: take fast"),
        ((-0.05, -0.08, -0.02), "fast suffices: take fast"),
        ((0.02, -0.02, 0.06), "measure more"),
        ((0.0, -0.03, 0.03), "measure more"),
    ],
)
def test_where_accuracy_counts_the_interval_decides(gain, choice):
    assert advise(gaining(*gain), "accuracy").choice == choice


def test_what_is_worth_a_larger_model_is_the_users_to_say():
    sides = gaining(0.03, 0.01, 0.05)
    assert advise(sides, "accuracy").choice == "take accurate"
    assert advise(sides, "accuracy", worth=0.06).choice == "fast suffices: take fast"


def test_a_prototype_takes_the_fast_one():
    assert advise(SIDES, "prototype").choice == "take fast"


@pytest.mark.parametrize(
    ("per_s", "choice"),
    [
        (30, "take accurate"),
        (97, "take accurate"),
        (100, "take fast"),
        (120, "take fast"),
        (250, "measure more"),
        (400, "neither"),
    ],
)
def test_realtime_asks_whether_the_95th_percentile_keeps_the_time_of_a_frame(per_s, choice):
    assert advise(SIDES, "realtime", per_s=per_s).choice == choice


def test_realtime_is_thirty_a_second_unless_said_otherwise():
    assert "33.3 ms, which 30 a second leave" in advise(SIDES, "realtime").because


def test_too_few_calls_are_no_advice_on_realtime_and_how_many_are_enough_is_said():
    sides = replace(SIDES, calls=50, small_p95_ms=Estimate(4, 1, math.inf), large_p95_ms=Estimate(10, 1, math.inf))
    advice = advise(sides, "realtime")
    assert advice.choice == "measure more"
    assert advice.because.startswith("50 calls cannot tell whether fast keeps 33.3 ms, ")
    assert advice.because.endswith("; some 72 would")


def test_seventy_two_calls_bound_a_p95_and_seventy_one_do_not():
    assert percentile_interval(np.arange(72), 95)[1] is not None
    assert percentile_interval(np.arange(71), 95)[1] is None


@pytest.mark.parametrize(("limit_ms", "needed"), [(4.05, 1800), (4.1, 450), (4.2, 201), (4.0, 201)])
def test_calls_that_are_needed_grow_with_the_square_of_what_they_must_tell_apart(limit_ms, needed):
    """The interval is 0.15 ms wide to either side."""
    assert calls_needed(SIDES, limit_ms) == pytest.approx(needed, abs=1)


def test_more_images_are_named_where_these_cannot_tell():
    advice = advise(gaining(0.02, -0.02, 0.06), "accuracy")
    assert advice.because == "100 images cannot tell; some 818 would"


def test_the_images_that_it_names_are_enough_in_four_of_five_draws():
    """Draw the gain of that many images over and over: the interval must leave zero behind as often as promised."""
    sides = gaining(0.03, -0.029, 0.089)
    needed = images_needed(sides, 0.02)
    deviation = (0.089 + 0.029) / (2 * 1.96) * np.sqrt(sides.images / needed)
    drawn = np.random.default_rng(1).normal(0.03, deviation, size=20_000)
    assert 0.78 < np.mean(drawn - 1.96 * deviation > 0) < 0.82


def test_no_more_images_than_there_are_would_be_no_advice():
    sides = gaining(0.0215, -0.0001, 0.0231)
    assert advise(sides, "accuracy").because.endswith("some 101 would")


@pytest.mark.parametrize(
    ("gain", "slow_down", "said"),
    [
        ((0.1, 0.05, 0.15), (2.0, 1.9, 2.1), []),
        ((-0.01, -0.03, 0.01), (0.95, 0.9, 1.01), []),
        ((-0.02, -0.03, -0.01), (2.0, 1.9, 2.1), ["accurate is not more accurate than fast"]),
        ((0.1, 0.05, 0.15), (0.9, 0.8, 1.0), ["fast is not faster than accurate"]),
        (
            (0.0, 0.0, 0.0),
            (1.0, 1.0, 1.0),
            ["accurate is not more accurate than fast", "fast is not faster than accurate"],
        ),
    ],
)
def test_the_lint_says_what_is_not_monotonic(gain, slow_down, said):
    sides = replace(SIDES, gain=Estimate(*gain), slow_down=Estimate(*slow_down))
    assert not_monotonic(sides) == said


@given(st.floats(-0.5, 0.5), st.floats(0, 0.3), st.floats(0, 0.3), st.sampled_from(GOALS))
def test_advice_is_one_of_the_known_and_gives_a_reason(value, below, above, goal):
    advice = advise(gaining(value, value - below, value + above), goal)
    assert advice.choice in {
        "take fast", "take accurate", "fast suffices: take fast", "tie: take fast", "measure more", "neither",
    }  # fmt: skip
    assert advice.because
