"""Pills on a tray: two kinds in many colours that lie on and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import SIDE_PX, Picture, Scene, clouds, mixed

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.scene import Colour
    from pytest_rfperf.reference.tasks.stream import Stream

CLASSES = ("capsule", "tablet")
_COLOURS: tuple[Colour, ...] = (
    (232, 232, 226), (222, 78, 62), (238, 186, 70), (96, 152, 204), (128, 178, 108), (232, 156, 178), (178, 120, 74),
)  # fmt: skip
_TRAYS: tuple[Colour, ...] = ((236, 222, 224), (198, 206, 212), (120, 126, 134), (92, 118, 138))


def draw(stream: Stream) -> Picture:
    """Eight to twenty-two pills, some of them in heaps."""
    scene = Scene(stream)
    tray = stream.choice(_TRAYS)
    scene.ground(mixed(stream.tinted(tray, 14), stream.tinted(tray, 30), clouds(stream, 110)))
    scene.pixels *= (0.95 + 0.1 * clouds(stream, 4))[..., None]
    heap = (stream.uniform(60, 260), stream.uniform(60, 260))
    for _ in range(stream.integer(8, 22)):
        if stream.chance(0.4):
            x, y = (place + stream.uniform(-38, 38) for place in heap)
        else:
            x, y = stream.uniform(6, SIDE_PX - 6), stream.uniform(6, SIDE_PX - 6)
        kind = stream.integer(0, 1)
        _PILLS[kind](scene, scene.thing(kind), x, y)
    scene.light(stream.uniform(0.05, 0.25))
    return scene.finish(blur=stream.integer(0, 2), noise=stream.uniform(2, 8))


def _capsule(scene: Scene, thing: int, x: float, y: float) -> None:
    """Two halves, each in its colour."""
    stream, radius = scene.stream, scene.stream.uniform(3.8, 5.8)
    along, half = stream.direction(), radius * stream.uniform(1.1, 1.5)
    first, second = (stream.tinted(stream.choice(_COLOURS), 10) for _ in range(2))
    scene.shade(shapes.capsule(x + 1.5, y + 2, half, radius, along), 0.68, 2)

    def halved(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        glint = 1.06 - 0.3 * (v / radius) * (v / radius) - 0.14 * (v / radius)
        return np.where((u < 0)[..., None], first, second) * glint[..., None]

    scene.paint(shapes.capsule(x, y, half, radius, along), halved, thing)


def _tablet(scene: Scene, thing: int, x: float, y: float) -> None:
    """Round or oblong, of one colour, scored or not."""
    stream, radius = scene.stream, scene.stream.uniform(5.2, 8.8)
    along, colour = stream.direction(), stream.tinted(stream.choice(_COLOURS), 10)
    oblong = radius * stream.choice((1.0, 1.0, 0.7))
    scored = stream.chance(0.5)
    scene.shade(shapes.ellipse(x + 1.5, y + 2, radius, oblong, along), 0.68, 2)

    def pressed(u: Any, v: Any) -> Any:  # noqa: ANN401 - arrays
        rim = (u / radius) * (u / radius) + (v / oblong) * (v / oblong)
        light = np.where(rim > 0.72, 0.86, 1.0)  # noqa: PLR2004 - where the bevel begins
        if scored:
            light = light * np.where(np.abs(u) < 0.9, 0.74, 1.0)  # noqa: PLR2004 - half the width of the score, in pixels
        return np.array(colour) * light[..., None]

    scene.paint(shapes.ellipse(x, y, radius, oblong, along), pressed, thing)


_PILLS = (_capsule, _tablet)
