"""Players on a pitch, seen from the stand: two teams and a ball, small; the fast detector misses some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import SIDE_PX, Colour, Picture, Scene, clouds, pixel_centres

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.stream import Stream

CLASSES = ("away", "ball", "home")
_AWAY, _BALL, _HOME = range(3)
_SHIRTS: dict[int, Colour] = {_AWAY: (206, 116, 40), _HOME: (48, 70, 146)}
_SHORTS: dict[int, Colour] = {_AWAY: (96, 42, 52), _HOME: (196, 200, 208)}
_SKIN: tuple[Colour, ...] = ((226, 180, 146), (150, 104, 74), (90, 60, 44))
_PIECE_PX, _PIECES = 20.0, 17
"""Lines are painted in pieces, the longest line in twice this many."""
_HAIR: tuple[Colour, ...] = ((38, 28, 22), (92, 64, 34), (160, 128, 70))


def draw(stream: Stream) -> Picture:
    """A part of the pitch with two teams, drawn from far to near, and perhaps the ball."""
    scene = Scene(stream)
    _pitch(scene)
    near, far = stream.uniform(10.8, 13.8), stream.uniform(6.8, 9.0)
    places = [(stream.uniform(4, SIDE_PX - 4), stream.uniform(10, SIDE_PX - 2)) for _ in range(stream.integer(8, 22))]
    for index in range(len(places) // 3):
        x, y = places[index]
        places.append((x + stream.uniform(-9, 9), y + stream.uniform(-7, 7)))
    for x, y in sorted(places, key=lambda place: place[1]):
        height = far + (near - far) * y / SIDE_PX
        _player(scene, stream.choice((_AWAY, _HOME)), x, y, height * stream.uniform(0.9, 1.1))
    if stream.chance(0.8):
        x, y = stream.uniform(8, SIDE_PX - 8), stream.uniform(8, SIDE_PX - 8)
        radius = stream.uniform(2.1, 2.7)
        scene.shade(shapes.ellipse(x + 1.5, y + radius, radius, radius * 0.6), 0.6, 1)
        ball = scene.thing(_BALL)
        scene.paint(shapes.ellipse(x, y, radius, radius), (240, 240, 236), ball)
        scene.paint(shapes.ellipse(x + 0.4, y + 0.3, radius * 0.35, radius * 0.35), (50, 50, 54), ball)
    scene.light(stream.uniform(0.05, 0.25))
    return scene.finish(blur=stream.integer(0, 2), noise=stream.uniform(3, 8))


def _player(scene: Scene, team: int, x: float, y: float, height: float) -> None:
    """Legs, shorts, shirt, arms and head above the feet at (x, y); `height` is that of the whole figure."""
    stream, thing = scene.stream, scene.thing(team)
    shirt, shorts = stream.tinted(_SHIRTS[team], 16), stream.tinted(_SHORTS[team], 16)
    skin, hair = stream.tinted(stream.choice(_SKIN), 10), stream.tinted(stream.choice(_HAIR), 8)
    scene.shade(shapes.ellipse(x + height * 0.3, y, height * 0.42, height * 0.12), 0.62, 1)
    wide, stride = height * 0.17, stream.uniform(0.06, 0.22) * height
    hip, neck = y - height * 0.46, y - height * 0.8
    lean = stream.uniform(-0.08, 0.08) * height
    for side in (-1, 1):
        scene.paint(shapes.segment((x, hip), (x + side * stride, y - 0.8), height * 0.11), skin, thing)
    scene.paint(shapes.rectangle(x, hip + height * 0.04, wide * 0.95, height * 0.1), shorts, thing)
    for side in (-1, 1):
        hand = (x + side * stream.uniform(0.7, 1.7) * wide, hip - height * 0.08)
        scene.paint(shapes.segment((x + lean, neck + 1), hand, height * 0.09), shirt, thing)
    scene.paint(shapes.capsule(x + lean / 2, (hip + neck) / 2, height * 0.09, wide * 0.9, (0.0, 1.0)), shirt, thing)
    scene.paint(shapes.ellipse(x + lean, y - height * 0.9, height * 0.1, height * 0.11), skin, thing)
    scene.paint(shapes.ellipse(x + lean, y - height * 0.94, height * 0.1, height * 0.07), hair, thing)


def _pitch(scene: Scene) -> None:
    """Mown grass with lines."""
    stream = scene.stream
    x, y = pixel_centres()
    cosine, sine = stream.direction()
    place = (x * cosine + y * sine) / stream.uniform(36, 60)
    mown = 1 + 0.08 * np.where(place / 2 - np.floor(place / 2) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - half of the stripes
    worn = 0.86 + 0.2 * clouds(stream, 50) + 0.12 * clouds(stream, 5)
    scene.ground(np.array(stream.tinted((72, 128, 58), 16)) * (mown * worn)[..., None])
    chalk = stream.tinted((206, 214, 200), 10)
    for _ in range(stream.integer(1, 3)):
        dx, dy = stream.direction()
        middle_x, middle_y = stream.uniform(0, SIDE_PX), stream.uniform(0, SIDE_PX)
        width = stream.uniform(1.4, 2.6)
        for piece in range(-_PIECES, _PIECES):
            start, end = (
                (middle_x + dx * far, middle_y + dy * far) for far in (piece * _PIECE_PX, (piece + 1) * _PIECE_PX)
            )
            scene.paint(shapes.segment(start, end, width), chalk)
    for _ in range(stream.integer(0, 3)):
        spot = stream.uniform(0, SIDE_PX), stream.uniform(0, SIDE_PX)
        scene.paint(shapes.ellipse(*spot, stream.uniform(1, 2), stream.uniform(0.8, 1.4)), chalk)
