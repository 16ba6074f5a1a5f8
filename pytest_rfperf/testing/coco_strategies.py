"""Hypothesis strategies of COCO cases.

Coordinates are small integers or quarters, so that ties, exact thresholds and area edges are common and arithmetic on
them is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.testing.box_strategies import IOU_LADDER, SCORES, rows_of_four
from pytest_rfperf.testing.cases import CocoCase
from pytest_rfperf.testing.engine import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# 32 and 96 are the sides of the area edges; 10, 19 and 20 overlap by exactly 0.5 and 0.95.
_SIDES = (0, 1, 5, 10, 19, 20, 32, 33, 64, 96, 97)
_NUDGES = (0, 0, 0, 1, 2, 5, 10, 0.25)
_AREAS = (None, None, 0.0, 1023.5, 1024.0, 1024.5, 9215.5, 9216.0, 9216.5)
_CELL = 200


@dataclass(frozen=True, slots=True)
class CocoShape:
    """What the objects and detections of a COCO case may be like.

    Attributes
    ----------
    images, categories, objects, detections : int
        The most of each.
    crowd, ignore : bool
        Whether objects may be crowds, and may be ignored without being one.
    annotated_areas : bool
        Whether the annotated area may differ from the box's and lie at the edges 1024 and 9216.
    flat : bool
        Whether boxes may lack area.
    tied : bool
        Whether scores may be equal.
    """

    images: int = 3
    categories: int = 2
    objects: int = 10
    detections: int = 16
    crowd: bool = True
    ignore: bool = True
    annotated_areas: bool = True
    flat: bool = True
    tied: bool = True

    @property
    def sides(self) -> tuple[int, ...]:
        """Lengths that the sides of boxes are drawn from, in pixels."""
        return _SIDES if self.flat else _SIDES[1:]


PLAIN = CocoShape(crowd=False, ignore=False, annotated_areas=False, flat=False)
"""Neither crowd nor ignored object, areas as the boxes say, and every box with an area."""


def _ints(values: Iterable[Any]) -> Ints:
    return np.array(list(values), dtype=np.int64)


@st.composite
def _objects(draw: st.DrawFn, image_count: int, category_count: int, shape: CocoShape) -> GroundTruth:
    side, place = st.sampled_from(shape.sides), st.integers(0, 12).map(lambda step: step * 10)
    row = st.tuples(st.integers(0, image_count - 1), st.integers(0, category_count - 1), place, place, side, side)
    rows = draw(st.lists(row, max_size=shape.objects))
    count = len(rows)
    boxes = rows_of_four([r[2:] for r in rows])
    areas = boxes[:, 2] * boxes[:, 3]
    if shape.annotated_areas:
        annotated = draw(st.lists(st.sampled_from(_AREAS), min_size=count, max_size=count))
        areas = np.array([a if b is None else b for a, b in zip(areas, annotated, strict=True)], dtype=np.float64)
    flags = st.lists(st.sampled_from((False, False, False, True)), min_size=count, max_size=count)
    none = st.just([False] * count)
    crowd, ignore = (
        np.array(draw(flags if wanted else none), dtype=np.bool_) for wanted in (shape.crowd, shape.ignore)
    )
    return GroundTruth(_ints(r[0] for r in rows), _ints(r[1] for r in rows), boxes, areas, crowd, ignore)


@st.composite
def _detections_near(
    draw: st.DrawFn, truth: GroundTruth, image_count: int, category_count: int, shape: CocoShape
) -> CocoResults:
    """Detections: some nudged copies of an object, some anywhere."""
    nudge, side = st.sampled_from(_NUDGES), st.sampled_from(shape.sides)
    place = st.integers(0, 12).map(lambda step: step * 10)
    anywhere: st.SearchStrategy[tuple[Any, ...]] = st.tuples(
        st.integers(0, image_count - 1), st.integers(0, category_count - 1), place, place, side, side
    )
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
    rows = draw(st.lists(near | near | anywhere, max_size=shape.detections))
    boxes = rows_of_four([r[2:] for r in rows])
    return CocoResults(
        _ints(r[0] for r in rows), _ints(r[1] for r in rows), boxes, draw(_scores(len(rows), tied=shape.tied))
    )


def _scores(count: int, *, tied: bool) -> st.SearchStrategy[Floats]:
    """(N,) scores in (0, 1]: ten values, or all of them different."""
    values: st.SearchStrategy[list[float]]
    if tied:
        values = st.lists(st.sampled_from(SCORES), min_size=count, max_size=count)
    else:
        values = st.permutations([(place + 1) / (count + 1) for place in range(count)])
    return values.map(lambda found: np.array(found, dtype=np.float64))


@st.composite
def coco_cases(draw: st.DrawFn, *, plain: bool = False, shape: CocoShape | None = None) -> CocoCase:
    """Objects and detections of a few images and categories; `plain` is short for `shape=PLAIN`."""
    chosen = shape or (PLAIN if plain else CocoShape())
    image_count, category_count = draw(st.integers(1, chosen.images)), draw(st.integers(1, chosen.categories))
    truth = draw(_objects(image_count, category_count, chosen))
    results = draw(_detections_near(truth, image_count, category_count, chosen))
    return CocoCase(truth, results, image_count, category_count)


@st.composite
def perfect_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Objects of positive area, and one detection for each that is its very box."""
    image_count, category_count = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    truth = draw(_objects(image_count, category_count, PLAIN).filter(lambda found: len(found.images) > 0))
    count = len(truth.images)
    scores = draw(_scores(count, tied=tied))
    order = _ints(draw(st.permutations(range(count))))
    results = CocoResults(truth.images[order], truth.categories[order], truth.boxes_xywh[order], scores)
    return CocoCase(truth, results, image_count, category_count)


