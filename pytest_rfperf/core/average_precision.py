"""Average precision and recall from match records, bit for bit those of pycocotools.

Precision and recall change their course only at contenders; all other detections are plain false positives,
which are counted once and never laid out by threshold.

References
----------
cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.accumulate and COCOeval.summarize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.matching import MatchRecords

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

RECALL_THRESHOLDS = np.linspace(0.0, 1.00, 101)
_EPSILON = np.spacing(1)


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """The accumulated tensors; -1 wherever a category has no object that counts.

    Attributes
    ----------
    precision, scores : (T, R, K, A, M) float64
        Interpolated precision, and the score at which it is reached, at the R = 101 recall thresholds.
    recall : (T, K, A, M) float64
        The highest recall reached.
    iou_thresholds, areas, max_detections : tuple
        The axes T, A and M.
    """

    precision: Floats
    scores: Floats
    recall: Floats
    iou_thresholds: tuple[float, ...]
    areas: tuple[str, ...]
    max_detections: tuple[int, ...]

    def ap(self, *, iou: float | None = None, area: str = "all", category: int | None = None) -> float:
        """Mean of the precision over thresholds, recalls and categories, at the largest max_detections.

        Returns
        -------
        float
            In [0, 1]; -1 where nothing counts.
        """
        chosen = self.precision[..., self.areas.index(area), -1]
        chosen = chosen[chosen_thresholds(self.iou_thresholds, iou)]
        return mean_of_known(chosen if category is None else chosen[..., category : category + 1])

    def ar(self, *, area: str = "all", max_detections: int | None = None) -> float:
        """Mean of the highest recall over thresholds and categories; -1 where nothing counts."""
        last = -1 if max_detections is None else self.max_detections.index(max_detections)
        return mean_of_known(self.recall[..., self.areas.index(area), last])


def accumulate(records: MatchRecords, *, max_detections: Sequence[int] = (1, 10, 100)) -> PrecisionRecall:
    """Precision and recall of every category, area range and limit on detections.

    Parameters
    ----------
    records : MatchRecords
        Matched with at least the largest of `max_detections`.
    max_detections : sequence of int
        Ascending limits on the detections an image and category.
    """
    t, k = len(records.iou_thresholds), records.category_count
    a, m, r = len(records.areas), len(max_detections), len(RECALL_THRESHOLDS)
    precision, scores = -np.ones((t, r, k, a, m)), -np.ones((t, r, k, a, m))
    recall = -np.ones((t, k, a, m))
    edges = np.searchsorted(records.categories, np.arange(k + 1))
    counts = records.object_counts
    for category in range(k):
        segment = slice(int(edges[category]), int(edges[category + 1]))
        deepest = int(records.ranks[segment].max(initial=-1)) + 1
        for area in range(a):
            objects = int(counts[area, category])
            if not objects:
                continue
            curves: dict[int, tuple[Floats, Floats, Floats]] = {}
            for limit, most in enumerate(max_detections):
                reached = min(most, deepest)
                if reached not in curves:
                    curves[reached] = _curve(records, segment, area, objects, reached)
                at = (slice(None), slice(None), category, area, limit)
                precision[at], scores[at], recall[:, category, area, limit] = curves[reached]
    return PrecisionRecall(precision, scores, recall, records.iou_thresholds, records.areas, tuple(max_detections))


def _curve(records: MatchRecords, segment: slice, area: int, objects: int, most: int) -> tuple[Floats, Floats, Floats]:
    """Precision (T, R), scores (T, R) and highest recall (T,) of one category."""
    t, r = len(records.iou_thresholds), len(RECALL_THRESHOLDS)
    precision, scores, recall = np.zeros((t, r)), np.zeros((t, r)), np.zeros(t)
    taking_part = records.ranks[segment] < most
    if not taking_part.any():
        return precision, scores, recall
    segment_scores = records.scores[segment]
    scores[:, 0] = segment_scores[np.argmax(taking_part)]
    first, last = np.searchsorted(records.contenders, (segment.start, segment.stop))
    places = records.contenders[first:last] - segment.start
    kept = taking_part[places]
    places = places[kept]
    if not len(places):
        return precision, scores, recall
    true, false = _contender_counts(records, area, slice(first, last), kept, segment)
    plain = records.in_area[area, segment] & taking_part
    plain[places] = False
    false += np.cumsum(plain)[places]
    recalled = true / objects
    ratio = true / (false + true + _EPSILON)
    envelope = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
    at_score = segment_scores[places]
    for threshold in range(t):
        found = np.searchsorted(recalled[threshold], RECALL_THRESHOLDS[1:], side="left")
        reached = found[: np.searchsorted(found, len(places))]
        precision[threshold, 0] = envelope[threshold, 0]
        precision[threshold, 1 : 1 + len(reached)] = envelope[threshold, reached]
        scores[threshold, 1 : 1 + len(reached)] = at_score[reached]
    return precision, scores, recalled[:, -1]


def _contender_counts(
    records: MatchRecords, area: int, rows: slice, kept: Bools, segment: slice
) -> tuple[Floats, Floats]:
    """Running counts (T, C) of true and false positives among the contenders of one category."""
    bits = np.arange(len(records.iou_thresholds), dtype=np.uint64)[:, None]
    one = np.uint64(1)
    matched = (records.matched[area, rows][kept] >> bits) & one != 0
    ignored = (records.ignored[area, rows][kept] >> bits) & one != 0
    in_area = records.in_area[area, segment][records.contenders[rows][kept] - segment.start]
    true = np.cumsum(matched & ~ignored, axis=1, dtype=np.float64)
    false = np.cumsum(~matched & in_area, axis=1, dtype=np.float64)
    return true, false


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


def mean_of_known(values: Floats) -> float:
    """Mean of the values that are not -1; -1 where there is none."""
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0
