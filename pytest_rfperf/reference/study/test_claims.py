"""What Roboflow's post of 8 March 2022 says of the two sizes, as tests of the bundled pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_rfperf import training_ratio

if TYPE_CHECKING:
    from pytest_rfperf.session.compare import Compare

SATURATED, MIDDLING = 0.95, (0.40, 0.80)
SMALL = 0.02


def test_where_fast_is_saturated_the_sizes_differ_little(compare: Compare) -> None:
    """The whole interval of the difference of AP50 stays within two points."""
    sizes = compare("fast", "accurate")
    stands, _ = sizes.ap(iou=0.5)
    if stands <= SATURATED:
        pytest.skip(f"the claim is about AP50 over 95 %; fast stands at {stands:.1%} here")
    gain = sizes.gain(iou=0.5)
    assert gain.low > -SMALL, gain
    assert gain.high < SMALL, gain


def test_where_fast_is_middling_accurate_is_better(compare: Compare) -> None:
    """The whole interval of the difference of AP50 lies above zero."""
    sizes = compare("fast", "accurate")
    stands, _ = sizes.ap(iou=0.5)
    if not MIDDLING[0] <= stands <= MIDDLING[1]:
        pytest.skip(f"the claim is about AP50 of 40 to 80 %; fast stands at {stands:.1%} here")
    gain = sizes.gain(iou=0.5)
    assert gain.low > 0, gain


@training_ratio(4)
def test_fast_trains_in_less_time() -> None:
    """By what the two files say of their own training."""