@st.composite
def isolated_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Objects that lie a cell apart, and detections each of which can overlap one of them at most."""
    cells = draw(st.lists(st.integers(0, 15), min_size=1, max_size=6, unique=True))
    count = len(cells)
    side = st.sampled_from((10, 20, 32, 64, 96))
    corners = [((cell % 4) * _CELL, (cell // 4) * _CELL) for cell in cells]
    boxes = rows_of_four([(x, y, draw(side), draw(side)) for x, y in corners])
    zeros, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    truth = GroundTruth(zeros, zeros, boxes, boxes[:, 2] * boxes[:, 3], no, no)
    row = st.tuples(st.integers(0, count - 1), st.sampled_from(_NUDGES), st.sampled_from(_NUDGES))
    rows = draw(st.lists(row, min_size=1, max_size=10))
    found = rows_of_four([boxes[i] + (dx, dy, 0, 0) for i, dx, dy in rows])
    # Above 0, so that a detection can be added below all of them.
    scores = draw(_scores(len(rows), tied=tied).map(lambda values: 0.1 + 0.9 * values))
    zeros = np.zeros(len(rows), dtype=np.int64)
    return CocoCase(truth, CocoResults(zeros, zeros, found, scores), 1, 1)


@st.composite
def threshold_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Objects a cell apart, and detections that overlap one by exactly a COCO threshold or 0.05 off it."""
    count = draw(st.integers(1, 3))
    boxes = rows_of_four([(_CELL * place, 0, 20, 20) for place in range(count)])
    zeros, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    truth = GroundTruth(zeros, zeros, boxes, boxes[:, 2] * boxes[:, 3], no, no)
    height = st.sampled_from((10, 15, 9, 11, 12, 13, 14, 16, 17, 18, 19, 20))
    rows = draw(st.lists(st.tuples(st.integers(0, count - 1), height), min_size=1, max_size=6))
    zeros = np.zeros(len(rows), dtype=np.int64)
    found = rows_of_four([(_CELL * place, 0, 20, tall) for place, tall in rows])
    return CocoCase(truth, CocoResults(zeros, zeros, found, draw(_scores(len(rows), tied=tied))), 1, 1)


