"""Passes over datasets whose accuracy is known beforehand, made of real match records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.data.runs import AccuracyRun
from pytest_rfperf.gates.gate import Accuracy, BaselineAccuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.core.records import MatchRecords

IMAGES = 50
CATEGORIES = ("car", "disc")
_SIDES_PX = (60.0, 120.0)
"""Of an object in even images, which is a medium one, and in odd images, where it is large."""


def ground_truth(rows: Sequence[Sequence[float]], *, crowd: Sequence[int] = (), ignore: Sequence[int] = ()) -> Any:
    """Objects from rows (image, category, left, top, width, height); crowd and ignore name rows."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return GroundTruth(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2:],
        table[:, 4] * table[:, 5],
        np.isin(np.arange(len(table)), crowd),
        np.isin(np.arange(len(table)), ignore),
    )


def coco_results(rows: Sequence[Sequence[float]]) -> CocoResults:
    """Detections from rows (image, category, left, top, width, height, score)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return CocoResults(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:6], table[:, 6])


def accuracy_of(
    truth: GroundTruth,
    results: CocoResults,
    *,
    images: int = IMAGES,
    floor: float = 0.01,
    categories: Sequence[str] = CATEGORIES,
    **protocol: Any,
) -> Accuracy:
    """The accuracy of some detections; images are named 00.jpg, 01.jpg, ..."""
    records = match(truth, results, len(categories), **protocol)
    run = AccuracyRun(results, floor, images, 0, 1.0, "0" * 64)
    names = tuple(f"{rank:02}.jpg" for rank in range(images))
    return Accuracy(run, records, accumulate(records), tuple(categories), names, floor)


def even_accuracy(*, false: Sequence[int] = (1, 3), images: int = IMAGES, known: bool = True, **more: Any) -> Accuracy:
    """A car and a disc in each image, found behind `false` surer mistakes of the class: precisions 1 / (1 + false).

    Every image does equally well, so that whichever are drawn, average precision is the same. None is small.
    """
    objects, found = [], []
    for image in range(images):
        side = _SIDES_PX[image % 2]
        for category, mistakes in enumerate(false):
            sure = 1 - (image + 1) / (images + 1) / 2
            objects.append((image, category, 200 * category, 0, side, side))
            found += [(image, category, 200 * category, 500 + 200 * i, side, side, sure) for i in range(mistakes)]
            found.append((image, category, 200 * category, 0, side, side, sure - 1e-6))
    return accuracy_of(ground_truth(objects if known else []), coco_results(found), images=images, **more)


def uneven_accuracy(*, seed: int = 0, found: float = 0.5, images: int = IMAGES, **more: Any) -> Accuracy:
    """A car and a disc in each image, each found with that chance, and a mistake in every fourth image."""
    random = np.random.default_rng(seed)
    objects, rows = [], []
    for image in range(images):
        for category in range(len(CATEGORIES)):
            box = (200 * category, 0, 60, 60)
            objects.append((image, category, *box))
            if random.random() < found:
                rows.append((image, category, *box, random.uniform(0.3, 1.0)))
        if image % 4 == 0:
            rows.append((image, 0, 0, 500, 60, 60, random.uniform(0.1, 0.9)))
    return accuracy_of(ground_truth(objects), coco_results(rows), images=images, **more)


def baseline_of(accuracy: Accuracy) -> BaselineAccuracy:
    """The same as a baseline; every detection is used."""
    return BaselineAccuracy(
        "the baseline of 2024-05-01 (fast.onnx, sha256 0123456789ab)", accuracy.records, accuracy.run.results
    )


def assert_same_records(one: MatchRecords, other: MatchRecords) -> None:
    """Every column and word the same, bit for bit and of one type."""
    for field in one.__dataclass_fields__:
        first, second = getattr(one, field), getattr(other, field)
        if isinstance(first, np.ndarray):
            assert (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes()), field
        else:
            assert first == second, field
