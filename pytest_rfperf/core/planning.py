"""What a plan supposes: the true figure lies a margin away from its limit, on either side of it.

Where calls were seen before, their times are scaled to that margin; without any, latencies are supposed to be
log-normal with a spread of 10 %.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from pytest_rfperf.core.budget import exceedance_rate
from pytest_rfperf.core.forecast import USUAL_POWER, Sides
from pytest_rfperf.core.resampling import LEAST_GROUPS, images_needed
from pytest_rfperf.core.stored_runs import decide_stored
from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.data.estimate import Resampled

    Floats = NDArray[np.float64]

MARGINS = (0.05, 0.20)
"""How far the true figure is supposed to lie from its limit, as shares of the limit."""
SPREAD = 0.10
"""Standard deviation of the logarithm of a latency, where none is known."""
PAIRED_GAIN = 8
"""Times the images that pairing is worth, at the least: a difference of two models has 1/8 of one figure's variance."""
LEAST_IMAGES = LEAST_GROUPS
"""Fewer give no limits over redrawn images, whatever is on them."""
_LEAST_PAIRS = 10
_PLACES, _DRAWS = 10_000, 200


def budget_sides(times: Floats | None, percentile: float, margin: float) -> Sides:
    """Calls over a budget from which their true percentile lies a margin away.

    Parameters
    ----------
    times : (N,) float64 or None
        Latencies in the order of the calls, infinite where failed; None for the assumed distribution.
    percentile : float
    margin : float
        The percentile is 1 - margin and 1 + margin times the budget.
    """
    if times is None or not math.isfinite(nearest(times, percentile)):
        p0 = exceedance_rate(percentile)
        place = float(ndtri(1 - p0)) * SPREAD
        within, beyond = (float(ndtr((math.log1p(sign * margin) - place) / SPREAD)) for sign in (-1, 1))
        return Sides(within, beyond)
    at = nearest(times, percentile)
    return Sides(times * (1 - margin) > at, times * (1 + margin) > at)


def pair_sides(log_ratios: Floats | None, margin: float) -> Sides:
    """Pairs over a limit from which their true median ratio lies a margin away.

    Parameters
    ----------
    log_ratios : (N,) float64 or None
        Logarithms of paired ratios in order, wherever their middle lies; None for the assumed distribution.
    margin : float
    """
    low, high = math.log1p(-margin), math.log1p(margin)
    if log_ratios is None:
        spread = math.sqrt(2) * SPREAD
        return Sides(float(ndtr(low / spread)), float(ndtr(high / spread)))
    centred = log_ratios - np.median(log_ratios)
    return Sides(centred + low > 0, centred + high > 0)


def start_sides(margin: float) -> Sides:
    """Starts over a budget from which their true median lies a margin away; starts are assumed to be log-normal."""
    return Sides(float(ndtr(math.log1p(-margin) / SPREAD)), float(ndtr(math.log1p(margin) / SPREAD)))


def tail_sides(times: Floats | None, percentile: float, margin: float) -> tuple[Sides, float]:
    """The same for a ratio of percentiles in the tail, and the share of pairs that tell the two sides apart.

    Of two models whose calls differ by a factor alone, the pairs that count are those of which one call is among the
    slowest of both.
    """
    if times is None:
        places = (np.arange(_PLACES) + 0.5) / _PLACES
        times = np.exp(SPREAD * ndtri(places))
    sides = [_tail_rate(times, percentile, 1 + sign * margin) for sign in (-1, 1)]
    return Sides(sides[0][0], sides[1][0]), min(share for _, share in sides)


def adjacent_log_ratios(times: Floats) -> Floats | None:
    """Logarithms of ratios of neighbouring calls, which stand for pairs; None of fewer than 20 answered calls."""
    answered = times[np.isfinite(times)]
    count = len(answered) // 2 * 2
    if count < 2 * _LEAST_PAIRS:
        return None
    ratios: Floats = np.log(answered[0:count:2] / answered[1:count:2])
    return ratios


def images_power(found: Resampled, margin: float) -> float:
    """Chance that one-sided limits over images clear a limit from which the true figure lies `margin` away.

    Parameters
    ----------
    found : Resampled
        Its deviation and certainty are used, not its value.
    margin : float
        Absolute, of average precision.
    """
    beyond = margin - found.unseen
    if not math.isfinite(found.sd):
        return 0.0
    if not found.sd:
        return float(beyond >= 0)
    return float(ndtr(beyond / found.sd - ndtri(found.certainty)))


def images_for(found: Resampled, margin: float) -> int | None:
    """Images like these for a power of 80 % at that margin, by `images_needed`; as many as there are where they do."""
    if images_power(found, margin) >= USUAL_POWER:
        return found.images
    return images_needed(replace(found, value=margin), 0.0)


def stored_power(medians: Sequence[float], tolerance: float, margin: float) -> float:
    """The same for a new median beside those of recorded runs, which `decide_stored` judges.

    Parameters
    ----------
    medians : sequence of float
        At least two.
    tolerance : float
        0.025 is 2.5 %.
    margin : float
    """
    logarithms = np.log(medians)
    drawn = np.median(logarithms) + np.std(logarithms, ddof=1) * np.random.default_rng(0).standard_normal(_DRAWS)
    power = []
    for sign, right in ((-1, Outcome.PASS), (1, Outcome.FAIL)):
        new = np.exp(drawn) * (1 + tolerance) * (1 + sign * margin)
        power.append(np.mean([decide_stored(float(one), medians, tolerance).outcome is right for one in new]))
    return float(min(power))


def nearest(times: Floats, percentile: float) -> float:
    """A nearest-rank percentile of times, infinite where that call failed."""
    rank = math.ceil((1 - exceedance_rate(percentile)) * len(times) - 1e-9)
    return float(np.partition(times, rank - 1)[rank - 1])


def _tail_rate(times: Floats, percentile: float, factor: float) -> tuple[float, float]:
    """Of the pairs with one call among the slowest: the share whose first call it is; and their share of all pairs."""
    threshold = nearest(np.concatenate((times * factor, times)), percentile)
    first, second = float(np.mean(times * factor > threshold)), float(np.mean(times > threshold))
    alone, other = first * (1 - second), second * (1 - first)
    told = alone + other
    return (alone / told if told else 0.5), told
