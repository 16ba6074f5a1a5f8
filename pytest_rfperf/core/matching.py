"""COCO matching: which detection takes which object, for every IoU threshold and area range at once.

pycocotools matches one image, class, area range and threshold at a time. The same greedy rule is followed here
for all images and classes in rounds: a *group* is one image and class, round r handles the r-th candidate pair
of every group. A pair is a detection and an object that overlap enough for the lowest threshold; the state of
a detection or an object is an integer with one bit a threshold.

References
----------
cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.computeIoU and COCOeval.evaluateImg.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.boxes import coco_pair_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import CocoResults, GroundTruth

    Bits = NDArray[np.uint64]
    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

IOU_THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
AREA_RANGES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
MAX_THRESHOLDS = 64


@dataclass(frozen=True, slots=True)
class MatchRecords:
    """The one product of matching: all that average precision and recall need to know.

    Rows are detections in the stable order (category, descending score, image, order made); *contenders* are
    the few of them that overlap some object. Bit t of a contender's state belongs to IoU threshold t.

    Attributes
    ----------
    iou_thresholds : (T,) tuple of float
    areas : (A,) tuple of str
    category_count : int
        K.
    images, categories, ranks : (D,) int64
        Image, category, and place among the detections of the same image and category, surest first.
    scores : (D,) float64
    in_area : (A, D) bool
        Whether the area of the detection itself lies in the range.
    contenders : (C,) int64
        Ascending rows.
    matched, ignored : (A, C) uint64
        Thresholds at which the contender took an object, and those at which that object is ignored.
    object_images, object_categories : (G,) int64
    counting : (A, G) bool
        Objects that count: neither ignored nor outside the area range.
    """

    iou_thresholds: tuple[float, ...]
    areas: tuple[str, ...]
    category_count: int
    images: Ints
    categories: Ints
    ranks: Ints
    scores: Floats
    in_area: Bools
    contenders: Ints
    matched: Bits
    ignored: Bits
    object_images: Ints
    object_categories: Ints
    counting: Bools

    @property
    def object_counts(self) -> Ints:
        """Objects that count, (A, K) int64."""
        k = self.category_count
        return np.array([np.bincount(self.object_categories[kept], minlength=k) for kept in self.counting])


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Overlapping detection and object rows of one group, with the thresholds that the overlap reaches."""

    detection: Ints
    truth: Ints
    group: Ints
    iou: Floats
    reached: Bits


def match(
    truth: GroundTruth,
    results: CocoResults,
    category_count: int,
    *,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
    area_ranges: dict[str, tuple[float, float]] | None = None,
    max_detections: int = 100,
) -> MatchRecords:
    """Match detections to objects by the COCO rule.

    Parameters
    ----------
    truth, results : GroundTruth, CocoResults
        Any number of images; scores and boxes finite.
    category_count : int
        K; categories are 0 to K - 1.
    iou_thresholds : sequence of float
        Ascending, at most 64. As in pycocotools a threshold of 1 means 1 - 1e-10.
    area_ranges : dict, optional
        Name to (least, greatest) area in square pixels, both included; COCO's four unless given.
    max_detections : int
        The surest detections an image and category that take part.

    Raises
    ------
    ValueError
        If a score or box is not finite, or there are more than 64 thresholds.
    """
    ranges = AREA_RANGES if area_ranges is None else area_ranges
    _check(results, iou_thresholds)
    rows, ranks = _surest(results, max_detections)
    pairs = _overlapping_pairs(truth, results, rows, iou_thresholds)
    contenders, slots = np.unique(pairs.detection, return_inverse=True)
    limits = np.array(list(ranges.values()), dtype=np.float64).reshape(-1, 2)
    outside = (truth.areas < limits[:, :1]) | (truth.areas > limits[:, 1:])
    not_counted = outside | truth.ignore | truth.crowd
    states = [_assign(pairs, slots, len(contenders), skip, truth.crowd) for skip in not_counted]
    boxes = results.boxes_xywh[rows]
    areas = boxes[:, 2] * boxes[:, 3]
    return MatchRecords(
        iou_thresholds=tuple(iou_thresholds),
        areas=tuple(ranges),
        category_count=category_count,
        images=results.images[rows],
        categories=results.categories[rows],
        ranks=ranks,
        scores=results.scores[rows],
        in_area=(areas >= limits[:, :1]) & (areas <= limits[:, 1:]),
        contenders=contenders,
        matched=np.array([matched for matched, _ in states]),
        ignored=np.array([ignored for _, ignored in states]),
        object_images=truth.images,
        object_categories=truth.categories,
        counting=~not_counted,
    )


