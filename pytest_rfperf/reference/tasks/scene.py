"""A scene: ground, things and weather, drawn into pixels and exact boxes.

Things are drawn at four times the resolution of the image. A subpixel belongs to the thing that was painted on
it last, a pixel mixes colours by the share of its sixteen subpixels, and the box of a thing is the hull of the
subpixels that still belong to it at the end. A thing of which less than `LEAST_VISIBLE` can be seen, the part
beyond the border counted as hidden, is not annotated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.reference.tasks.shapes import Shape
    from pytest_rfperf.reference.tasks.stream import Stream

    Field = NDArray[np.float64]

SIDE_PX = 320
FINER = 4
LEAST_VISIBLE = 0.3

Colour = tuple[float, float, float]
Paint = Colour | Callable[[Any, Any], Any]
"""One colour, or colours by the shape's own coordinates."""


@dataclass(frozen=True)
class Picture:
    """A drawn image and what is in it.

    Attributes
    ----------
    pixels : uint8 [height, width, 3]
        RGB.
    labels : tuple of int
        The class of each annotated thing.
    boxes_xyxy : tuple of four floats
        Its box in pixels, exact to a quarter of one.
    """

    pixels: NDArray[np.uint8]
    labels: tuple[int, ...]
    boxes_xyxy: tuple[tuple[float, float, float, float], ...]


class Scene:
    """A scene while it is drawn."""

    def __init__(self, stream: Stream) -> None:
        """Start with nothing."""
        self.stream = stream
        self.pixels = np.zeros((SIDE_PX, SIDE_PX, 3))
        self.owner = np.zeros((SIDE_PX * FINER, SIDE_PX * FINER), dtype=np.int16)
        self._things: list[_Thing] = []

    def ground(self, colours: Field) -> None:
        """Lay the ground: one colour, or float64 [height, width, 3]."""
        self.pixels[:] = colours

    def thing(self, label: int) -> int:
        """Begin a thing of a class; parts painted with its number belong to it."""
        self._things.append(_Thing(label))
        return len(self._things)

    def paint(self, shape: Shape, colour: Paint, thing: int = 0) -> None:
        """Paint a shape; thing 0 is scenery, which hides what lies beneath it but is never annotated."""
        window = _Window(shape)
        mask = shape.inside(*shape.own(*window.fine))
        drawn = mask[window.kept_fine]
        owner = self.owner[window.on_fine]
        if thing:
            painted_before = np.count_nonzero((owner == thing) & drawn)
            self._things[thing - 1].grow(window, int(np.count_nonzero(mask) - painted_before))
        if window.empty:
            return
        np.copyto(owner, thing, where=drawn)
        share = _shares(drawn)
        colours = colour(*shape.own(*window.coarse)) if callable(colour) else np.array(colour)
        under = self.pixels[window.on_coarse]
        self.pixels[window.on_coarse] = under + (colours - under) * share[..., None]

    def shade(self, shape: Shape, factor: float, softness: int = 1) -> None:
        """Darken (or lighten) what lies beneath a shape, with a soft edge."""
        window = _Window(shape, softness + 1)
        if window.empty:
            return
        share = shape.inside(*shape.own(*window.coarse)).astype(np.float64)
        for _ in range(softness):
            share = _smooth(share)
        self.pixels[window.on_coarse] *= (1 + (factor - 1) * share)[..., None]

    def light(self, strength: float) -> None:
        """Light that falls off from one side to the other, and a little towards the corners."""
        x, y = pixel_centres()
        cosine, sine = self.stream.direction()
        u, v = x / (SIDE_PX / 2) - 1, y / (SIDE_PX / 2) - 1
        field = 1 + strength * (u * cosine + v * sine) - 0.5 * strength * (u * u + v * v)
        self.pixels *= field[..., None]

    def finish(self, *, blur: int, noise: float) -> Picture:
        """Blur by `blur` passes of a binomial filter, add noise of that deviation, and round."""
        for _ in range(blur):
            self.pixels = _smooth(self.pixels)
        self.pixels += noise * self.stream.noise(SIDE_PX, SIDE_PX, 1)
        self.pixels += 0.5 * noise * self.stream.noise(SIDE_PX, SIDE_PX, 3)
        pixels = np.floor(np.clip(self.pixels, 0, 255) + 0.5).astype(np.uint8)
        labels, boxes = [], []
        for number, thing in enumerate(self._things, 1):
            visible = self.owner[thing.rows, thing.columns] == number
            area = np.count_nonzero(visible)
            if area and area >= LEAST_VISIBLE * thing.area:
                labels.append(thing.label)
                boxes.append(_hull(visible, thing.columns.start, thing.rows.start))
        return Picture(pixels, tuple(labels), tuple(boxes))


