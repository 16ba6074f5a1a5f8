"""Chocolates in a box: four kinds, large and apart; a task that any size of detector saturates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import Picture, Scene, clouds, mixed

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.scene import Colour
    from pytest_rfperf.reference.tasks.stream import Stream

CLASSES = ("heart", "praline", "shell", "truffle")
_CELLS = 5


def draw(stream: Stream) -> Picture:
    """A box of five by five places, most of them filled."""
    scene = Scene(stream)
    linen = stream.tinted((226, 214, 198), 14)
    scene.ground(mixed(linen, stream.tinted((196, 178, 160), 14), clouds(stream, 90)))
    cell = stream.uniform(52, 58)
    left, top = (160 - cell * _CELLS / 2 + stream.uniform(-8, 8) for _ in range(2))
    middle = (left + cell * _CELLS / 2, top + cell * _CELLS / 2)
    half = cell * _CELLS / 2 + 4
    scene.shade(shapes.rectangle(middle[0] + 4, middle[1] + 5, half, half, corner=8), 0.7, 6)
    box = stream.tinted((150, 112, 74), 16)
    scene.paint(shapes.rectangle(*middle, half, half, corner=7), box)
    paper = stream.tinted((116, 90, 64), 20)
    for row in range(_CELLS):
        for column in range(_CELLS):
            x, y = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            scene.shade(shapes.rectangle(x, y, cell / 2 - 2, cell / 2 - 2, corner=6), 0.72, 2)
            scene.paint(shapes.rectangle(x + 1, y + 1, cell / 2 - 4, cell / 2 - 4, corner=5), paper)
            if stream.chance(0.86):
                moved = (x + stream.uniform(-4, 4), y + stream.uniform(-4, 4))
                kind = stream.integer(0, len(CLASSES) - 1)
                _CHOCOLATES[kind](scene, scene.thing(kind), *moved, stream.uniform(14.5, 20))
    scene.light(stream.uniform(0.02, 0.16))
    return scene.finish(blur=stream.integer(0, 1), noise=stream.uniform(1.5, 5))


def _heart(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    along, foil = scene.stream.direction(), scene.stream.tinted((200, 38, 62), 22)
    shape = shapes.heart(x, y, size * 0.86, along)
    scene.shade(shapes.heart(x + 2, y + 3, size * 0.86, along), 0.6, 2)
    scene.paint(shape, partial(_domed, foil, size), thing)


def _praline(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    along, brown = scene.stream.direction(), scene.stream.tinted((84, 48, 28), 12)
    icing = scene.stream.tinted((232, 214, 176), 12)
    side, pitch = size * 0.84, scene.stream.uniform(5, 7)

    def striped(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        place = (u + v) / pitch
        return np.where((place - np.floor(place) < 0.3)[..., None], icing, _domed(brown, size, u, v))  # noqa: PLR2004 - share of icing

    scene.shade(shapes.rectangle(x + 2, y + 3, side, side, along, 3), 0.6, 2)
    scene.paint(shapes.rectangle(x, y, side, side, along, 3), striped, thing)


def _shell(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    along, cream = scene.stream.direction(), scene.stream.tinted((236, 222, 186), 14)

    def ribbed(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        place = v / (u / 4 + size / 2)
        place = place * 3.5
        ribs = np.abs(place - np.floor(place) - 0.5)
        return _domed(cream, size, u, v) * (0.7 + 0.6 * ribs)[..., None]

    scene.shade(shapes.ellipse(x + 2, y + 3, size, size * 0.72, along), 0.6, 2)
    scene.paint(shapes.ellipse(x, y, size, size * 0.72, along), ribbed, thing)


def _truffle(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    brown = scene.stream.tinted((130, 78, 44), 14)
    scene.shade(shapes.ellipse(x + 2, y + 3, size * 0.9, size * 0.9), 0.6, 2)
    scene.paint(shapes.ellipse(x, y, size * 0.9, size * 0.9), partial(_domed, brown, size), thing)
    dust = scene.stream.tinted((70, 38, 22), 8)
    scene.paint(shapes.ring(x, y, size * 0.55, size * 0.4), dust, thing)


def _domed(colour: Colour, size: float, u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
    """Brighter on one side, darker towards the rim, as of something round."""
    light = 1.08 - 0.22 * (u * u + v * v) / (size * size) - 0.12 * (u + v) / size
    return np.array(colour) * light[..., None]


_CHOCOLATES = (_heart, _praline, _shell, _truffle)
