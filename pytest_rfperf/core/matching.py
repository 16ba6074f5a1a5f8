"""COCO matching: which detection takes which object, for every IoU threshold and area range at once.

pycocotools matches one image, class, area range and threshold at a time. The same greedy rule is followed here
for all images and classes in rounds: a *group* is one image and class, round r handles the r-th candidate pair
of every group. A pair is a detection and an object that overlap enough for the lowest threshold; the state of
a detection or an object is an integer with one bit a threshold. The C tier does the same in one walk.

References
----------
cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.computeIoU and COCOeval.evaluateImg.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.boxes import coco_pair_iou
from pytest_rfperf.core.native.matching import native_match
from pytest_rfperf.core.records import MAX_BITS, MatchRecords, bit_set, edges_of
from pytest_rfperf.core.tier import tier

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
MAX_ROWS = 2**31
LARGEST = 1e150
"""Areas of larger boxes would overflow, and those of boxes with sides below its inverse would vanish."""
_SHORT = 2**16
_LARGEST_TABLE = 2**22
_HIGHEST_IOU = 1 - 1e-10
"""pycocotools' own limit: a threshold of 1 means this."""


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
        At most 64. As in pycocotools a threshold of 1 means 1 - 1e-10.
    area_ranges : dict, optional
        Name to (least, greatest) area in square pixels, both included; at most 64, COCO's four unless given.
    max_detections : int
        The surest detections an image and category that take part.

    Raises
    ------
    ValueError
        If a score or box is not finite or of a size whose area overflows, columns differ in length, an image or
        category is no rank, or thresholds, area ranges or `max_detections` are none or too many.
    """
    ranges = dict(AREA_RANGES if area_ranges is None else area_ranges)
    _check_protocol(len(iou_thresholds), len(ranges), max_detections)
    image_count = _checked(truth, results, category_count)
    limits = np.minimum(np.asarray(iou_thresholds, dtype=np.float64), _HIGHEST_IOU)
    areas = np.array(list(ranges.values()), dtype=np.float64).reshape(-1, 2)
    counts = (image_count, category_count, max_detections)
    by_tier = native_match if tier() == "c" else numpy_match
    columns = by_tier(truth, results, counts, limits, areas)
    bad_row = columns.pop("bad_row", -1)
    if bad_row >= 0:
        why = _why_unsound(results.boxes_xywh[bad_row], results.scores[bad_row])
        msg = f"match: a score or box of image {int(results.images[bad_row])} (by rank) {why}"
        raise ValueError(msg)
    return MatchRecords(tuple(iou_thresholds), ranges, max_detections, image_count, **columns)


def _check_protocol(thresholds: int, areas: int, max_detections: int) -> None:
    for count, what in ((thresholds, "IoU thresholds"), (areas, "area ranges")):
        if not 1 <= count <= MAX_BITS:
            msg = f"match: {count} {what}; at {'most' if count else 'least'} {MAX_BITS if count else 1}"
            raise ValueError(msg)
    if not 1 <= max_detections < MAX_ROWS:
        msg = f"match: max_detections={max_detections}; expected at least 1 and less than 2^31"
        raise ValueError(msg)


def _checked(truth: GroundTruth, results: CocoResults, category_count: int) -> int:
    """The number of images, once sizes and ranks are those that both tiers can take."""
    image_count = 1 + int(max(truth.images.max(initial=-1), results.images.max(initial=-1)))
    sides = (
        (truth, (truth.areas, truth.crowd, truth.ignore), "objects"),
        (results, (results.scores,), "detections"),
    )
    for columns, others, what in sides:
        count = len(columns.images)
        lengths = {count, len(columns.categories), *map(len, others)}
        if len(lengths) > 1 or columns.boxes_xywh.shape != (count, 4) or count >= MAX_ROWS:
            msg = f"match: the columns of the {what} are not of one length below 2^31, with boxes (N, 4)"
            raise ValueError(msg)
        outside = count and not 0 <= columns.categories.min() <= columns.categories.max() < category_count
        if outside or columns.images.min(initial=0) < 0 or image_count >= MAX_ROWS:
            msg = f"match: {what} have a category outside 0 to {category_count - 1}, or an image outside 0 to 2^31"
            raise ValueError(msg)
    bad_row = _first_unsound(truth.boxes_xywh, truth.areas)
    if bad_row >= 0:
        why = _why_unsound(truth.boxes_xywh[bad_row], truth.areas[bad_row])
        msg = f"match: an object of image {int(truth.images[bad_row])} (by rank) {why}"
        raise ValueError(msg)
    return image_count


def _first_unsound(boxes: Floats, values: Floats) -> int:
    """The first row that is not finite, or with a box whose area overflows or vanishes by underflow; -1 for none."""
    sizes = np.abs(boxes)
    sides, least = sizes[:, 2:], 1 / LARGEST
    if sizes.max(initial=0) <= LARGEST and np.isfinite(values).all() and not ((sides > 0) & (sides < least)).any():
        return -1
    unsound = ~(sizes <= LARGEST).all(axis=1) | ((sides > 0) & (sides < least)).any(axis=1) | ~np.isfinite(values)
    return int(np.argmax(unsound))


def _why_unsound(box: Floats, value: float) -> str:
    finite = np.isfinite(box).all() and np.isfinite(value)
    return f"has sides beyond {LARGEST:g} or below {1 / LARGEST:g}" if finite else "is not finite"


def numpy_match(
    truth: GroundTruth, results: CocoResults, counts: tuple[int, int, int], thresholds: Floats, areas: Floats
) -> dict[str, Any]:
    """The columns of `MatchRecords`; or the first row that is not finite, as bad_row.

    Parameters
    ----------
    truth, results : GroundTruth, CocoResults
    counts : (int, int, int)
        Images, categories, and most detections of an image and category.
    thresholds : (T,) float64
    areas : (A, 2) float64
        Least and greatest.
    """
    image_count, category_count, most = counts
    bad_row = _first_unsound(results.boxes_xywh, results.scores)
    if bad_row >= 0:
        return {"bad_row": bad_row}
    rows, ranks = _surest(results, image_count, most)
    objects = _by_group(truth.images, truth.categories)
    categories = results.categories[rows]
    truth = truth.where(objects)
    counting = np.where(truth.ignore | truth.crowd, np.uint64(0), _ranges_holding(truth.areas, areas))
    pairs = _overlapping_pairs(truth, results, rows, image_count, thresholds)
    contenders, slots = np.unique(pairs.detection, return_inverse=True)
    states = [_assign(pairs, slots, len(contenders), ~bit_set(counting, a), truth.crowd) for a in range(len(areas))]
    shape = (len(areas), len(contenders))
    return {
        "edges": edges_of(categories, category_count),
        "images": results.images[rows].astype(np.int32),
        "ranks": ranks.astype(np.int32),
        "scores": results.scores[rows],
        "in_area": _ranges_holding(results.boxes_xywh[:, 2] * results.boxes_xywh[:, 3], areas)[rows],
        "contender_edges": edges_of(categories[contenders], category_count),
        "contenders": contenders,
        "matched": np.ascontiguousarray(np.reshape([matched for matched, _ in states], shape).T, dtype=np.uint64),
        "ignored": np.ascontiguousarray(np.reshape([ignored for _, ignored in states], shape).T, dtype=np.uint64),
        "object_edges": edges_of(truth.categories, category_count),
        "object_images": truth.images.astype(np.int32),
        "counting": counting,
    }


def _ranges_holding(areas: Floats, limits: Floats) -> Bits:
    """Bit a of a word: the area lies in range a."""
    words = np.zeros(len(areas), dtype=np.uint64)
    for bit, (least, greatest) in enumerate(limits):
        words |= ((areas >= least) & (areas <= greatest)).astype(np.uint64) << np.uint64(bit)
    return words


def _narrow(ranks: Ints) -> NDArray[np.integer[Any]]:
    """The same ranks in 16 bits where they fit: numpy sorts those in linear time."""
    return ranks.astype(np.uint16) if ranks.max(initial=0) < _SHORT else ranks


def _by_group(images: Ints, categories: Ints) -> Ints:
    """Rows by category, then image, then as given."""
    by_image = np.argsort(_narrow(images), kind="stable")
    return by_image[np.argsort(_narrow(categories)[by_image], kind="stable")]


def _descending(scores: Floats) -> Ints:
    """Places by falling score, equal ones as they stand: numpy's unstable sort is faster, and ties are then mended."""
    order = np.argsort(-scores)
    ordered = scores[order]
    equal = ordered[1:] == ordered[:-1]
    tied = np.flatnonzero(np.r_[False, equal] | np.r_[equal, False]) if len(order) else order
    members = order[tied]
    order[tied] = members[np.lexsort((members, -ordered[tied]))]
    return order


