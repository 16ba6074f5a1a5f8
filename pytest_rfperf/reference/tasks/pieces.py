"""Pieces on a game board: four kinds that differ in colour and outline; a task that any size saturates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import SIDE_PX, Picture, Scene, clouds, pixel_centres

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.scene import Colour
    from pytest_rfperf.reference.tasks.stream import Stream

CLASSES = ("crown", "die", "pawn", "tower")
_BOARDS = (
    ((206, 178, 132), (122, 78, 46)),
    ((214, 214, 200), (74, 112, 84)),
    ((196, 190, 182), (84, 92, 116)),
)
_PIPS = ((-0.45, -0.45), (0.45, 0.45), (0.0, 0.0), (-0.45, 0.45), (0.45, -0.45))


def draw(stream: Stream) -> Picture:
    """A checked board with six to sixteen pieces, never more than one on a field."""
    scene = Scene(stream)
    fields = stream.integer(6, 8)
    cell = SIDE_PX / fields
    columns, rows = pixel_centres()
    dark = (np.floor(columns / cell) + np.floor(rows / cell)) % 2 == 0
    tones = stream.choice(_BOARDS)
    board = np.where(dark[..., None], stream.tinted(tones[0], 12), stream.tinted(tones[1], 12))
    grain = clouds(stream, 60) + 0.5 * clouds(stream, 9)
    scene.ground(board * (0.84 + 0.2 * grain)[..., None])
    free = [(row, column) for row in range(fields) for column in range(fields)]
    for _ in range(stream.integer(6, 16)):
        row, column = free.pop(stream.integer(0, len(free) - 1))
        kind = stream.integer(0, len(CLASSES) - 1)
        size = stream.uniform(0.3, 0.38) * cell
        x, y = ((place + 0.5) * cell + stream.uniform(-0.06, 0.06) * cell for place in (column, row))
        _PIECES[kind](scene, scene.thing(kind), x, y, size)
    scene.light(stream.uniform(0.02, 0.2))
    return scene.finish(blur=stream.integer(0, 2), noise=stream.uniform(1.5, 6))


def _crown(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    gold = scene.stream.tinted((236, 186, 48), 14)
    _shadow(scene, x, y, size)
    scene.paint(shapes.ellipse(x, y, size, size), _rounded(gold, size), thing)
    scene.paint(shapes.rectangle(x, y, size * 0.62, size * 0.16), (120, 84, 10), thing)
    scene.paint(shapes.rectangle(x, y, size * 0.16, size * 0.62), (120, 84, 10), thing)


def _die(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    along, ivory = scene.stream.direction(), scene.stream.tinted((240, 236, 224), 8)
    side = size * 0.8
    _shadow(scene, x, y, side)
    scene.paint(shapes.rectangle(x, y, side, side, along, side * 0.25), ivory, thing)
    placed = shapes.rectangle(x, y, side, side, along)
    for u, v in _PIPS[: scene.stream.integer(2, 5)]:
        pip = placed.offset(u * side, v * side)
        scene.paint(shapes.ellipse(*pip, side * 0.17, side * 0.17), (24, 24, 30), thing)


def _pawn(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    red = scene.stream.tinted((206, 44, 40), 16)
    _shadow(scene, x, y, size * 0.85)
    scene.paint(shapes.ellipse(x, y, size * 0.85, size * 0.85), _rounded(red, size), thing)
    light: Colour = (min(red[0] + 40, 255), red[1] + 60, red[2] + 60)
    scene.paint(shapes.ellipse(x - size * 0.12, y - size * 0.12, size * 0.4, size * 0.4), light, thing)


def _tower(scene: Scene, thing: int, x: float, y: float, size: float) -> None:
    along, slate = scene.stream.direction(), scene.stream.tinted((52, 96, 190), 16)
    _shadow(scene, x, y, size)
    scene.paint(shapes.rectangle(x, y, size, size * 0.42, along), slate, thing)
    scene.paint(shapes.rectangle(x, y, size * 0.42, size, along), slate, thing)
    dark: Colour = (slate[0] * 0.5, slate[1] * 0.5, slate[2] * 0.5)
    scene.paint(shapes.ellipse(x, y, size * 0.36, size * 0.36), dark, thing)


def _shadow(scene: Scene, x: float, y: float, size: float) -> None:
    scene.shade(shapes.ellipse(x + size * 0.25, y + size * 0.3, size, size), 0.55, 2)


def _rounded(colour: Colour, size: float) -> Any:  # noqa: ANN401 - a paint
    """Brighter towards the upper left."""

    def paint(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        light = 1.0 - 0.18 * (u + v) / size - 0.2 * (u * u + v * v) / (size * size)
        return np.array(colour) * (0.12 + light)[..., None]

    return paint


_PIECES = (_crown, _die, _pawn, _tower)
