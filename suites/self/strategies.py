"""Every Hypothesis strategy of these tests: boxes, suppression cases, COCO cases, counts and series.

Coordinates are small integers or quarters, so that ties, exact thresholds and touching boxes are common and
arithmetic on them is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from pytest_rfperf.data.coco import CocoResults, GroundTruth

IOU_LADDER = (0.0, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 0.9, 0.95, 1.0)
# 32 and 96 are the sides of the area edges; 10, 19 and 20 overlap by exactly 0.5 and 0.95.
_SIDES = (0, 1, 5, 10, 19, 20, 32, 33, 64, 96, 97)
_NUDGES = (0, 0, 0, 1, 2, 5, 10, 0.25)
_SCORES = tuple(np.linspace(0.0, 1.0, 11).tolist())
_CELL = 200


class SuppressionCase(NamedTuple):
    """What one call of non-maximum suppression is given."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    iou_threshold: float


class CocoCase(NamedTuple):
    """What one evaluation is given."""

    truth: GroundTruth
    results: CocoResults
    image_count: int
    category_count: int


def _column(values, dtype):
    return np.array(values, dtype=dtype)


def _rows_of_four(rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@st.composite
def grid_boxes(draw, *, max_size=12, least_side=0):
    """(N, 4) xyxy boxes on integer coordinates."""
    place, side = st.integers(0, 24), st.integers(least_side, 16)
    rows = draw(st.lists(st.tuples(place, place, side, side), max_size=max_size))
    return _rows_of_four([(x, y, x + w, y + h) for x, y, w, h in rows])


@st.composite
def float_boxes(draw, *, max_size=8):
    """(N, 4) xyxy boxes whose coordinates are any floats of an image's size."""
    place = st.floats(-1e5, 1e5, allow_subnormal=False)
    rows = draw(st.lists(st.tuples(place, place, place, place), max_size=max_size))
    return _rows_of_four([(min(a, b), min(c, d), max(a, b), max(c, d)) for a, c, b, d in rows])


@st.composite
def suppression_cases(draw, *, distinct_scores=False, max_size=14):
    """Boxes with scores, labels and a threshold; scores tie often unless they are to be distinct."""
    boxes = draw(grid_boxes(max_size=max_size) | float_boxes(max_size=max_size))
    count = len(boxes)
    if distinct_scores:
        scores = draw(st.permutations(range(count)))
    else:
        scores = draw(st.lists(st.sampled_from(_SCORES), min_size=count, max_size=count))
    labels = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    threshold = draw(st.sampled_from(IOU_LADDER))
    return SuppressionCase(boxes, _column(scores, np.float64), _column(labels, np.int64), threshold)


@st.composite
def _objects(draw, image_count, category_count, plain):
    """Ground truth whose annotated area may differ from the box's, unless `plain`."""
    side = st.sampled_from([s for s in _SIDES if s] if plain else _SIDES)
    place = st.integers(0, 12).map(lambda step: step * 10)
    row = st.tuples(st.integers(0, image_count - 1), st.integers(0, category_count - 1), place, place, side, side)
    rows = draw(st.lists(row, max_size=10))
    count = len(rows)
    boxes = _rows_of_four([r[2:] for r in rows])
    areas = boxes[:, 2] * boxes[:, 3]
    flags = st.lists(st.sampled_from((False, False, False, True)), min_size=count, max_size=count)
    crowd, ignore = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    if not plain:
        other = st.sampled_from((None, None, 0.0, 1023.5, 1024.0, 1024.5, 9215.5, 9216.0, 9216.5))
        annotated = draw(st.lists(other, min_size=count, max_size=count))
        areas = _column([a if b is None else b for a, b in zip(areas, annotated, strict=True)], np.float64)
        crowd, ignore = _column(draw(flags), bool), _column(draw(flags), bool)
    images, categories = _column([r[0] for r in rows], np.int64), _column([r[1] for r in rows], np.int64)
    return GroundTruth(images, categories, boxes, areas, crowd, ignore)


@st.composite
def _detections_near(draw, truth, image_count, category_count):
    """Detections: some nudged copies of an object, some anywhere; their scores tie often."""
    nudge, side = st.sampled_from(_NUDGES), st.sampled_from(_SIDES)
    place = st.integers(0, 12).map(lambda step: step * 10)
    anywhere = st.tuples(st.integers(0, image_count - 1), st.integers(0, category_count - 1), place, place, side, side)
    near = anywhere
    if len(truth.images):
        near = st.builds(
            lambda row, dx, dy, dw: (
                truth.images[row],
                truth.categories[row],
                *(truth.boxes_xywh[row] + (dx, dy, dw, 0)),
            ),
            st.integers(0, len(truth.images) - 1),
            nudge,
            nudge,
            nudge,
        )
    rows = draw(st.lists(near | near | anywhere, max_size=16))
    scores = draw(st.lists(st.sampled_from(_SCORES), min_size=len(rows), max_size=len(rows)))
    return CocoResults(
        _column([r[0] for r in rows], np.int64),
        _column([r[1] for r in rows], np.int64),
        _rows_of_four([r[2:] for r in rows]),
        _column(scores, np.float64),
    )


@st.composite
def coco_cases(draw, *, plain=False):
    """Objects and detections of up to three images and two categories; `plain` has no crowd and no ignore."""
    image_count, category_count = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    truth = draw(_objects(image_count, category_count, plain))
    results = draw(_detections_near(truth, image_count, category_count))
    return CocoCase(truth, results, image_count, category_count)


@st.composite
def perfect_cases(draw):
    """Objects of positive area, and one detection for each that is its very box."""
    image_count, category_count = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    truth = draw(_objects(image_count, category_count, plain=True).filter(lambda found: len(found.images)))
    count = len(truth.images)
    scores = draw(st.lists(st.sampled_from(_SCORES), min_size=count, max_size=count))
    order = _column(draw(st.permutations(range(count))), np.int64)
    results = CocoResults(
        truth.images[order], truth.categories[order], truth.boxes_xywh[order], _column(scores, np.float64)
    )
    return CocoCase(truth, results, image_count, category_count)


@st.composite
def isolated_cases(draw):
    """Objects that lie a cell apart, and detections each of which can overlap one of them at most."""
    cells = draw(st.lists(st.integers(0, 15), min_size=1, max_size=6, unique=True))
    count = len(cells)
    side = st.sampled_from((10, 20, 32, 64, 96))
    corners = [((cell % 4) * _CELL, (cell // 4) * _CELL) for cell in cells]
    boxes = _rows_of_four([(x, y, draw(side), draw(side)) for x, y in corners])
    zeros, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    truth = GroundTruth(zeros, zeros, boxes, boxes[:, 2] * boxes[:, 3], no, no)
    row = st.tuples(st.integers(0, count - 1), st.sampled_from(_NUDGES), st.sampled_from(_NUDGES))
    rows = draw(st.lists(row, min_size=1, max_size=10))
    found = _rows_of_four([boxes[i] + (dx, dy, 0, 0) for i, dx, dy in rows])
    # Above 0, so that a test can add a detection below all of them.
    scores = draw(st.lists(st.sampled_from(_SCORES[1:]), min_size=len(rows), max_size=len(rows)))
    zeros = np.zeros(len(rows), dtype=np.int64)
    return CocoCase(truth, CocoResults(zeros, zeros, found, _column(scores, np.float64)), 1, 1)


def iou_lists():
    """Ascending IoU thresholds other than COCO's ten."""
    return st.lists(st.sampled_from(IOU_LADDER), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)


def detection_limits():
    """Three ascending limits on detections, which need not end in 100."""
    return st.lists(st.integers(1, 12), min_size=3, max_size=3, unique=True).map(sorted).map(tuple)


@st.composite
def counts(draw, *, most=2000):
    """(k, n) with 0 <= k <= n."""
    n = draw(st.integers(0, most))
    return draw(st.integers(0, n)), n


def boundaries():
    """Boundaries of the rate test that gates ask for: p50 to p99.9."""
    return st.sampled_from((0.5, 0.25, 0.1, 0.05, 0.01, 0.001))


def latencies(*, max_size=60):
    """Samples of at least one latency in ns, with ties."""
    value = st.integers(0, 20) | st.integers(0, 2**63 - 1)
    return st.lists(value, min_size=1, max_size=max_size).map(lambda found: np.array(found, dtype=np.int64))


def percentiles():
    """Percentiles in (0, 100] with up to two decimals."""
    return st.integers(1, 10_000).map(lambda hundredths: hundredths / 100)


def indicators(*, max_size=60):
    """Series of exceedances, made of runs so that they depend on each other."""
    run = st.tuples(st.booleans(), st.integers(1, 6))
    runs = st.lists(run, max_size=max_size // 6).map(lambda found: np.array(found, dtype=np.int64).reshape(-1, 2))
    return runs.map(lambda found: np.repeat(found[:, 0] == 1, found[:, 1]))
