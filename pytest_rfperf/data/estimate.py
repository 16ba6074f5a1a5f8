"""A figure that knows how far it may be off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the limits of its interval, 95 % unless said otherwise.

    Attributes
    ----------
    value : float
        The figure itself.
    low, high : float
        Limits; infinite (or the end of the scale) where the sample leaves one open.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resampled:
    """A figure of a dataset, with what other draws of its images would have said.

    Attributes
    ----------
    value : float
        On all images as they are; -1 where nothing counts.
    low, high : float
        One-sided limits, each at `certainty`; infinite where too few draws have a value.
    sd : float
        Standard deviation over other images of the same kind.
    images : int
    certainty : float
        In (0.5, 1).
    unseen : float
        By how much the limits are wider for kinds of images that the dataset may not show, in [0, 1]; 0 where
        enough images carry the figure.
    """

    value: float
    low: float
    high: float
    sd: float
    images: int
    certainty: float
    unseen: float = 0.0