def _surest(results: CocoResults, image_count: int, most: int) -> tuple[Ints, Ints]:
    """Rows to keep, in the order of `MatchRecords`, and the rank of each in its image and category."""
    by_image = np.argsort(_narrow(results.images), kind="stable")
    by_score = by_image[_descending(results.scores[by_image])]
    rows = by_score[np.argsort(_narrow(results.categories)[by_score], kind="stable")]
    images, categories = results.images[rows], results.categories[rows]
    grouped = _by_group(images, categories)
    group = (categories * image_count + images)[grouped]
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else grouped
    ranks = np.empty_like(grouped)
    ranks[grouped] = np.arange(len(group)) - np.repeat(first, np.diff(np.r_[first, len(group)]))
    kept = ranks < most
    return (rows, ranks) if kept.all() else (rows[kept], ranks[kept])


def _places(values: Ints, known: Ints) -> Ints:
    """Place of each value among ascending known ones, -1 for one that is not: by a table where that is small."""
    highest = max(int(values.max(initial=-1)), int(known.max(initial=-1)))
    if highest < _LARGEST_TABLE:
        table = np.full(highest + 1, -1, dtype=np.int64)
        table[known] = np.arange(len(known))
        return table[values]
    found = np.searchsorted(known, values)
    there = found < len(known)
    there[there] = known[found[there]] == values[there]
    return np.where(there, found, -1)


def _overlapping_pairs(
    truth: GroundTruth, results: CocoResults, rows: Ints, image_count: int, thresholds: Floats
) -> _Pairs:
    """All pairs of one group that overlap enough for the lowest threshold; the objects stand by group."""
    truth_group = truth.categories * image_count + truth.images
    group = results.categories[rows] * image_count + results.images[rows]
    groups, begin, size = np.unique(truth_group, return_index=True, return_counts=True)
    found = _places(group, groups)
    near = np.flatnonzero(found >= 0)
    count = size[found[near]]
    detection = np.repeat(near, count)
    offset = np.arange(len(detection)) - np.repeat(np.cumsum(count) - count, count)
    other = np.repeat(begin[found[near]], count) + offset
    iou = coco_pair_iou(results.boxes_xywh[rows[detection]], truth.boxes_xywh[other], truth.crowd[other])
    reached = np.zeros(len(iou), dtype=np.uint64)
    for bit, limit in enumerate(thresholds):
        reached |= (iou >= limit).astype(np.uint64) << np.uint64(bit)
    kept = np.flatnonzero(reached)
    detection = detection[kept]
    return _Pairs(detection, other[kept], group[detection], iou[kept], reached[kept])


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
