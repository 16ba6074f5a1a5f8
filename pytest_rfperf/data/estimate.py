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