def _check(results: CocoResults, iou_thresholds: Sequence[float]) -> None:
    if len(iou_thresholds) > MAX_THRESHOLDS:
        msg = f"match: {len(iou_thresholds)} IoU thresholds; at most {MAX_THRESHOLDS}"
        raise ValueError(msg)
    sound = np.isfinite(results.scores) & np.isfinite(results.boxes_xywh).all(axis=1)
    if not sound.all():
        image = int(results.images[np.argmin(sound)])
        msg = f"match: a score or box of image {image} (by rank) is not finite"
        raise ValueError(msg)


def _surest(results: CocoResults, max_detections: int) -> tuple[Ints, Ints]:
    """Rows to keep, in the order of `MatchRecords`, and the rank of each in its image and category."""
    by_group = np.lexsort((-results.scores, results.images, results.categories))
    images, categories = results.images[by_group], results.categories[by_group]
    starts = np.ones(len(by_group), dtype=np.bool_)
    starts[1:] = (images[1:] != images[:-1]) | (categories[1:] != categories[:-1])
    first = np.flatnonzero(starts)
    ranks = np.arange(len(by_group)) - first[np.cumsum(starts) - 1] if len(by_group) else by_group
    kept = ranks < max_detections
    rows, ranks = by_group[kept], ranks[kept]
    by_score = np.lexsort((-results.scores[rows], results.categories[rows]))
    return rows[by_score], ranks[by_score]


def _overlapping_pairs(truth: GroundTruth, results: CocoResults, rows: Ints, iou_thresholds: Sequence[float]) -> _Pairs:
    image_count = int(max(truth.images.max(initial=-1), results.images.max(initial=-1))) + 1
    truth_group = truth.categories * image_count + truth.images
    by_group = np.argsort(truth_group, kind="stable")
    group = results.categories[rows] * image_count + results.images[rows]
    first = np.searchsorted(truth_group[by_group], group, side="left")
    count = np.searchsorted(truth_group[by_group], group, side="right") - first
    detection = np.repeat(np.arange(len(rows)), count)
    offset = np.arange(len(detection)) - np.repeat(np.cumsum(count) - count, count)
    other = by_group[first[detection] + offset]
    iou = coco_pair_iou(results.boxes_xywh[rows[detection]], truth.boxes_xywh[other], truth.crowd[other])
    limits = np.minimum(np.asarray(iou_thresholds, dtype=np.float64), 1 - 1e-10)
    reached = np.zeros(len(iou), dtype=np.uint64)
    for bit, limit in enumerate(limits):
        reached |= (iou >= limit).astype(np.uint64) << np.uint64(bit)
    near = np.flatnonzero(reached)
    detection = detection[near]
    return _Pairs(detection, other[near], group[detection], iou[near], reached[near])


def _assign(pairs: _Pairs, slots: Ints, contender_count: int, skip: Bools, crowd: Bools) -> tuple[Bits, Bits]:
    """Run the greedy rule for one area range.

    A detection tries objects that count before those that do not (`skip`), each by descending overlap, the
    later object winning ties; surer detections choose first. An object is taken once a threshold, a crowd
    any number of times.
    """
    order = np.lexsort((-pairs.truth, -pairs.iou, skip[pairs.truth], pairs.detection, pairs.group))
    contender, other, reached = slots[order], pairs.truth[order], pairs.reached[order]
    matched = np.zeros(contender_count, dtype=np.uint64)
    ignored = np.zeros(contender_count, dtype=np.uint64)
    taken = np.zeros(len(skip), dtype=np.uint64)
    for turn in _rounds(pairs.group[order]):
        who, what = contender[turn], other[turn]
        free = reached[turn] & ~matched[who] & ~taken[what]
        matched[who] |= free
        ignored[who] |= np.where(skip[what], free, np.uint64(0))
        taken[what] |= np.where(crowd[what], np.uint64(0), free)
    return matched, ignored


def _rounds(group: Ints) -> list[Ints]:
    """Indices of the first member of every group, then of every second one, and so on."""
    if not len(group):
        return []
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    size = np.diff(np.r_[first, len(group)])
    place = np.arange(len(group)) - np.repeat(first, size)
    by_place = np.argsort(place, kind="stable")
    return np.split(by_place, np.cumsum(np.bincount(place))[:-1])
