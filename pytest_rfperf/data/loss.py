"""Where a model lost accuracy: the classes and the images that lost most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassLoss:
    """Average precision of one class.

    Attributes
    ----------
    name : str
    now : float
    before : float
        Of the baseline, or the limit that was asked for.
    objects : int
        How many count.
    """

    name: str
    now: float
    before: float
    objects: int


@dataclass(frozen=True, slots=True)
class ImageLoss:
    """Errors in one image: objects missed and detections that are false, at the score where F1 is highest.

    Attributes
    ----------
    rank : int
        Place among the dataset's images.
    now : int
    before : int or None
        Of the baseline at its own best score; None without one.
    """

    rank: int
    now: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """What explains an accuracy that is too low.

    Attributes
    ----------
    classes : tuple of ClassLoss
        Those that lost most, first.
    images : tuple of ImageLoss
        The same.
    score : float
        Detections below it are used neither for the errors nor in the pictures.
    iou : float
        From which overlap on a detection is true.
    category : int or None
        The one category that it is about; all without.
    """

    classes: tuple[ClassLoss, ...]
    images: tuple[ImageLoss, ...]
    score: float
    iou: float
    category: int | None
