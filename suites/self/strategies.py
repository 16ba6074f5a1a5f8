"""Every Hypothesis strategy of these tests: those that users get, and counts, latencies and series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.core.matching import AREA_RANGES, IOU_THRESHOLDS
from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.testing.cases import CocoCase, SuppressionCase
from pytest_rfperf.testing.strategies import (
    IOU_LADDER,
    PLAIN,
    CocoShape,
    bare_image_cases,
    coco_cases,
    crowd_cases,
    crowded_cells,
    dense_cases,
    detection_limits,
    exact_boxes,
    far_cases,
    float_boxes,
    grid_boxes,
    iou_lists,
    isolated_cases,
    perfect_cases,
    suppression_cases,
    threshold_cases,
    tied_overlap_cases,
)

__all__ = [
    "IOU_LADDER",
    "PLAIN",
    "CocoCase",
    "CocoShape",
    "Protocol",
    "SuppressionCase",
    "any_protocols",
    "any_suppression_cases",
    "bare_image_cases",
    "boundaries",
    "coco_cases",
    "counts",
    "crowd_cases",
    "crowded_cells",
    "dense_cases",
    "detection_limits",
    "exact_boxes",
    "far_cases",
    "float_boxes",
    "grid_boxes",
    "indicators",
    "iou_lists",
    "isolated_cases",
    "large_coco_cases",
    "latencies",
    "percentiles",
    "perfect_cases",
    "suppression_cases",
    "threshold_cases",
    "tied_overlap_cases",
]


_ODD_SCORES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 1e-310, 0.5, float(np.nextafter(0.5, 1)), -1.0)
_ODD_LABELS = (0, 1, -1, 2**62, -(2**63), 2**63 - 1)
_HUGE = (0.0, 1.0, -1.0, 1e100, 1e149, -1e149, 1e150, -1e150)
_TINY = (0.0, 5e-324, 1e-310, 1e-200, 1e-162, 2e-162, 1e-155, 1.0)
_LOW = (0.0, 5e-324, 1e-300, 1e-12, float(np.nextafter(0.05, 0)), 0.05, float(np.nextafter(0.05, 1)))
_HIGH = (1 - 1e-9, float(np.nextafter(1, 0)), 1.0)
_EDGES = (0.0, 99.0, 100.0, 1023.5, 1024.0, 1024.5, 9215.5, 9216.0, 1e5, 1e10)


class Protocol(NamedTuple):
    """By what an evaluation is done."""

    iou_thresholds: tuple[float, ...]
    area_ranges: dict[str, tuple[float, float]]
    max_detections: tuple[int, ...]


COCO = Protocol(IOU_THRESHOLDS, AREA_RANGES, (1, 10, 100))


def _generators():
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


@st.composite
def _many_boxes(draw):
    """Up to 600 boxes whose spread and sides are of one draw, integers or floats, some of them very long."""
    random, count = draw(_generators()), draw(st.sampled_from((60, 97, 150, 300, 600)))
    spread, side = draw(st.sampled_from((10, 100, 1000, 10_000))), draw(st.sampled_from((5, 40, 300)))
    corners, sides = random.uniform(0, spread, (count, 2)), random.uniform(0, side, (count, 2))
    if draw(st.booleans()):
        corners, sides = np.floor(corners), np.floor(sides)
    if draw(st.booleans()):
        sides[random.random(count) < 0.1] *= (1000, 0.001)
    if draw(st.booleans()):
        corners[0] = draw(st.sampled_from((1e6, 1e12, 1e140)))
    return np.concatenate([corners, corners + sides], axis=1)


@st.composite
def _boxes_at_the_edge_of_reach(draw):
    """Boxes, and for each some whose centre lies as far away as an overlap of about the threshold allows.

    A box of the same size that is shifted, one that is contained and one that contains it, along either axis.
    """
    random, count = draw(_generators()), draw(st.sampled_from((3, 17, 40, 80)))
    threshold = draw(st.sampled_from((0.06, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.9, 0.99)))
    x1, y1 = random.uniform(-500, 500, (2, count))
    w, h = random.uniform(1, 100, (2, count))
    shift = w * (1 - threshold) / (1 + threshold)
    boxes = [(x1, y1, x1 + w, y1 + h), (x1 + shift, y1, x1 + shift + w, y1 + h)]
    boxes += [(x1, y1, x1 + w * threshold, y1 + h), (x1, y1, x1 + w / threshold, y1 + h)]
    boxes += [(x1, y1, x1 + w, y1 + h * threshold), (x1, y1 - (h / threshold - h), x1 + w, y1 + h)]
    rows = np.concatenate([np.stack(group, axis=1) for group in boxes])
    return rows[random.permutation(len(rows))] + draw(st.sampled_from((0.0, 2.0**20, 2.0**40)))


def _corners_from(values, max_size):
    row = st.tuples(*[st.sampled_from(values)] * 4)
    rows = st.lists(row, max_size=max_size).map(lambda found: np.array(found, dtype=np.float64).reshape(-1, 4))
    return rows.map(lambda found: np.concatenate([found.reshape(-1, 2, 2).min(1), found.reshape(-1, 2, 2).max(1)], 1))


def _any_boxes():
    grid = grid_boxes(max_size=20)
    same = st.tuples(grid_boxes(max_size=1), st.integers(1, 300)).map(lambda drawn: np.repeat(*drawn, axis=0))
    far = st.tuples(grid, st.integers(20, 60)).map(lambda drawn: drawn[0] + 2.0 ** drawn[1])
    small = st.one_of(grid, float_boxes(max_size=20), exact_boxes(max_size=20), same, far)
    odd = st.one_of(_corners_from(_HUGE, 120), _corners_from(_TINY, 120))
    kinds = {"small": small, "odd": odd, "many": _many_boxes(), "edge": _boxes_at_the_edge_of_reach()}
    return st.sampled_from(("small", "odd", "many", "many", "edge", "edge")).flatmap(kinds.get)


@st.composite
def _any_threshold(draw, boxes):
    """A threshold, also one that some pair of the boxes reaches exactly or misses by one unit in the last place."""
    kind = draw(st.sampled_from(("ladder", "ladder", "low", "high", "any", "pair", "pair", "pair")))
    if kind == "pair" and len(boxes) > 1:
        one = draw(st.integers(0, len(boxes) - 1))
        overlap = float(iou_matrix(boxes[[one]], np.delete(boxes, one, axis=0)).max())
        near = (overlap, np.nextafter(overlap, 0), np.nextafter(overlap, 1))
        return float(np.clip(draw(st.sampled_from(near)), 0, 1))
    values = {"low": _LOW, "high": _HIGH}.get(kind, IOU_LADDER)
    return draw(st.floats(0, 1) if kind == "any" else st.sampled_from(values))


@st.composite
def any_suppression_cases(draw):
    """Boxes of any kind that is legal, up to 600 of them, with scores that tie, are NaN, infinite or tiny."""
    boxes = draw(_any_boxes())
    count, random = len(boxes), draw(_generators())
    scores = {
        "apart": random.random(count),
        "tied": random.integers(0, 10, count) / 10,
        "one": np.zeros(count),
        "odd": random.choice(_ODD_SCORES, count),
        "close": 0.5 + random.integers(0, 50, count) * 2.0**-53,
        "rising": np.arange(count, dtype=np.float64),
    }
    labels = {
        "one": np.zeros(count, dtype=np.int64),
        "few": random.integers(0, 3, count),
        "odd": random.choice(_ODD_LABELS, count),
    }
    of_scores, of_labels = draw(st.sampled_from(tuple(scores))), draw(st.sampled_from(tuple(labels)))
    return SuppressionCase(boxes, scores[of_scores], labels[of_labels], draw(_any_threshold(boxes)))


@st.composite
def large_coco_cases(draw):
    """Ten to forty images with hundreds of detections, drawn from one number; crowded images and tied scores."""
    random = draw(_generators())
    image_count, category_count = draw(st.integers(10, 40)), draw(st.integers(1, 6))
    count, found = draw(st.integers(0, 150)), draw(st.integers(0, 500))
    boxes = np.concatenate([random.integers(0, 300, (count, 2)), random.integers(1, 120, (count, 2))], axis=1) * 1.0
    boxes += draw(st.sampled_from((0.0, 0.125, 1 / 3)))
    areas = boxes[:, 2] * boxes[:, 3] * draw(st.sampled_from((1.0, 0.7)))
    areas[random.random(count) < 0.2] = random.choice((1024.0, 9216.0))
    images, categories = random.integers(0, image_count, count), random.integers(0, category_count, count)
    crowd, ignore = random.random((2, count)) < draw(st.sampled_from((0.0, 0.1, 0.5)))
    truth = GroundTruth(images, categories, boxes, areas, crowd, ignore)
    source = random.integers(0, max(count, 1), found if count else 0)
    near = boxes[source] + np.round(random.normal(0, draw(st.sampled_from((0, 2, 6))), (len(source), 4)), 1)
    one_cell = draw(st.sampled_from((0, 0, 110, 150)))
    crowded = np.concatenate([random.integers(0, 300, (one_cell, 2)), random.integers(0, 60, (one_cell, 2))], axis=1)
    scores = random.random(len(source) + one_cell)
    return CocoCase(
        truth,
        CocoResults(
            np.append(images[source], np.full(one_cell, image_count - 1)),
            np.append(categories[source], np.zeros(one_cell, dtype=np.int64)),
            np.concatenate([near, crowded]),
            draw(
                st.sampled_from((scores, np.round(scores), np.round(scores, 1), 0.5 + np.round(scores, 2) * 2.0**-46))
            ),
        ),
        image_count,
        category_count,
    )


@st.composite
def _area_ranges(draw):
    pairs = st.tuples(st.sampled_from(_EDGES), st.sampled_from(_EDGES)).map(sorted).map(tuple)
    found = draw(st.lists(pairs, min_size=1, max_size=5, unique=True))
    return {f"range {place}": limits for place, limits in enumerate(found)}


@st.composite
def any_protocols(draw, *, most_thresholds=64):
    """COCO's protocol, or any IoU thresholds, area ranges and limits on detections."""
    if draw(st.booleans()):
        return COCO
    counts_of_thresholds = st.sampled_from((2, most_thresholds - 1, most_thresholds))
    every = counts_of_thresholds.map(lambda count: tuple(np.linspace(0, 1, count).tolist()))
    some = st.lists(st.floats(0, 1), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)
    limits = st.lists(st.integers(1, 150), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
    return Protocol(
        draw(iou_lists() | some | every | st.just(COCO.iou_thresholds)),
        draw(_area_ranges() | st.just(AREA_RANGES)),
        draw(limits | detection_limits() | st.just(COCO.max_detections)),
    )


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
