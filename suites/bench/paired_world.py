"""Two detectors of the same objects, as match records: images drawn from a population whose average precision is known.

An image has its own difficulty, an object its own, and a detector its own luck with each; what makes an object hard
does so for both. The first of the two detectors is the better one by `shift`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pytest_rfperf.core.records import MatchRecords, edges_of

IOU_THRESHOLDS = (0.5, 0.75, 0.9)
CUTS = (-1.0, 0.0, 1.0)
"""Quality from which a detection reaches each threshold."""


class World(NamedTuple):
    """How images of one kind come about.

    With `missed` the detectors are perfect, but that the worse one misses this part of all objects, one an image.
    """

    images: int
    categories: int = 3
    objects_per_class: float = 1.2
    shift: float = 0.25
    missed: float = 0.0


def both(rng, world):
    """Records of the better and of the worse detector."""
    if world.missed:
        return nearly_perfect(rng, world)
    image, category = laid_out(rng.poisson(world.objects_per_class, (world.images, world.categories)))
    hardness = rng.normal(0, 1, len(image)) + rng.normal(0, 0.8, world.images)[image] + 0.3 * (category % 3)
    clutter = rng.gamma(1, 1, (world.images, world.categories))
    return tuple(one(rng, world, (image, category), 1.0 - hardness - shift, clutter) for shift in (0.0, world.shift))


def nearly_perfect(rng, world):
    image = np.arange(world.images)
    zeros, every = np.zeros(world.images, dtype=np.int64), np.full(world.images, 7, dtype=np.uint64)
    found = rng.random(world.images) >= world.missed
    return tuple(
        records(world, image[kept], zeros[kept], rng.random(kept.sum()), every[kept], (image, zeros))
        for kept in (found | True, found)
    )


def one(rng, world, objects, ability, clutter):
    image, category = objects
    quality = ability + rng.normal(0, 0.6, len(image))
    found = quality > CUTS[0]
    bits = np.zeros(len(image), dtype=np.uint64)
    for bit, cut in enumerate(CUTS):
        bits |= (quality > cut).astype(np.uint64) << np.uint64(bit)
    false_image, false_category = laid_out(rng.poisson(0.9 * clutter))
    confidence = np.r_[0.9 * quality[found] + rng.normal(0, 0.7, found.sum()), rng.normal(-1, 1, len(false_image))]
    return records(
        world,
        np.r_[image[found], false_image],
        np.r_[category[found], false_category],
        1 / (1 + np.exp(-confidence)),
        np.r_[bits[found], np.zeros(len(false_image), dtype=np.uint64)],
        objects,
    )


def records(world, images, categories, scores, bits, objects):
    order = np.lexsort((images, -scores, categories))
    images, categories, scores, bits = images[order], categories[order], scores[order], bits[order]
    contenders = np.flatnonzero(bits)
    by_object = np.lexsort(objects)
    object_images, object_categories = objects[0][by_object], objects[1][by_object]
    return MatchRecords(
        iou_thresholds=IOU_THRESHOLDS,
        area_ranges={"all": (0.0, 1e10)},
        max_detections=100,
        image_count=world.images,
        edges=edges_of(categories, world.categories),
        images=images.astype(np.int32),
        ranks=np.zeros(len(images), dtype=np.int32),
        scores=scores,
        in_area=np.ones(len(images), dtype=np.uint64),
        contender_edges=edges_of(categories[contenders], world.categories),
        contenders=contenders,
        matched=bits[contenders][:, None],
        ignored=np.zeros((len(contenders), 1), dtype=np.uint64),
        object_edges=edges_of(object_categories, world.categories),
        object_images=object_images.astype(np.int32),
        counting=np.ones(len(object_images), dtype=np.uint64),
    )


def laid_out(counts):
    """Image and category of each of `counts[image, category]` things."""
    images, categories = counts.shape
    times = counts.ravel()
    return np.repeat(np.repeat(np.arange(images), categories), times), np.repeat(
        np.tile(np.arange(categories), images), times
    )
