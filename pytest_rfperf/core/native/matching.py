"""Matching by the C tier."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.native.library import BAD_ROW, address, check, column, library, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import CocoResults, GroundTruth

    Floats = NDArray[np.float64]


def native_match(
    truth: GroundTruth, results: CocoResults, counts: tuple[int, int, int], thresholds: Floats, areas: Floats
) -> dict[str, Any]:
    """As `pytest_rfperf.core.matching.numpy_match`, which see; sizes and ranks are those that `match` has checked."""
    image_count, category_count, most = counts
    held = [
        column(results.images, np.int64), column(results.categories, np.int64),
        column(results.boxes_xywh, np.float64), column(results.scores, np.float64),
    ]  # fmt: skip
    held_truth = [
        column(truth.images, np.int64), column(truth.categories, np.int64), column(truth.boxes_xywh, np.float64),
        column(truth.areas, np.float64), column(truth.crowd, np.uint8), column(truth.ignore, np.uint8),
    ]  # fmt: skip
    thresholds, areas = column(thresholds, np.float64), column(areas, np.float64)
    out = _room(len(results.scores), len(truth.areas), category_count, len(areas))
    protocol = pack(image_count, category_count, most, len(thresholds), address(thresholds), len(areas), address(areas))
    bad_row = ctypes.c_int64(-1)
    status = library().rfperf_match(  # type: ignore[union-attr]
        pack(len(results.scores), *map(address, held)),
        pack(len(truth.areas), *map(address, held_truth)),
        protocol,
        pack(*map(address, out.values())),
        ctypes.byref(bad_row),
    )
    check(status, "match")
    if status == BAD_ROW:
        return {"bad_row": bad_row.value}
    return _cut(out)


def _room(detections: int, objects: int, categories: int, areas: int) -> dict[str, NDArray[Any]]:
    """Columns that have room for every row, in the order of the C struct."""
    return {
        "edges": np.empty(categories + 1, dtype=np.int64),
        "images": np.empty(detections, dtype=np.int32),
        "ranks": np.empty(detections, dtype=np.int32),
        "scores": np.empty(detections, dtype=np.float64),
        "in_area": np.empty(detections, dtype=np.uint64),
        "contender_edges": np.empty(categories + 1, dtype=np.int64),
        "contenders": np.empty(detections, dtype=np.int64),
        "matched": np.empty((detections, areas), dtype=np.uint64),
        "ignored": np.empty((detections, areas), dtype=np.uint64),
        "object_edges": np.empty(categories + 1, dtype=np.int64),
        "object_images": np.empty(objects, dtype=np.int32),
        "counting": np.empty(objects, dtype=np.uint64),
    }


def _cut(out: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The rows that were written; contenders are copied, since most of their room is empty."""
    detections, contenders = int(out["edges"][-1]), int(out["contender_edges"][-1])
    for name in ("images", "ranks", "scores", "in_area"):
        out[name] = out[name][:detections]
    for name in ("contenders", "matched", "ignored"):
        out[name] = out[name][:contenders].copy()
    return out
