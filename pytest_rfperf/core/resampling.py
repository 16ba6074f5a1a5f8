"""What another draw of images would have said: the bootstrap of average precision over whole images.

A replicate is a weight for each image: how often it was drawn. Matching does not depend on the draw, so it is done
once; a replicate only weighs its running counts. Weights of one give the plain value, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS, chosen_thresholds, mean_of_known
from pytest_rfperf.core.native.resampling import native_weighted_precision
from pytest_rfperf.core.records import bit_set, only_categories
from pytest_rfperf.core.tier import tier
from pytest_rfperf.data.estimate import Estimate, Resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shorts = NDArray[np.int32]

REPLICATES = 1000
_EPSILON = np.spacing(1)
_TAILS = (2.5, 97.5)
CERTAINTY = 0.95
_POWER = 0.8
_GROUPS = 200
_LEAST_DRAWS, _LEAST_GROUPS = 100, 10
"""Fewer than these give no limit."""
_AT_ONCE = 2_000_000
"""Values of precision that are held at the same time."""


class Part(NamedTuple):
    """What of a dataset an average precision is of.

    Attributes
    ----------
    iou : float or None
        One IoU threshold; COCO's mean over all without.
    area : str
        The name of an area range.
    category : int or None
        One category; the mean over all without.
    """

    iou: float | None = None
    area: str = "all"
    category: int | None = None


WHOLE = Part()


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
    plain, drawn = _drawn((first, second), images, Part(iou), _redrawn(images, REPLICATES, seed))
    low, high = np.percentile(drawn, _TAILS)
    return Estimate(plain, float(low), float(high))


def resampled_ap(
    records: MatchRecords,
    images: int,
    part: Part = WHOLE,
    *,
    certainty: float = CERTAINTY,
    replicates: int = REPLICATES,
) -> Resampled:
    """Average precision with one-sided limits over images.

    Parameters
    ----------
    records : MatchRecords
    images : int
        How many the dataset has, those without objects and detections included.
    part : Part
    certainty : float
        Of each limit, in (0.5, 1).
    replicates : int
    """
    return _resampled((records,), images, part, certainty, replicates)


def resampled_difference(
    first: MatchRecords, second: MatchRecords, images: int, part: Part = WHOLE, *, certainty: float = CERTAINTY
) -> Resampled:
    """What the second has more of average precision than the first, with one-sided limits over images.

    Parameters
    ----------
    first, second : MatchRecords
        Of the same ground truth.
    images, part, certainty
        As for `resampled_ap`.
    """
    return _resampled((first, second), images, part, certainty, REPLICATES)


def images_needed(found: Resampled, limit: float) -> int | None:
    """Images of this kind with which the figure would be told from a limit in 4 of 5 datasets; None where it equals it.

    Notes
    -----
    A one-sided test at `found.certainty` with a power of 80 %, the standard deviation falling with the root of the
    number of images.
    """
    margin = abs(found.value - limit)
    if not margin or not np.isfinite(margin):
        return None
    factor = float(ndtri(found.certainty)) + float(ndtri(_POWER))
    return max(found.images + 1, int(np.ceil(found.images * (factor * found.sd / margin) ** 2)))


def _drawn(sides: Sequence[MatchRecords], images: int, part: Part, weights: Ints) -> tuple[float, Floats]:
    """The figure of one side, or of the second less the first: plain, and of each row of weights that has it."""
    everything = np.concatenate([np.ones((1, images), dtype=np.int64), weights])
    values = np.stack([weighted_ap(side, everything, **part._asdict()) for side in sides])
    figure = values[0] if len(sides) == 1 else values[1] - values[0]
    return float(figure[0]), figure[1:][(values[:, 1:] >= 0).all(axis=0)]


def _redrawn(images: int, replicates: int, seed: int) -> Ints:
    """How often each image is drawn, (B, I)."""
    draws = np.random.default_rng(seed).integers(images, size=(replicates, images))
    return np.array([np.bincount(draw, minlength=images) for draw in draws])


def _left_out(images: int, seed: int) -> Ints:
    """All images but one, or but a random group, (G, I)."""
    groups = min(images, _GROUPS)
    of_image = np.random.default_rng(seed).permutation(images) % groups
    kept: Ints = (of_image != np.arange(groups)[:, None]).astype(np.int64)
    return kept


def _resampled(sides: Sequence[MatchRecords], images: int, part: Part, certainty: float, replicates: int) -> Resampled:
    """Limits with the shape of the bootstrap and the scale of the jackknife.

    Redrawn images, of which a third is missing, let average precision vary too little; leaving out a group of images
    at a time shows by how much. They also raise it, as a small dataset does, which a single figure is corrected for;
    in a difference both sides rise alike. `suites/bench/test_map_calibration.py` has the error rates.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 10, 11 and 13.
    """
    value, drawn = _drawn(sides, images, part, _redrawn(images, replicates, 0))
    _, left = _drawn(sides, images, part, _left_out(images, 0))
    if len(drawn) < _LEAST_DRAWS or len(left) < _LEAST_GROUPS:
        return Resampled(value, -np.inf, np.inf, np.inf, images, certainty)
    mean, spread = float(drawn.mean()), float(np.std(drawn))
    sd = float(np.sqrt((len(left) - 1) * np.mean((left - left.mean()) ** 2)))
    heavier = float(stdtrit(len(left) - 1, certainty) / ndtri(certainty))
    scale = heavier * sd / spread if spread else 0.0
    centre = value - (mean - value) if len(sides) == 1 else value
    low, high = (centre + scale * (limit - mean) for limit in np.quantile(drawn, (1 - certainty, certainty)))
    return Resampled(value, float(low), float(high), sd, images, certainty)


def weighted_ap(
    records: MatchRecords,
    weights: Ints,
    *,
    iou: float | None = None,
    area: str = "all",
    category: int | None = None,
) -> Floats:
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
    category : int, optional
        One category; the mean over all without.

    Returns
    -------
    (B,) float64
        In [0, 1]; -1 where nothing counts.

    Raises
    ------
    ValueError
        If a weight is negative or there are fewer weights than images.
    """
    if weights.shape[1] < records.image_count or weights.min(initial=0) < 0:
        msg = f"weights {weights.shape} of {records.image_count} images: expected one for each image, none below 0"
        raise ValueError(msg)
    bits = chosen_thresholds(records.iou_thresholds, iou)
    place = records.areas.index(area)
    objects = records.object_counts[place]
    chosen = (
        records
        if category is None and objects.all()
        else only_categories(records, np.flatnonzero(objects) if category is None else np.array([category]))
    )
    step = max(1, _AT_ONCE // max(1, len(bits) * len(RECALL_THRESHOLDS) * chosen.category_count))
    precision_of = native_weighted_precision if tier() == "c" else numpy_weighted_precision
    drawn = weights.astype(np.int32)
    blocks = (
        precision_of(chosen, drawn[begin : begin + step], bits, place, RECALL_THRESHOLDS)
        for begin in range(0, len(drawn), step)
    )
    means = [mean_of_known(values.ravel()) for block in blocks for values in block]
    return np.array(means, dtype=np.float64)


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
        precision[..., category] = _precision(_course(records, category, area), wide @ counts, wide, thresholds)
    return precision


class _Course(NamedTuple):
    """The detections of one category, surest first: their images, and what each is at each threshold, (T, D)."""

    images: Shorts
    true: Bools
    false: Bools


def _course(records: MatchRecords, category: int, area: int) -> _Course:
    first, last = records.edges[category : category + 2]
    begin, end = records.contender_edges[category : category + 2]
    places = records.contenders[begin:end] - first
    bits = np.arange(len(records.iou_thresholds), dtype=np.uint64)[:, None]
    matched = (records.matched[begin:end, area] >> bits) & np.uint64(1) != 0
    ignored = (records.ignored[begin:end, area] >> bits) & np.uint64(1) != 0
    false = np.tile(bit_set(records.in_area[first:last], area), (len(bits), 1))
    true = np.zeros_like(false)
    false[:, places] &= ~matched
    true[:, places] = matched & ~ignored
    return _Course(records.images[first:last], true, false)


def _precision(course: _Course, objects: Ints, weights: Ints, thresholds: Ints) -> Floats:
    """Interpolated precision (B, T, R) of one category; -1 for a draw without its objects."""
    drawn = weights[:, course.images]
    result = np.zeros((len(weights), len(thresholds), len(RECALL_THRESHOLDS)))
    for row, bit in enumerate(thresholds):
        at = np.flatnonzero(course.true[bit])
        if not len(at):
            continue
        true = np.cumsum(drawn[:, at], axis=1, dtype=np.float64)
        false = np.cumsum(drawn * course.false[bit], axis=1, dtype=np.float64)[:, at]
        ratio = true / (false + true + _EPSILON)
        envelope = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
        for replicate in np.flatnonzero(objects):
            recalled = true[replicate] / objects[replicate]
            found = np.searchsorted(recalled, RECALL_THRESHOLDS, side="left")
            reached = found[found < len(at)]
            result[replicate, row, : len(reached)] = envelope[replicate, reached]
    result[objects == 0] = -1.0
    return result
