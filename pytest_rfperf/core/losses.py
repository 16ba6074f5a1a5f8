"""What lost most: classes by average precision, images by their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.operating_point import best_f1, image_errors
from pytest_rfperf.core.records import only_categories
from pytest_rfperf.data.loss import ClassLoss, ImageLoss, Loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.core.average_precision import PrecisionRecall
    from pytest_rfperf.core.records import MatchRecords
    from pytest_rfperf.core.resampling import Part

_CLASSES, _IMAGES = 3, 5
_IOU = 0.5


def loss_from_limit(now: PrecisionRecall, images: int, names: Sequence[str], part: Part, limit: float) -> Loss:
    """The classes furthest below a limit, and the images with most errors.

    Parameters
    ----------
    now : PrecisionRecall
    images : int
        How many the dataset has.
    names : sequence of str
        Of the categories.
    part : Part
        What the limit is for.
    limit : float
        The average precision that was asked for.
    """
    classes = [ClassLoss(name, ap, limit, count) for name, ap, count in _by_class(now, names, part) if ap >= 0]
    score, errors = _errors(now.records, images, part)
    found = [ImageLoss(rank, int(count), None) for rank, count in enumerate(errors)]
    return _worst(classes, found, (score, _iou(now.records, part), part.category))


def loss_from_baseline(
    now: PrecisionRecall, before: MatchRecords, images: int, names: Sequence[str], part: Part
) -> Loss:
    """The classes and images that were better in the baseline; parameters as for `loss_from_limit`."""
    then = _by_class(accumulate(before, max_detections=now.max_detections), names, part)
    classes = [
        ClassLoss(name, ap, old, count)
        for (name, ap, count), (_, old, _) in zip(_by_class(now, names, part), then, strict=True)
        if old >= 0
    ]
    score, errors = _errors(now.records, images, part)
    _, old_errors = _errors(before, images, part)
    found = [ImageLoss(rank, int(n), int(o)) for rank, (n, o) in enumerate(zip(errors, old_errors, strict=True))]
    return _worst(classes, found, (score, _iou(now.records, part), part.category))


def _by_class(found: PrecisionRecall, names: Sequence[str], part: Part) -> list[tuple[str, float, int]]:
    """Name, average precision and objects of each class."""
    ranks = range(len(names)) if part.category is None else [part.category]
    objects = found.records.object_counts[found.areas.index(part.area)]
    return [(names[rank], found.ap(iou=part.iou, area=part.area, category=rank), int(objects[rank])) for rank in ranks]


def _errors(records: MatchRecords, images: int, part: Part) -> tuple[float, NDArray[np.int64]]:
    """The best score for that part, and the errors of each image there."""
    iou = _iou(records, part)
    chosen = records if part.category is None else only_categories(records, [part.category])
    score = best_f1(chosen, iou=iou, area=part.area).score
    return score, image_errors(chosen, images, score, iou=iou, area=part.area)


def _iou(records: MatchRecords, part: Part) -> float:
    """The threshold of the part; for a mean over several the one nearest to a half, at which objects are found."""
    asked = _IOU if part.iou is None else part.iou
    return min(records.iou_thresholds, key=lambda threshold: abs(threshold - asked))


def _worst(classes: list[ClassLoss], images: list[ImageLoss], judged_at: tuple[float, float, int | None]) -> Loss:
    """The first few of each that lost at all; of equal losses the class with more objects first."""
    lost = sorted(
        (one for one in classes if one.now < one.before), key=lambda one: (one.now - one.before, -one.objects)
    )
    worse = sorted((one for one in images if one.now > (one.before or 0)), key=lambda one: (one.before or 0) - one.now)
    return Loss(tuple(lost[:_CLASSES]), tuple(worse[:_IMAGES]), *judged_at)
