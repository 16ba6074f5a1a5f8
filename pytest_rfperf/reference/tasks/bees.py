"""Bees on comb: many, small, dense, one class; the fast detector misses some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import SIDE_PX, Picture, Scene, clouds, mixed, pixel_centres

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.stream import Stream

CLASSES = ("bee",)
_MARGIN_PX = 2
_SINE_60 = 0.8660254037844386


def draw(stream: Stream) -> Picture:
    """Comb, partly capped, with bees that crowd in places and climb over each other."""
    scene = Scene(stream)
    scene.ground(_comb(stream))
    crowds = [(stream.uniform(0, SIDE_PX), stream.uniform(0, SIDE_PX)) for _ in range(stream.integer(2, 4))]
    for _ in range(stream.integer(6, 16)):
        _speck(scene)
    for _ in range(stream.integer(24, 60)):
        if stream.chance(0.45):
            x, y = (place + stream.uniform(-32, 32) for place in stream.choice(crowds))
        else:
            x, y = stream.uniform(0, SIDE_PX), stream.uniform(0, SIDE_PX)
        _bee(scene, x, y, stream.uniform(4.0, 6.1))
    scene.light(stream.uniform(0.05, 0.25))
    return scene.finish(blur=stream.integer(0, 2), noise=stream.uniform(4, 9))


def _bee(scene: Scene, x: float, y: float, length: float) -> None:
    """Wings, striped abdomen, thorax and head, along a direction; `length` is half of it."""
    if not (min(x, y) > _MARGIN_PX and max(x, y) < SIDE_PX - _MARGIN_PX):
        return
    stream, thing = scene.stream, scene.thing(0)
    along = stream.direction()
    amber, dark = stream.tinted((176, 124, 52), 18), stream.tinted((58, 38, 20), 10)
    body = shapes.ellipse(x, y, length, length * 0.42, along)
    scene.shade(shapes.ellipse(x + 1, y + 1.5, length, length * 0.45, along), 0.7, 1)

    def striped(u: Any, v: Any) -> Any:  # noqa: ANN401, ARG001 - arrays; stripes run across
        place = u / (length * 0.36)
        return np.where((place - np.floor(place) < 0.5)[..., None], amber, dark)  # noqa: PLR2004 - half of each

    scene.paint(shapes.ellipse(*body.offset(-length * 0.35, 0), length * 0.65, length * 0.4, along), striped, thing)
    scene.paint(shapes.ellipse(*body.offset(length * 0.38, 0), length * 0.36, length * 0.34, along), dark, thing)
    scene.paint(shapes.ellipse(*body.offset(length * 0.82, 0), length * 0.2, length * 0.24, along), dark, thing)
    wing = stream.tinted((206, 186, 150), 10)
    for side in (-1, 1):
        root = body.offset(0, side * length * 0.2)
        scene.paint(shapes.ellipse(*root, length * 0.42, length * 0.11, along), wing, thing)


def _speck(scene: Scene) -> None:
    """Pollen, dirt or a dark cell: scenery that a bee can be mistaken for."""
    stream = scene.stream
    x, y, size = stream.uniform(0, SIDE_PX), stream.uniform(0, SIDE_PX), stream.uniform(2.5, 5)
    colour = stream.tinted(stream.choice(((84, 54, 24), (150, 100, 40), (60, 40, 22))), 14)
    scene.paint(shapes.ellipse(x, y, size, size * stream.uniform(0.4, 0.9), stream.direction()), colour)


def _comb(stream: Stream) -> Any:  # noqa: ANN401 - an array of colours
    """Hexagonal cells, dark inside where open, under patches of capped brood."""
    x, y = pixel_centres()
    pitch = stream.uniform(12, 16)
    turned_x, turned_y = stream.direction()
    u, v = (x * turned_x + y * turned_y) / pitch, (y * turned_x - x * turned_y) / (2 * _SINE_60 * pitch)
    nearest = np.full((SIDE_PX, SIDE_PX), 4.0)
    for shift in (0.0, 0.5):
        du, dv = u - shift, v - shift
        du, dv = du - np.floor(du + 0.5), (dv - np.floor(dv + 0.5)) * (2 * _SINE_60)
        nearest = np.minimum(nearest, du * du + dv * dv)
    wax = mixed(stream.tinted((206, 148, 60), 16), stream.tinted((168, 106, 36), 16), clouds(stream, 70))
    deep = np.array(stream.tinted((92, 56, 20), 12))
    inside = np.clip((0.2 - nearest) * 9, 0, 1)
    open_cells = np.clip((clouds(stream, 80) - 0.42) * 8, 0, 1)
    return wax + (deep - wax) * (inside * (0.15 + 0.75 * open_cells))[..., None]
