"""Average precision and recall from match records, bit for bit those of pycocotools.

Precision and recall change their course only at contenders; all other detections are plain false positives,
which are counted once and never laid out by threshold.

References
----------
cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.accumulate and COCOeval.summarize.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.course import course_of
from pytest_rfperf.core.native.accumulation import native_accumulate, native_transposed
from pytest_rfperf.core.tier import tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.course import Course
    from pytest_rfperf.core.records import MatchRecords

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RECALL_THRESHOLDS = np.linspace(0.0, 1.00, 101)
_EPSILON = np.spacing(1)


class Wanted(NamedTuple):
    """What of the tensors is asked for; they are large.

    Attributes
    ----------
    limits : tuple of int
        M ascending limits on the detections of an image and category.
    recall_only : int
        The first limits, for which precision and scores are left out; N = M less these.
    scores : bool
    """

    limits: tuple[int, ...]
    recall_only: int
    scores: bool


class PrecisionRecall:
    """What match records come to: COCO's tensors and the values read from them, computed when they are asked for.

    Tensors are -1 wherever a category has no object that counts.

    Parameters
    ----------
    records : MatchRecords
    max_detections : sequence of int
        Ascending limits on the detections an image and category; at most what the records were matched with.
    """

    def __init__(self, records: MatchRecords, max_detections: Sequence[int]) -> None:
        """Compute nothing yet."""
        self.records = records
        self.iou_thresholds = records.iou_thresholds
        self.areas = records.areas
        self.max_detections = tuple(max_detections)

    @property
    def precision(self) -> Floats:
        """Interpolated precision, (T, R, K, A, M) float64, at the R = 101 recall thresholds."""
        return self._tensors[0].transpose(3, 4, 0, 1, 2)

    @property
    def scores(self) -> Floats:
        """The score at which each precision is reached, (T, R, K, A, M) float64."""
        return self._tensors[1].transpose(3, 4, 0, 1, 2)

    @property
    def recall(self) -> Floats:
        """The highest recall reached, (T, K, A, M) float64."""
        return self._summary[2].transpose(3, 0, 1, 2)

    def ap(self, *, iou: float | None = None, area: str = "all", category: int | None = None) -> float:
        """Mean of the precision over thresholds, recalls and categories, at the largest max_detections.

        Returns
        -------
        float
            In [0, 1]; -1 where nothing counts.

        Raises
        ------
        ValueError
            If the records were not matched at that IoU.
        """
        at = self.areas.index(area)
        known = self._known[at] if category is None else np.intersect1d(self._known[at], [category])
        if not len(known):
            return -1.0
        precision = self._summary[0][:, at, -1]
        if iou is None:
            return float(np.mean(_side_by_side(precision.reshape(len(precision), -1), known)))
        (threshold,) = chosen_thresholds(self.iou_thresholds, iou)
        return float(np.mean(_side_by_side(precision[:, threshold], known)))

    def ar(self, *, area: str = "all", max_detections: int | None = None) -> float:
        """Mean of the highest recall over thresholds and categories; -1 where nothing counts."""
        last = -1 if max_detections is None else self.max_detections.index(max_detections)
        return mean_of_known(self.recall[..., self.areas.index(area), last])

    @functools.cached_property
    def _known(self) -> list[Ints]:
        """Categories that have objects that count, by area range."""
        return [np.flatnonzero(counts) for counts in self.records.object_counts]

    @functools.cached_property
    def _summary(self) -> tuple[Floats, Floats, Floats]:
        """All that the values need: recall at every limit, precision at the last."""
        return self._accumulated(Wanted(self.max_detections, len(self.max_detections) - 1, scores=False))

    @functools.cached_property
    def _tensors(self) -> tuple[Floats, Floats, Floats]:
        return self._accumulated(Wanted(self.max_detections, 0, scores=True))

    def _accumulated(self, wanted: Wanted) -> tuple[Floats, Floats, Floats]:
        if tier() == "c":
            return native_accumulate(self.records, wanted, RECALL_THRESHOLDS)
        return numpy_accumulate(self.records, wanted)


def accumulate(records: MatchRecords, *, max_detections: Sequence[int] = (1, 10, 100)) -> PrecisionRecall:
    """Precision and recall of every category, area range and limit on detections.

    Parameters
    ----------
    records : MatchRecords
        Matched with at least the largest of `max_detections`.
    max_detections : sequence of int
        Ascending limits on the detections an image and category.

    Raises
    ------
    ValueError
        If the limits are none, do not ascend, or go beyond what was matched.
    """
    limits = [0, *max_detections, records.max_detections + 1]
    if not max_detections or any(one >= after for one, after in itertools.pairwise(limits)):
        msg = f"max_detections={tuple(max_detections)}: expected limits that ascend from 1 to {records.max_detections}"
        raise ValueError(msg)
    return PrecisionRecall(records, max_detections)


def numpy_accumulate(records: MatchRecords, wanted: Wanted) -> tuple[Floats, Floats, Floats]:
    """Precision and scores (K, A, N, T, R), the latter empty where not wanted, and recall (K, A, M, T)."""
    t, k, a = len(records.iou_thresholds), records.category_count, len(records.areas)
    shape = (k, a, len(wanted.limits) - wanted.recall_only, t, len(RECALL_THRESHOLDS))
    precision, recall = -np.ones(shape), -np.ones((k, a, len(wanted.limits), t))
    scores = -np.ones(shape if wanted.scores else 0)
    counts = records.object_counts
    for category in np.flatnonzero(counts.any(axis=0)).tolist():
        areas = np.flatnonzero(counts[:, category])
        course, objects = course_of(records, category, areas), counts[areas, category]
        for limit, most in enumerate(wanted.limits):
            recall[category, areas, limit] = _found(course, most) / objects[:, None]
            if limit >= wanted.recall_only:
                at = (category, areas, limit - wanted.recall_only)
                precision[at], at_scores = _curves(course, objects, most)
                if wanted.scores:
                    scores[at] = at_scores
    return precision, scores, recall


def _found(course: Course, most: int) -> Ints:
    """True positives in each area range at each threshold, (A, T)."""
    found: Ints = np.count_nonzero(course.true & (course.ranks[course.places] < most), axis=2)
    return found


def _needed(objects: Ints) -> Ints:
    """True positives from which each recall is reached: the least count with count / objects >= recall, (A, R)."""
    each = objects[:, None]
    needed = np.ceil(RECALL_THRESHOLDS * each)
    needed -= (needed - 1) / each >= RECALL_THRESHOLDS
    needed += needed / each < RECALL_THRESHOLDS
    return np.maximum(needed, 0).astype(np.int64)


def _curves(course: Course, objects: Ints, most: int) -> tuple[Floats, Floats]:
    """Precision and scores (A, T, R) of one category in some area ranges."""
    taking_part = course.ranks < most
    kept = taking_part[course.places]
    places, is_true = course.places[kept], course.true[:, :, kept]
    plain = course.in_area & taking_part
    plain[:, course.places] = False
    true = np.cumsum(is_true, axis=2, dtype=np.float64)
    false = np.cumsum(course.false[:, :, kept], axis=2, dtype=np.float64)
    false += np.cumsum(plain, axis=1)[:, None, places]
    ratio = true / (false + true + _EPSILON)
    envelope = np.maximum.accumulate(ratio[:, :, ::-1], axis=2)[:, :, ::-1]
    # Recall changes at true positives alone: each recall is reached at one of them, if at all.
    needed, count = _needed(objects)[:, None, :], np.count_nonzero(is_true, axis=2)
    reached = (needed <= count[:, :, None]) & (count[:, :, None] > 0)
    begin = (np.cumsum(count) - count.ravel()).reshape(count.shape)
    at = (begin[:, :, None] + np.maximum(needed - 1, 0))[reached]
    precision, scores = np.zeros(reached.shape), np.zeros(reached.shape)
    precision[reached] = envelope[is_true][at]
    scores[reached] = np.broadcast_to(course.scores[places], is_true.shape)[is_true][at]
    surest = course.scores[taking_part][:1]
    scores[:, :, 0] = surest[0] if len(surest) else 0.0
    return precision, scores


def chosen_thresholds(thresholds: tuple[float, ...], iou: float | None) -> NDArray[np.int64]:
    """Places of an IoU among the thresholds; all of them without one.

    Raises
    ------
    ValueError
        If it is not among them.
    """
    if iou is None:
        return np.arange(len(thresholds))
    near = np.flatnonzero(np.isclose(thresholds, iou, rtol=0, atol=1e-9))
    if not len(near):
        msg = f"IoU {iou} was not matched; matched were {', '.join(f'{t:g}' for t in thresholds)}"
        raise ValueError(msg)
    return near


def _side_by_side(matrix: Floats, rows: Ints) -> Floats:
    """Chosen rows (K, W) as columns, one after the other: the order in which pycocotools takes its mean."""
    return (native_transposed(matrix, rows) if tier() == "c" else np.ascontiguousarray(matrix[rows].T)).ravel()


def mean_of_known(values: Floats) -> float:
    """Mean of the values that are not -1; -1 where there is none."""
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0