class _Thing:
    """A thing being drawn: its class, how many subpixels were painted for it, and where they lie."""

    def __init__(self, label: int) -> None:
        self.label = label
        self.area = 0
        self.rows = self.columns = slice(0, 0)

    def grow(self, window: _Window, area: int) -> None:
        """Take in one more part; where parts overlap beyond the border they count twice."""
        self.area += area
        if not window.empty:
            rows, columns = window.on_fine
            self.rows, self.columns = _union(self.rows, rows), _union(self.columns, columns)


class _Window:
    """The part of the image that a shape can touch, in pixels and in subpixels."""

    def __init__(self, shape: Shape, margin: int = 0) -> None:
        left, top = (math.floor(centre - shape.reach) - margin for centre in (shape.x, shape.y))
        right, bottom = (math.ceil(centre + shape.reach) + margin for centre in (shape.x, shape.y))
        columns, rows = _centres(left, right, FINER), _centres(top, bottom, FINER)
        self.fine = (columns[None, :], rows[:, None])
        x0, x1 = max(left, 0), min(right, SIDE_PX)
        y0, y1 = max(top, 0), min(bottom, SIDE_PX)
        self.empty = x0 >= x1 or y0 >= y1
        if self.empty:
            x1, y1, left, top = x0, y0, x0, y0
        self.coarse = (_centres(x0, x1)[None, :], _centres(y0, y1)[:, None])
        self.on_coarse = (slice(y0, y1), slice(x0, x1))
        self.on_fine = (slice(y0 * FINER, y1 * FINER), slice(x0 * FINER, x1 * FINER))
        self.kept_fine = (
            slice((y0 - top) * FINER, (y1 - top) * FINER),
            slice((x0 - left) * FINER, (x1 - left) * FINER),
        )


def _union(first: slice, second: slice) -> slice:
    if first.stop == 0:
        return second
    return slice(min(first.start, second.start), max(first.stop, second.stop))


def _hull(visible: NDArray[np.bool_], left: int, top: int) -> tuple[float, float, float, float]:
    """Bounds of the set subpixels, in pixels."""
    columns, rows = np.flatnonzero(visible.any(axis=0)), np.flatnonzero(visible.any(axis=1))
    x0, x1 = left + int(columns[0]), left + int(columns[-1]) + 1
    y0, y1 = top + int(rows[0]), top + int(rows[-1]) + 1
    return x0 / FINER, y0 / FINER, x1 / FINER, y1 / FINER


def pixel_centres() -> tuple[Field, Field]:
    """Coordinates of all pixels: x as a row, y as a column."""
    centres = _centres(0, SIDE_PX)
    return centres[None, :], centres[:, None]


def _centres(first_px: int, last_px: int, parts: int = 1) -> Field:
    """Centres of pixels, or of the parts of each, along one axis."""
    return (np.arange(first_px * parts, last_px * parts, dtype=np.float64) + 0.5) / parts


def clouds(stream: Stream, cell_px: float) -> Field:
    """Smooth random field in [0, 1): random values at corners of a lattice, blended between them."""
    count = math.ceil(SIDE_PX / cell_px) + 2
    lattice = stream.uniforms(count, count)
    place = (np.arange(SIDE_PX) + 0.5) / cell_px + stream.uniform()
    low = np.floor(place).astype(np.int64)
    share = place - low
    share = share * share * (3 - 2 * share)
    rows = lattice[low] + (lattice[low + 1] - lattice[low]) * share[:, None]
    field: Field = rows[:, low] + (rows[:, low + 1] - rows[:, low]) * share[None, :]
    return field


def mixed(first: Colour, second: Colour, share: Field) -> Field:
    """Two colours blended: share 0 is the first. The share has no channel axis; the colours get one."""
    start, end = np.array(first), np.array(second)
    blended: Field = start + (end - start) * share[..., None]
    return blended


def _shares(mask: NDArray[np.bool_]) -> Field:
    """The share of subpixels of each pixel that are set."""
    counts = mask.view(np.uint8)
    counts = counts[0::FINER] + counts[1::FINER] + counts[2::FINER] + counts[3::FINER]
    counts = counts[:, 0::FINER] + counts[:, 1::FINER] + counts[:, 2::FINER] + counts[:, 3::FINER]
    return counts / (FINER * FINER)


def _smooth(field: Field) -> Field:
    """One pass of the binomial filter (1 2 1) / 4 along both axes; edges repeat."""
    for axis in (0, 1):
        along = np.moveaxis(field, axis, 0)
        sums = 2 * along
        sums[1:] += along[:-1]
        sums[:1] += along[:1]
        sums[:-1] += along[1:]
        sums[-1:] += along[-1:]
        field = np.moveaxis(sums / 4, 0, axis)
    return field
