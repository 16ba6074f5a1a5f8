"""What another draw of images would have said: the bootstrap of average precision over whole images.

A replicate is a weight for each image: how often it was drawn. Matching does not depend on the draw, so it is done
once; a replicate only weighs its running counts. Weights of one give the plain value, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS, chosen_thresholds, mean_of_known
from pytest_rfperf.data.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.matching import MatchRecords

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

REPLICATES = 1000
_EPSILON = np.spacing(1)
_TAILS = (2.5, 97.5)
_AT_ONCE = 2_000_000
"""Weights of detections, or values of precision, that are held at the same time."""


def ap_difference(
    first: MatchRecords, second: MatchRecords, images: int, *, iou: float | None = None, seed: int = 0
) -> Estimate:
    """What the second has more of average precision than the first, with its 95 % interval over images.

    Both see the same draws, so what makes an image hard for either falls out of the difference.

    Parameters
    ----------
    first, second : MatchRecords
        Of the same ground truth; compared in the area range "all", with all detections that were matched.
    images : int
        How many the dataset has, those without objects and detections included.
    iou : float, optional
        One IoU threshold; COCO's mean over all without.
    seed : int
        Of the draws.

    Returns
    -------
    Estimate
        The plain difference, and the percentiles 2.5 and 97.5 of it over replicates.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    draws = np.random.default_rng(seed).integers(images, size=(REPLICATES, images))
    weights = np.stack([np.bincount(draw, minlength=images) for draw in draws])
    everything = np.ones((1, images), dtype=np.int64)
    plain, drawn = (
        weighted_ap(second, times, iou=iou) - weighted_ap(first, times, iou=iou) for times in (everything, weights)
    )
    low, high = np.percentile(drawn, _TAILS)
    return Estimate(float(plain[0]), float(low), float(high))


def weighted_ap(records: MatchRecords, weights: Ints, *, iou: float | None = None, area: str = "all") -> Floats:
    """Average precision where image i counts `weights[b, i]` times.

    Parameters
    ----------
    records : MatchRecords
    weights : (B, I) int64
        A row a replicate; 0 leaves the image out.
    iou : float, optional
        One IoU threshold; COCO's mean over all without.
    area : str
        The name of an area range.

    Returns
    -------
    (B,) float64
        In [0, 1]; -1 where nothing counts.
    """
    bits = chosen_thresholds(records.iou_thresholds, iou)
    categories = list(_categories(records, records.areas.index(area), weights.shape[1]))
    widest = max((len(category.images) for category in categories), default=0)
    tensor = len(bits) * len(RECALL_THRESHOLDS) * records.category_count
    step = max(1, _AT_ONCE // max(1, widest, tensor))
    blocks = (weights[begin : begin + step] for begin in range(0, len(weights), step))
    return np.concatenate([_block(block, categories, records.category_count, bits) for block in blocks])


def _block(weights: Ints, categories: Sequence[_Category], category_count: int, bits: Ints) -> Floats:
    precision = -np.ones((len(weights), len(bits), len(RECALL_THRESHOLDS), category_count))
    for category in categories:
        precision[..., category.rank] = _precision(category, weights, bits)
    return np.array([mean_of_known(values) for values in precision])


class _Category(NamedTuple):
    """One category: its objects by image, and its detections, surest first, with what each is at each threshold."""

    rank: int
    objects: Ints
    images: Ints
    true: Bools
    false: Bools


def _categories(records: MatchRecords, area: int, image_count: int) -> Iterator[_Category]:
    """Those that have objects that count."""
    for category in range(records.category_count):
        counting = records.counting[area] & (records.object_categories == category)
        if counting.any():
            objects = np.bincount(records.object_images[counting], minlength=image_count)
            yield _Category(category, objects, *_course(records, category, area))


def _course(records: MatchRecords, category: int, area: int) -> tuple[Ints, Bools, Bools]:
    """Images of the detections, and by threshold whether each is a true or a false positive."""
    first, last = np.searchsorted(records.categories, (category, category + 1))
    begin, end = np.searchsorted(records.contenders, (first, last))
    places = records.contenders[begin:end] - first
    bits = np.arange(len(records.iou_thresholds), dtype=np.uint64)[:, None]
    matched = (records.matched[area, begin:end] >> bits) & np.uint64(1) != 0
    ignored = (records.ignored[area, begin:end] >> bits) & np.uint64(1) != 0
    false = np.tile(records.in_area[area, first:last], (len(bits), 1))
    true = np.zeros_like(false)
    false[:, places] &= ~matched
    true[:, places] = matched & ~ignored
    return records.images[first:last], true, false


def _precision(category: _Category, weights: Ints, bits: Ints) -> Floats:
    """Interpolated precision (B, T, R) of one category; -1 for a draw without its objects."""
    objects, drawn = weights @ category.objects, weights[:, category.images]
    result = np.zeros((len(weights), len(bits), len(RECALL_THRESHOLDS)))
    for row, bit in enumerate(bits):
        at = np.flatnonzero(category.true[bit])
        if not len(at):
            continue
        true = np.cumsum(drawn[:, at], axis=1, dtype=np.float64)
        false = np.cumsum(drawn * category.false[bit], axis=1, dtype=np.float64)[:, at]
        ratio = true / (false + true + _EPSILON)
        envelope = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
        for replicate in np.flatnonzero(objects):
            recalled = true[replicate] / objects[replicate]
            found = np.searchsorted(recalled, RECALL_THRESHOLDS, side="left")
            reached = found[found < len(at)]
            result[replicate, row, : len(reached)] = envelope[replicate, reached]
    result[objects == 0] = -1.0
    return result
