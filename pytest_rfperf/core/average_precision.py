"""Average precision and recall from match records, bit for bit those of pycocotools.

Precision and recall change their course only at contenders; all other detections are plain false positives,
which are counted once and never laid out by threshold.

References
----------
cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.accumulate and COCOeval.summarize.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.native.accumulation import native_accumulate, native_transposed
from pytest_rfperf.core.records import bit_set
from pytest_rfperf.core.tier import tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Bits = NDArray[np.uint64]
    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shorts = NDArray[np.int32]

RECALL_THRESHOLDS = np.linspace(0.0, 1.00, 101)
_EPSILON = np.spacing(1)
_ONE = np.uint64(1)


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
    """
    return PrecisionRecall(records, max_detections)


def numpy_accumulate(records: MatchRecords, wanted: Wanted) -> tuple[Floats, Floats, Floats]:
    """Precision and scores (K, A, N, T, R), the latter empty where not wanted, and recall (K, A, M, T)."""
    t, k, a = len(records.iou_thresholds), records.category_count, len(records.areas)
    shape = (k, a, len(wanted.limits) - wanted.recall_only, t, len(RECALL_THRESHOLDS))
    precision, recall = -np.ones(shape), -np.ones((k, a, len(wanted.limits), t))
    scores = -np.ones(shape if wanted.scores else 0)
    counts = records.object_counts
    for category in np.flatnonzero(counts.any(axis=0)).tolist():
        course = _course(records, category)
        for area in np.flatnonzero(counts[:, category]).tolist():
            objects = int(counts[area, category])
            for limit, most in enumerate(wanted.limits):
                recall[category, area, limit] = _found(course, area, most) / objects
                at = (category, area, limit - wanted.recall_only)
                if limit > wanted.recall_only and most > wanted.limits[limit - 1] >= course.deepest:
                    _copy(precision, scores, at)
                elif limit >= wanted.recall_only:
                    precision[at], at_scores = _curve(course, area, objects, most)
                    if wanted.scores:
                        scores[at] = at_scores
    return precision, scores, recall


def _copy(precision: Floats, scores: Floats, at: tuple[int, int, int]) -> None:
    """Take over the curve of the limit before, which already lets every detection take part."""
    before = (*at[:2], at[2] - 1)
    precision[at] = precision[before]
    if scores.size:
        scores[at] = scores[before]


class _Course(NamedTuple):
    """The detections of one category, surest first, and what its contenders are at each threshold."""

    ranks: Shorts
    deepest: int
    """Limit on detections that all of them keep to."""
    scores: Floats
    in_area: Bits
    places: Ints
    """Of the contenders."""
    true: Bools
    """(A, T, C): took an object that counts."""
    false: Bools
    """(A, T, C): took none, and lies in the range itself."""


def _course(records: MatchRecords, category: int) -> _Course:
    first, last = records.edges[category : category + 2]
    begin, end = records.contender_edges[category : category + 2]
    bits = np.arange(len(records.iou_thresholds), dtype=np.uint64)[:, None]
    matched, ignored = records.matched[begin:end].T[:, None, :], records.ignored[begin:end].T[:, None, :]
    places = records.contenders[begin:end] - first
    in_area = records.in_area[first:last]
    inside = np.array([bit_set(in_area[places], a) for a in range(len(records.areas))])
    is_matched = (matched >> bits) & _ONE != 0
    return _Course(
        records.ranks[first:last],
        int(records.ranks[first:last].max(initial=-1)) + 1,
        records.scores[first:last],
        in_area,
        places,
        is_matched & ((ignored >> bits) & _ONE == 0),
        ~is_matched & inside.reshape(len(records.areas), 1, len(places)),
    )


def _found(course: _Course, area: int, most: int) -> Ints:
    """True positives at each threshold, (T,)."""
    true = course.true[area]
    if most < course.deepest:
        true = true[:, course.ranks[course.places] < most]
    found: Ints = np.count_nonzero(true, axis=1)
    return found


def _curve(course: _Course, area: int, objects: int, most: int) -> tuple[Floats, Floats]:
    """Precision and scores (T, R) of one category."""
    taking_part = course.ranks < most
    kept = taking_part[course.places]
    places, is_true = course.places[kept], course.true[area][:, kept]
    scores = np.zeros((len(is_true), len(RECALL_THRESHOLDS)))
    scores[:, 0] = course.scores[taking_part][:1].sum()
    thresholds, columns = np.nonzero(is_true)
    if not len(columns):
        return np.zeros_like(scores), scores
    plain = bit_set(course.in_area, area) & taking_part
    plain[course.places] = False
    true = np.cumsum(is_true, axis=1, dtype=np.float64)
    false = np.cumsum(course.false[area][:, kept], axis=1, dtype=np.float64) + np.cumsum(plain)[places]
    ratio = true / (false + true + _EPSILON)
    envelope = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1][thresholds, columns]
    # The true positive at which each recall is reached, if it is; recall can change nowhere else.
    needed = np.searchsorted(np.arange(objects + 1) / objects, RECALL_THRESHOLDS, side="left")
    count = np.bincount(thresholds, minlength=len(is_true))[:, None]
    reached = (needed <= count) & (count > 0)
    at = (np.cumsum(count) - count[:, 0])[:, None] + np.maximum(needed - 1, 0)
    at = np.where(reached, at, 0)
    scores[:, 1:] = np.where(reached, course.scores[places][columns][at], 0.0)[:, 1:]
    return np.where(reached, envelope[at], 0.0), scores


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
