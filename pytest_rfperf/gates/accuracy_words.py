"""How gates on accuracy speak: the name of a figure, what lost most, and how many images would decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.data.loss import ClassLoss, ImageLoss, Loss

_NOISE = 1e-9


def shown_metric(iou: float | None) -> str:
    """AP, AP50, AP75 or AP@0.62."""
    if iou is None:
        return "AP"
    hundredths = iou * 100
    return f"AP{hundredths:.0f}" if abs(hundredths - round(hundredths)) < _NOISE else f"AP@{iou:g}"


def needed_words(found: Resampled, limit: float) -> str:
    """How many images would decide."""
    from pytest_rfperf.core.resampling import images_needed  # noqa: PLC0415 - collecting imports no numpy

    if found.sd == float("inf"):
        return f", undecided: {found.images} images, or those with objects, are too few for limits"
    needed = images_needed(found, limit)
    if needed is None:
        return ", which no number of images can tell apart"
    return f", undecided with {found.images} images; about {needed} like these would decide"


def lost_lines(
    loss: Loss, images: Sequence[str], *, iou: float | None = None, limit: float | None = None
) -> tuple[str, ...]:
    """The classes and images that lost most, a line each.

    Parameters
    ----------
    loss : Loss
    images : sequence of str
        File names of the dataset.
    iou : float or None
        Of the average precision of the classes.
    limit : float or None
        What was asked for, where there is no baseline that they were better in.
    """
    lost = "that lost most" if limit is None else f"furthest below {limit:g}"
    classes = ", ".join(_class_words(one, limit) for one in loss.classes)
    errors = ", ".join(f"{images[one.rank]} {_errors(one)}" for one in loss.images)
    lines = [f"classes {lost} ({shown_metric(iou)}): {classes}"] if classes else []
    if errors:
        used = "where no detection is used" if loss.score == float("inf") else f"at score {loss.score:.3g}"
        used += f", IoU {loss.iou:g}"
        lost = f"that lost most (errors {used})" if limit is None else f"with most errors ({used})"
        lines.append(f"images {lost}: {errors}")
    return tuple(lines)


def _class_words(loss: ClassLoss, limit: float | None) -> str:
    before = f"{loss.before:.3f} -> " if limit is None else ""
    return f"{loss.name} {before}{loss.now:.3f} ({_objects(loss.objects)})"


def _objects(count: int) -> str:
    return f"{count} object" if count == 1 else f"{count} objects"


def _errors(image: ImageLoss) -> str:
    return str(image.now) if image.before is None else f"{image.before} -> {image.now}"
