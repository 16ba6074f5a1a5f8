"""Shapes in the plane: where a point is inside, in pixels from the shape's own centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Field = NDArray[np.float64]
    Mask = NDArray[np.bool_]

UPRIGHT = (1.0, 0.0)


@dataclass(frozen=True)
class Shape:
    """A placed shape.

    Attributes
    ----------
    x, y : float
        Its centre, in pixels of the image.
    reach : float
        What lies farther from the centre along an axis of the image, in whole pixels, is cut off.
    along : (float, float)
        Unit vector of its own first axis.
    inside : callable
        Takes coordinates along its own axes and says which points belong to it.
    """

    x: float
    y: float
    reach: float
    along: tuple[float, float]
    inside: Callable[[Field, Field], Mask]

    def own(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Coordinates along the shape's own axes, of points of the image; a row and a column stay so if upright."""
        dx, dy = x - self.x, y - self.y
        if self.along == UPRIGHT:
            return dx, dy
        cosine, sine = self.along
        return dx * cosine + dy * sine, dy * cosine - dx * sine

    def offset(self, u: float, v: float) -> tuple[float, float]:
        """The point of the image at coordinates (u, v) of the shape."""
        cosine, sine = self.along
        return self.x + u * cosine - v * sine, self.y + u * sine + v * cosine


def ellipse(x: float, y: float, a: float, b: float, along: tuple[float, float] = UPRIGHT) -> Shape:
    """An ellipse with half axes a and b."""

    def inside(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        u, v = u / a, v / b
        return u * u + v * v <= 1.0

    return Shape(x, y, max(a, b), along, inside)


def ring(x: float, y: float, outer: float, inner: float) -> Shape:
    """What lies between two circles."""

    def inside(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        square = u * u + v * v
        return (square <= outer * outer) & (square >= inner * inner)

    return Shape(x, y, outer, UPRIGHT, inside)


def rectangle(x: float, y: float, a: float, b: float, along: tuple[float, float] = UPRIGHT, corner: float = 0) -> Shape:
    """A rectangle with half sides a and b and rounded corners."""

    def inside(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        du, dv = np.abs(u) - (a - corner), np.abs(v) - (b - corner)
        over_u, over_v = np.maximum(du, 0), np.maximum(dv, 0)
        return (over_u * over_u + over_v * over_v <= corner * corner) & (du <= corner) & (dv <= corner)

    return Shape(x, y, math.sqrt(a * a + b * b), along, inside)


def capsule(x: float, y: float, a: float, radius: float, along: tuple[float, float] = UPRIGHT) -> Shape:
    """A rectangle of half length a with round ends, all in all a + radius long to each side."""

    def inside(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        over = np.maximum(np.abs(u) - a, 0)
        return over * over + v * v <= radius * radius

    return Shape(x, y, a + radius, along, inside)


def heart(x: float, y: float, size: float, along: tuple[float, float] = UPRIGHT) -> Shape:
    """The curve (u^2 + v^2 - 1)^3 = u^2 v^3, up to 1.42 `size` from its centre, cut at 1.25."""

    def inside(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        u, v = u / size, -v / size
        square = u * u
        outside = square + v * v - 1.0
        return outside * outside * outside <= square * (v * v * v)

    return Shape(x, y, 1.25 * size, along, inside)


def segment(start: tuple[float, float], end: tuple[float, float], width: float) -> Shape:
    """A straight stroke with round ends."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    length = math.sqrt(dx * dx + dy * dy)
    along = (dx / length, dy / length) if length else UPRIGHT
    return capsule((x0 + x1) / 2, (y0 + y1) / 2, length / 2, width / 2, along)
