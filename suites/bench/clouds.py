"""Seeded boxes as a YOLO head leaves them: a box an anchor, many about each object, the rest anywhere and unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 640.0
CLASSES = 80


@dataclass(frozen=True)
class Cloud:
    """(N, 4) xyxy boxes in a picture of 640 x 640 px, (N,) scores and labels; values are those of float32."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]


def cloud(count, *, objects, near, seed=4):
    """Draw `count` boxes, the part `near` of them about `objects` objects."""
    rng = np.random.default_rng(seed)
    about = int(count * near)
    centre, sides, kinds = (
        rng.uniform(20, SIDE - 20, (objects, 2)),
        _sides(rng, objects, 4.3),
        rng.integers(0, CLASSES, objects),
    )
    # A large object covers more anchors than a small one.
    area = sides.prod(axis=1)
    which = rng.choice(objects, about, p=area / area.sum())
    centres = centre[which] + rng.normal(0, 0.12, (about, 2)) * sides[which]
    boxes = [(centres, sides[which] * np.exp(rng.normal(0, 0.15, (about, 2))))]
    boxes.append((rng.uniform(0, SIDE, (count - about, 2)), _sides(rng, count - about, 3.3)))
    middle, side = (np.concatenate(part) for part in zip(*boxes, strict=True))
    corners = np.hstack([middle - side / 2, middle + side / 2]).clip(0, SIDE)
    scores = np.concatenate([rng.beta(2, 2, about), rng.beta(1, 12, count - about)])
    labels = np.concatenate([kinds[which], rng.integers(0, CLASSES, count - about)])
    confused = rng.random(count) < 0.1
    labels[confused] = rng.integers(0, CLASSES, confused.sum())
    order = rng.permutation(count)
    return Cloud(*(_float32_values(part[order]) for part in (corners, scores)), labels[order])


def _sides(rng, count, log_mean):
    return np.exp(rng.normal(log_mean, 0.6, (count, 2))).clip(4, SIDE)


def _float32_values(values):
    return values.astype(np.float32).astype(np.float64)
