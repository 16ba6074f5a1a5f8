"""Seeded data as a detector leaves it: objects, detections near them, confusions, and false positives.

Objects are annotated to a hundredth of a pixel, as in COCO, and their area is a part of the box, as that of a
segment is. Detections have values of float32 unless `full_floats`, since that is what a network writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.data.coco import CocoResults, GroundTruth

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 640.0, 480.0
DETECTIONS_PER_IMAGE = 100


@dataclass(frozen=True)
class Size:
    """How much there is to evaluate; classes are as uneven as those of natural images."""

    images: int
    classes: int
    objects: int

    @property
    def title(self):
        objects, detections = f"{self.objects:,}", f"{self.images * DETECTIONS_PER_IMAGE:,}"
        return f"{self.images:,} images x {self.classes:,} classes ({objects} objects, {detections} detections)"


@dataclass(frozen=True)
class Scene:
    """Ground truth and detections as columns; ranks of images and classes start at 0, ids in files at 1."""

    size: Size
    truth: GroundTruth
    results: CocoResults

    def matrix(self):
        """(D, 7) float64: image id, x, y, width, height, score, class id, the array that `loadRes` takes."""
        r = self.results
        return np.column_stack([r.images + 1.0, r.boxes_xywh, r.scores, r.categories + 1.0])

    def annotations(self):
        """The ground truth as a COCO file holds it."""
        t = self.truth
        columns = zip(
            t.images.tolist(),
            t.categories.tolist(),
            t.boxes_xywh.tolist(),
            t.areas.tolist(),
            t.crowd.tolist(),
            strict=True,
        )
        rows = [
            {"id": i, "image_id": image + 1, "category_id": kind + 1, "bbox": box, "area": area, "iscrowd": int(crowd)}
            for i, (image, kind, box, area, crowd) in enumerate(columns, start=1)
        ]
        images = [
            {"id": i, "width": int(WIDTH), "height": int(HEIGHT), "file_name": f"{i:012}.jpg"}
            for i in range(1, self.size.images + 1)
        ]
        kinds = [{"id": k, "name": f"class {k}"} for k in range(1, self.size.classes + 1)]
        return {"info": {}, "licenses": [], "images": images, "categories": kinds, "annotations": rows}

    def detections(self):
        """The detections as rows of a COCO results file."""
        r = self.results
        columns = zip(r.images.tolist(), r.categories.tolist(), r.boxes_xywh.tolist(), r.scores.tolist(), strict=True)
        return [
            {"image_id": image + 1, "category_id": kind + 1, "bbox": box, "score": score}
            for image, kind, box, score in columns
        ]

    def write(self, folder: Path):
        """Both files, as `(annotations, detections)` paths."""
        paths = folder / "annotations.json", folder / "detections.json"
        for path, content in zip(paths, (self.annotations(), self.detections()), strict=True):
            path.write_text(json.dumps(content))
        return paths


def scene(size: Size, *, full_floats=False, seed=20):
    """Draw objects and detections; the same seed draws the same."""
    rng = np.random.default_rng(seed)
    truth = _objects(rng, size)
    near, confused = _near(rng, truth), _near(rng, truth)
    confused = _relabelled(rng, confused, size)
    found = [_as_results(near, rng.beta(3, 2, len(near[0]))), _as_results(confused, rng.beta(1.2, 6, len(confused[0])))]
    found.append(_background(rng, size, truth, size.images * DETECTIONS_PER_IMAGE - sum(len(f.images) for f in found)))
    results = _shuffled_by_image(rng, found)
    return Scene(size, truth, results if full_floats else _float32_values(results))


def _kinds(rng, size, count):
    """Classes with the long tail of natural images: class k is drawn in proportion to 1 / (k + 3)."""
    weight = 1 / (np.arange(size.classes) + 3.0)
    return rng.choice(size.classes, count, p=weight / weight.sum())


def _boxes(rng, count):
    side = np.exp(rng.normal(4.0, 0.9, (count, 2))).clip(4, (WIDTH, HEIGHT))
    corner = rng.random((count, 2)) * ((WIDTH, HEIGHT) - side)
    return np.hstack([corner, side])


def _objects(rng, size):
    images = np.sort(rng.integers(0, size.images, size.objects))
    kinds = _kinds(rng, size, size.objects)
    # Things of one kind come together: two of three objects repeat the class of the one before, in the same image.
    repeats = np.flatnonzero((images[1:] == images[:-1]) & (rng.random(size.objects - 1) < 2 / 3)) + 1
    for row in repeats:
        kinds[row] = kinds[row - 1]
    boxes = _boxes(rng, size.objects).round(2)
    areas = (boxes[:, 2] * boxes[:, 3] * rng.uniform(0.45, 0.95, size.objects)).round(4)
    crowd = rng.random(size.objects) < 0.012
    return GroundTruth(images, kinds, boxes, areas, crowd, crowd.copy())


def _near(rng, truth):
    """Up to four boxes about each object, from a tight fit to a loose one; one object of ten is missed."""
    seen = rng.random(len(truth.images)) < 0.9
    rows = np.repeat(np.arange(len(truth.images)), seen * (1 + rng.binomial(3, 0.3, len(truth.images))))
    boxes = truth.boxes_xywh[rows]
    looseness = rng.choice((0.03, 0.08, 0.2), (len(rows), 1), p=(0.45, 0.3, 0.25))
    centre = boxes[:, :2] + boxes[:, 2:] / 2 + rng.normal(0, 1, (len(rows), 2)) * looseness * boxes[:, 2:]
    sides = boxes[:, 2:] * np.exp(rng.normal(0, 1, (len(rows), 2)) * looseness)
    return truth.images[rows], truth.categories[rows], np.hstack([centre - sides / 2, sides])


def _relabelled(rng, found, size):
    images, _, boxes = found
    return images, _kinds(rng, size, len(images)), boxes


def _as_results(found, scores):
    return CocoResults(*found, scores)


def _background(rng, size, truth, count):
    """False positives: half are of a class that some object nearby in the file has, half of any class."""
    images = rng.integers(0, size.images, count)
    beside = np.searchsorted(truth.images, images).clip(max=len(truth.images) - 1)
    kinds = np.where(rng.random(count) < 0.5, truth.categories[beside], _kinds(rng, size, count))
    return CocoResults(images, kinds, _boxes(rng, count), rng.beta(1, 9, count))


def _shuffled_by_image(rng, found):
    """Image by image as a loop over a dataset writes them, and in no order within an image."""
    columns = [
        np.concatenate(column)
        for column in zip(*((f.images, f.categories, f.boxes_xywh, f.scores) for f in found), strict=True)
    ]
    order = rng.permutation(len(columns[0]))
    order = order[np.argsort(columns[0][order], kind="stable")]
    return CocoResults(*(column[order] for column in columns))


def _float32_values(results):
    boxes, scores = (column.astype(np.float32).astype(np.float64) for column in (results.boxes_xywh, results.scores))
    return CocoResults(results.images, results.categories, boxes, scores)
