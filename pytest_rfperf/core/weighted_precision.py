"""Average precision where images count more than once, or not at all: what every draw of images comes to.

Matching does not depend on the draw, so it is done once; a draw only weighs running counts. Weights of one give the
plain value, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS, chosen_thresholds, mean_of_known
from pytest_rfperf.core.course import course_of
from pytest_rfperf.core.native.weighted_precision import native_weighted_precision
from pytest_rfperf.core.records import bit_set, only_categories
from pytest_rfperf.core.tier import tier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.course import Course
    from pytest_rfperf.core.records import MatchRecords

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_EPSILON = np.spacing(1)
_AT_ONCE = 2_000_000
"""Values of precision that are held at the same time."""
_MOST = 2**31


def weighted_ap(
    records: MatchRecords,
    weights: NDArray[np.integer[Any]],
    *,
    iou: float | None = None,
    area: str = "all",
    category: int | None = None,
) -> Floats:
    """Average precision where image i counts `weights[b, i]` times.

    Parameters
    ----------
    records : MatchRecords
    weights : (B, I) integers of any type
        A row a replicate; 0 leaves the image out.
    iou : float, optional
        One IoU threshold; COCO's mean over all without.
    area : str
        The name of an area range.
    category : int, optional
        One category; the mean over all without.

    Returns
    -------
    (B,) float64
        In [0, 1]; -1 where nothing counts.

    Raises
    ------
    ValueError
        If a weight is negative or above 2^31 - 1, or there are fewer weights than images.
    """
    if weights.shape[1] < records.image_count or not 0 <= weights.min(initial=0) <= weights.max(initial=0) < _MOST:
        msg = f"weights {weights.shape} of {records.image_count} images: expected one for each image, 0 to 2^31 - 1"
        raise ValueError(msg)
    bits = chosen_thresholds(records.iou_thresholds, iou)
    place = records.areas.index(area)
    chosen = _holding_objects(records, place, category)
    step = max(1, _AT_ONCE // max(1, len(bits) * len(RECALL_THRESHOLDS) * chosen.category_count))
    precision_of = native_weighted_precision if tier() == "c" else numpy_weighted_precision
    drawn = weights.astype(np.int32, copy=False)
    blocks = (
        precision_of(chosen, drawn[begin : begin + step], bits, place, RECALL_THRESHOLDS)
        for begin in range(0, len(drawn), step)
    )
    means = [mean_of_known(values.ravel()) for block in blocks for values in block]
    return np.array(means, dtype=np.float64)


def _holding_objects(records: MatchRecords, area: int, category: int | None) -> MatchRecords:
    """The records of one category, or of all that have objects that count."""
    if category is not None:
        return only_categories(records, [category])
    objects = records.object_counts[area]
    return records if objects.all() else only_categories(records, np.flatnonzero(objects))


def numpy_weighted_precision(
    records: MatchRecords, weights: NDArray[np.int32], thresholds: Ints, area: int, recalls: Floats
) -> Floats:
    """Interpolated precision of each draw, (B, T, R, K); -1 for a category of which the draw holds no object."""
    precision = -np.ones((len(weights), len(thresholds), len(recalls), records.category_count))
    wide = weights.astype(np.int64)
    for category in range(records.category_count):
        first, last = records.object_edges[category : category + 2]
        counting = bit_set(records.counting[first:last], area)
        counts = np.bincount(records.object_images[first:last][counting], minlength=wide.shape[1])
        precision[..., category] = _precision(
            course_of(records, category, np.array([area])), wide @ counts, wide, thresholds
        )
    return precision


def _precision(course: Course, objects: Ints, weights: Ints, thresholds: Ints) -> Floats:
    """Interpolated precision (B, T, R) of one category; -1 for a draw without its objects."""
    drawn = weights[:, course.images]
    (true_of,), (false_of,), (plain,) = course.true, course.false, course.in_area
    result = np.zeros((len(weights), len(thresholds), len(RECALL_THRESHOLDS)))
    for row, bit in enumerate(thresholds):
        at = course.places[true_of[bit]]
        if not len(at):
            continue
        is_false = plain.copy()
        is_false[course.places] = false_of[bit]
        true = np.cumsum(drawn[:, at], axis=1, dtype=np.float64)
        false = np.cumsum(drawn * is_false, axis=1, dtype=np.float64)[:, at]
        ratio = true / (false + true + _EPSILON)
        envelope = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
        for replicate in np.flatnonzero(objects):
            recalled = true[replicate] / objects[replicate]
            found = np.searchsorted(recalled, RECALL_THRESHOLDS, side="left")
            reached = found[found < len(at)]
            result[replicate, row, : len(reached)] = envelope[replicate, reached]
    result[objects == 0] = -1.0
    return result
