"""The accuracy pass: every image once, detections kept, pixels forgotten."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.boxes import xywh_from_xyxy
from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.data.runs import AccuracyRun
from pytest_rfperf.errors import ImageError, OutputError
from pytest_rfperf.measure.images import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.protocols import Clock, Dataset, Detector

LEFT_OUT = -1


def accuracy_pass(
    detector: Detector,
    dataset: Dataset,
    category_of_label: Sequence[int],
    clock: Clock,
    progress: Callable[[int, int], None],
) -> AccuracyRun:
    """Run a detector over a dataset.

    Parameters
    ----------
    detector, dataset
    category_of_label : sequence of int
        Rank of the dataset's category for each label of the model; `LEFT_OUT` for a class that the dataset
        does not annotate, whose detections take no part.
    clock : Clock
    progress : callable
        Told the images done and all images after each.

    Raises
    ------
    ImageError
        If an image cannot be read, naming it.
    OutputError
        If the model's outputs for an image are no detections, naming it.
    """
    begin, digest = clock.wall_ns(), hashlib.sha256()
    category, found = np.asarray(category_of_label, dtype=np.int64), []
    for rank, image in enumerate(dataset.images):
        content = read_image(image)
        digest.update(content)
        try:
            found.append(detector.detect(content)[0])
        except (ImageError, OutputError) as error:
            msg = f"image {image.id} ({image.path.name}): {error}"
            raise type(error)(msg) from error
        progress(rank + 1, len(dataset.images))
    ranks = np.repeat(np.arange(len(found)), [detections.count for detections in found])
    categories = category[np.concatenate([detections.labels for detections in found])]
    kept = categories != LEFT_OUT
    results = CocoResults(
        images=ranks[kept],
        categories=categories[kept],
        boxes_xywh=xywh_from_xyxy(_stacked([detections.boxes for detections in found])[kept]),
        scores=np.concatenate([detections.scores for detections in found])[kept],
    )
    return AccuracyRun(
        results=results,
        score_floor=detector.score_floor,
        images=len(found),
        outside_classes=int((~kept).sum()),
        duration_s=(clock.wall_ns() - begin) / 1e9,
        images_sha256=digest.hexdigest(),
    )


def _stacked(boxes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((0, 4)), *boxes])
