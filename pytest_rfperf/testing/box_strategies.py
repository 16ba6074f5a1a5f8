"""Hypothesis strategies of boxes and suppression cases.

Coordinates are small integers or fractions of two, so that ties, exact thresholds and touching boxes are common and
arithmetic on them is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.testing.cases import SuppressionCase
from pytest_rfperf.testing.engine import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

IOU_LADDER = (0.5, 0.25, 0.75, 0.1, 1 / 3, 0.6, 0.9, 0.95, 1.0, 0.0)
"""IoU thresholds that boxes of these strategies reach exactly; the first is what a failing case is made small to."""

SCORES = (0.5, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1, 1.0)
"""Scores that tie often; none is 0, which some functions take for no detection."""

_FRACTION = 64
_FARTHEST = 4096 * _FRACTION


def rows_of_four(rows: Sequence[Sequence[float]]) -> Floats:
    """(N, 4) float64, also of no rows."""
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@st.composite
def grid_boxes(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12, least_side: int = 0) -> Floats:
    """(N, 4) xyxy boxes on integer coordinates."""
    place, side = st.integers(0, 24), st.integers(least_side, 16)
    rows = draw(st.lists(st.tuples(place, place, side, side), min_size=min_size, max_size=max_size))
    return rows_of_four([(x, y, x + w, y + h) for x, y, w, h in rows])


@st.composite
def float_boxes(draw: st.DrawFn, *, max_size: int = 8) -> Floats:
    """(N, 4) xyxy boxes whose coordinates are any floats of an image's size."""
    place = st.floats(-1e5, 1e5, allow_subnormal=False)
    rows = draw(st.lists(st.tuples(place, place, place, place), max_size=max_size))
    return rows_of_four([(min(a, b), min(c, d), max(a, b), max(c, d)) for a, c, b, d in rows])


@st.composite
def exact_boxes(draw: st.DrawFn, *, max_size: int = 8) -> Floats:
    """(N, 4) xyxy boxes with areas, on multiples of 1/64 up to 8192: float32 holds them, float64 their areas."""
    place, side = st.integers(-_FARTHEST, _FARTHEST), st.integers(1, _FARTHEST)
    rows = draw(st.lists(st.tuples(place, place, side, side), max_size=max_size))
    return rows_of_four([(x, y, x + w, y + h) for x, y, w, h in rows]) / _FRACTION


@st.composite
def suppression_cases(
    draw: st.DrawFn,
    *,
    distinct_scores: bool = False,
    max_size: int = 14,
    boxes: st.SearchStrategy[Floats] | None = None,
) -> SuppressionCase:
    """Boxes with scores, labels and a threshold; scores tie often unless they are to be distinct."""
    found = draw(grid_boxes(max_size=max_size) | float_boxes(max_size=max_size) if boxes is None else boxes)
    count = len(found)
    scores: Sequence[float]
    if distinct_scores:
        scores = draw(st.permutations([(place + 1) / (count + 1) for place in range(count)]))
    else:
        scores = draw(st.lists(st.sampled_from(SCORES), min_size=count, max_size=count))
    labels = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    threshold = draw(st.sampled_from(IOU_LADDER))
    return SuppressionCase(found, np.array(scores, dtype=np.float64), np.array(labels, dtype=np.int64), threshold)


@st.composite
def far_cases(draw: st.DrawFn, *, distances: Sequence[float] = (2.0**20, 2.0**26, 2.0**40)) -> SuppressionCase:
    """Suppression cases far from the origin, on integer coordinates, with labels that lie far apart."""
    case = draw(suppression_cases(boxes=grid_boxes(min_size=2, max_size=8, least_side=1)))
    return case._replace(boxes=case.boxes + draw(st.sampled_from(distances)), labels=79 * case.labels)


@st.composite
def dense_cases(draw: st.DrawFn, *, most: int = 400) -> SuppressionCase:
    """Up to hundreds of boxes on integer coordinates, drawn from one number; fewer of them are the first of more."""
    count = draw(st.integers(2, 100) | st.integers(101, most))
    spread = draw(st.sampled_from((20, 60, 200)))
    shares = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random((count, 6))
    whole = np.floor(shares * (spread, spread, 40, 40, 500, 3))
    boxes = np.concatenate([whole[:, :2], whole[:, :2] + whole[:, 2:4]], axis=1)
    labels = whole[:, 5].astype(np.int64)
    return SuppressionCase(boxes, (whole[:, 4] + 1) / 512, labels, draw(st.sampled_from(IOU_LADDER)))
