"""What another draw of images would have said: the bootstrap of average precision over whole images.

A replicate is a weight for each image: how often it was drawn.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from pytest_rfperf.core.records import bit_set, only_categories
from pytest_rfperf.core.weighted_precision import weighted_ap
from pytest_rfperf.data.estimate import Estimate, Resampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Floats = NDArray[np.float64]

REPLICATES = 1000
_TAILS = (2.5, 97.5)
CERTAINTY = 0.95
_POWER = 0.8
_GROUPS = 200
_LEAST_CARRIERS = 6
_ALMOST, _ROUNDING = 0.999, 1e-12
_LEAST_DRAWS, LEAST_GROUPS = 100, 10
"""Fewer than these give no limit."""
_AT_ONCE = 2_000_000
"""Weights that are held at the same time."""


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
    records: MatchRecords, images: int, part: Part = WHOLE, *, certainty: float | None = CERTAINTY
) -> Resampled:
    """Average precision with one-sided limits over images.

    Parameters
    ----------
    records : MatchRecords
    images : int
        How many the dataset has, those without objects and detections included.
    part : Part
    certainty : float or None
        Of each limit, in (0.5, 1). None leaves the limits open and gives the deviation alone, with a fifth of the work.
    """
    return _resampled((records,), images, part, certainty)


def resampled_difference(
    first: MatchRecords, second: MatchRecords, images: int, part: Part = WHOLE, *, certainty: float = CERTAINTY
) -> Resampled:
    """What the second has more of average precision than the first, with one-sided limits over images.

    Models that were judged alike, detection by detection, differ by exactly nothing.

    Parameters
    ----------
    first, second : MatchRecords
        Of the same ground truth.
    images, part, certainty
        As for `resampled_ap`.
    """
    if _are_equal(first, second):
        return Resampled(0.0, 0.0, 0.0, 0.0, images, certainty)
    return _resampled((first, second), images, part, certainty)


def images_needed(found: Resampled, limit: float) -> int | None:
    """Images of this kind with which the figure would be told from a limit in 4 of 5 datasets; None where it equals it.

    Notes
    -----
    A one-sided test at `found.certainty` with a power of 80 %, the standard deviation falling with the root of the
    number of images; and enough of them that what none of them shows is rarer than the margin.
    """
    margin = abs(found.value - limit)
    if not margin or not np.isfinite(margin) or not np.isfinite(found.sd):
        return None
    factor = float(ndtri(found.certainty)) + float(ndtri(_POWER))
    by_sd = int(np.ceil(found.images * (factor * found.sd / margin) ** 2))
    unseen = int(np.ceil(np.log(1 - found.certainty) / np.log1p(-min(margin, _ALMOST)))) if found.unseen else 0
    return max(found.images + 1, by_sd, unseen)


def _drawn(
    sides: Sequence[MatchRecords], images: int, part: Part, blocks: Iterable[NDArray[np.int32]]
) -> tuple[float, Floats]:
    """The figure of one side, or of the second less the first: plain, and of each row of weights that has it."""
    everything = itertools.chain([np.ones((1, images), dtype=np.int32)], blocks)
    values = np.concatenate(
        [np.stack([weighted_ap(side, block, **part._asdict()) for side in sides]) for block in everything], axis=1
    )
    figure = values[0] if len(sides) == 1 else values[1] - values[0]
    return float(figure[0]), figure[1:][(values[:, 1:] >= 0).all(axis=0)]


def _redrawn(images: int, replicates: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """How often each image is drawn, in blocks of (b, I) that fit into memory."""
    generator, step = np.random.default_rng(seed), max(1, _AT_ONCE // max(1, images))
    for begin in range(0, replicates, step):
        draws = generator.integers(images, size=(min(step, replicates - begin), images))
        yield np.array([np.bincount(draw, minlength=images) for draw in draws], dtype=np.int32)


def _left_out(images: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """All images but one, or but a random group, in blocks of (b, I)."""
    groups, step = min(images, _GROUPS), max(1, _AT_ONCE // max(1, images))
    of_image = np.random.default_rng(seed).permutation(images) % groups
    for begin in range(0, groups, step):
        yield (of_image != np.arange(begin, min(begin + step, groups))[:, None]).astype(np.int32)


def _resampled(sides: Sequence[MatchRecords], images: int, part: Part, certainty: float | None) -> Resampled:
    """Limits with the shape of the bootstrap and the scale of the jackknife.

    Redrawn images, of which a third is missing, let average precision vary too little; leaving out a group of images
    at a time shows by how much. They also raise it, as a small dataset does, which a single figure is corrected for;
    in a difference both sides rise alike. Where a few images carry all of it, what none of them shows may matter as
    much: the limits are then wider by how often such images may come. `suites/bench/test_map_calibration.py` has the
    error rates.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 10, 11 and 13.
    Hanley and Lippman-Hand (1983), If nothing goes wrong, is everything all right?, JAMA 249(13).
    """
    value, left = _drawn(sides, images, part, _left_out(images, 0))
    if len(left) < LEAST_GROUPS:
        return Resampled(value, -np.inf, np.inf, np.inf, images, certainty or CERTAINTY)
    sd = float(np.sqrt((len(left) - 1) * np.mean((left - left.mean()) ** 2)))
    if certainty is None:
        return Resampled(value, -np.inf, np.inf, sd, images, CERTAINTY)
    _, drawn = _drawn(sides, images, part, _redrawn(images, REPLICATES, 0))
    if len(drawn) < _LEAST_DRAWS:
        return Resampled(value, -np.inf, np.inf, np.inf, images, certainty)
    mean, spread = float(drawn.mean()), float(np.std(drawn))
    heavier = float(stdtrit(len(left) - 1, certainty) / ndtri(certainty))
    scale = heavier * sd / spread if spread else 0.0
    centre = value - (mean - value) if len(sides) == 1 else value
    low, high = (centre + scale * (limit - mean) for limit in np.quantile(drawn, (1 - certainty, certainty)))
    unseen = _unseen(sides[0], part, certainty) if _carriers(left) < _LEAST_CARRIERS else 0.0
    return Resampled(value, float(low) - unseen, float(high) + unseen, sd, images, certainty, unseen)


def _carriers(left: Floats) -> float:
    """How many groups of images carry the variation: k where k of them count alike and the others not at all."""
    squares = (left - left.mean()) ** 2
    if squares.max() < _ROUNDING**2:
        return 0.0
    return float(squares.sum()) ** 2 / float((squares**2).sum())


def _unseen(records: MatchRecords, part: Part, certainty: float) -> float:
    """The rate of a kind of image that a dataset of this size still fails to show with a chance of 1 - certainty."""
    chosen = records if part.category is None else only_categories(records, [part.category])
    counting = bit_set(chosen.counting, records.areas.index(part.area))
    holding = len(np.unique(chosen.object_images[counting]))
    return float(1 - (1 - certainty) ** (1 / holding)) if holding else 1.0


def _are_equal(first: MatchRecords, second: MatchRecords) -> bool:
    """Whether two models were judged alike, detection by detection."""
    return all(
        np.array_equal(getattr(first, field.name), getattr(second, field.name))
        if isinstance(getattr(first, field.name), np.ndarray)
        else getattr(first, field.name) == getattr(second, field.name)
        for field in fields(first)
    )