@st.composite
def tied_overlap_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Pairs of equal objects, a detection midway that overlaps both by the same amount, and others beside it."""
    objects, found = [], []
    for place in range(draw(st.integers(1, 3))):
        left = _CELL * place
        objects += [(left + shift, 0, 10, 10) for shift in draw(st.permutations((0, 4)))]
        shifts = draw(st.lists(st.sampled_from((4, 6, 0, -2, 2)), min_size=1, max_size=3))
        found += [(left + shift, 0, 10, 10) for shift in (2, *shifts)]
    boxes, zeros = rows_of_four(objects), np.zeros(len(objects), dtype=np.int64)
    no = np.zeros(len(objects), dtype=np.bool_)
    truth = GroundTruth(zeros, zeros, boxes, boxes[:, 2] * boxes[:, 3], no, no)
    zeros = np.zeros(len(found), dtype=np.int64)
    return CocoCase(truth, CocoResults(zeros, zeros, rows_of_four(found), draw(_scores(len(found), tied=tied))), 1, 1)


@st.composite
def crowd_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Objects a cell apart or inside a crowd, and small detections on either: two in a crowd, one on an object."""
    crowds, objects = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    inside = draw(st.lists(st.booleans(), min_size=objects, max_size=objects))
    rows = [(_CELL * place, 0, 100, 100) for place in range(crowds)]
    rows += [(30, 30, 20, 20) if within else (_CELL * place, _CELL, 20, 20) for place, within in enumerate(inside)]
    boxes, crowd = rows_of_four(rows), np.arange(crowds + objects) < crowds
    zeros = np.zeros(len(boxes), dtype=np.int64)
    truth = GroundTruth(zeros, zeros, boxes, boxes[:, 2] * boxes[:, 3], crowd, np.zeros_like(crowd))
    step = st.sampled_from((0, 10, 40, 70, 90))
    row = st.tuples(st.integers(0, len(boxes) - 1), step, step, st.sampled_from(_NUDGES))
    found = [
        (boxes[i, 0] + x * crowd[i] + nudge, boxes[i, 1] + y * crowd[i], 20, 20)
        for i, x, y, nudge in draw(st.lists(row, max_size=8))
    ]
    found += [(0, 0, 20, 20), (60, 60, 20, 20), boxes[crowds]]
    zeros = np.zeros(len(found), dtype=np.int64)
    results = CocoResults(zeros, zeros, rows_of_four(found), draw(_scores(len(found), tied=tied)))
    return CocoCase(truth, results, 1, 1)


@st.composite
def bare_image_cases(draw: st.DrawFn, *, tied: bool = True) -> CocoCase:
    """Objects in the second of three images, and detections in all of them."""
    case = draw(isolated_cases(tied=tied))
    images = draw(st.lists(st.sampled_from((0, 2)), min_size=1, max_size=6))
    count = len(case.results.images) + len(images)
    results = CocoResults(
        _ints([*np.ones_like(case.results.images), *images]),
        np.zeros(count, dtype=np.int64),
        np.concatenate([case.results.boxes_xywh, np.tile(case.truth.boxes_xywh[:1], (len(images), 1))]),
        draw(_scores(count, tied=tied)),
    )
    return CocoCase(replace(case.truth, images=np.ones_like(case.truth.images)), results, 3, 1)


@st.composite
def crowded_cells(draw: st.DrawFn) -> CocoCase:
    """Images and categories in which one object is found among none, some or more than 100 false positives.

    The true positive is the surest or the least sure of its image and category; all scores differ.
    """
    image_count, category_count = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    truth_rows, rows = [], []
    for image, category in np.ndindex(image_count, category_count):
        false_positives = draw(st.sampled_from((0, 60, 99, 100, 104)))
        truth_rows.append((image, category))
        own = [0.95 if draw(st.booleans()) else 0.05, *np.linspace(0.9, 0.1, false_positives)]
        # A share of its own for each cell, so that no scores tie across cells.
        share = (image * category_count + category) / 1024
        rows += [(image, category, float(score) + share, place == 0) for place, score in enumerate(own)]
    count = len(truth_rows)
    boxes, no = rows_of_four([(0, 0, 40, 40)] * count), np.zeros(count, dtype=np.bool_)
    truth = GroundTruth(
        _ints(r[0] for r in truth_rows), _ints(r[1] for r in truth_rows), boxes, boxes[:, 2] * boxes[:, 3], no, no
    )
    results = CocoResults(
        _ints(r[0] for r in rows),
        _ints(r[1] for r in rows),
        rows_of_four([(0, 0, 40, 40) if r[3] else (100, 100, 40, 40) for r in rows]),
        np.array([r[2] for r in rows], dtype=np.float64),
    )
    return CocoCase(truth, results, image_count, category_count)


def iou_lists() -> st.SearchStrategy[tuple[float, ...]]:
    """Ascending IoU thresholds other than COCO's ten."""
    return st.lists(st.sampled_from(IOU_LADDER), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)


def detection_limits() -> st.SearchStrategy[tuple[int, ...]]:
    """Three ascending limits on detections, which need not end in 100."""
    return st.lists(st.integers(1, 12), min_size=3, max_size=3, unique=True).map(sorted).map(tuple)
