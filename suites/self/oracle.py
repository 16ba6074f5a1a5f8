"""pycocotools as the oracle of the metric core.

Stock pycocotools overwrites `ignore` with `iscrowd` and takes annotation id 0 for "unmatched"; the oracle keeps
`ignore` and numbers annotations from 1.
"""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

if TYPE_CHECKING:
    from pytest_rfperf.data.coco import CocoResults, GroundTruth


class IgnoreKeepingEval(COCOeval):
    """COCOeval that honours `ignore` where it differs from `iscrowd`."""

    def _prepare(self) -> None:
        chosen = set(self.params.catIds)
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        for row in self.cocoGt.dataset["annotations"]:
            if row["category_id"] in chosen:
                row["ignore"] = bool(row.get("ignore")) or bool(row.get("iscrowd"))
                self._gts[row["image_id"], row["category_id"]].append(row)
        for row in self.cocoDt.dataset["annotations"]:
            if row["category_id"] in chosen:
                self._dts[row["image_id"], row["category_id"]].append(row)
        self.evalImgs, self.eval = defaultdict(list), {}


def coco_dataset(truth: GroundTruth, image_count: int, category_count: int) -> dict[str, Any]:
    """Write ground truth as a COCO file with ids from 1."""
    return {
        "info": {},
        "images": [{"id": i + 1, "width": 10_000, "height": 10_000} for i in range(image_count)],
        "categories": [{"id": k + 1, "name": f"c{k}"} for k in range(category_count)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": int(truth.images[i]) + 1,
                "category_id": int(truth.categories[i]) + 1,
                "bbox": truth.boxes_xywh[i].tolist(),
                "area": float(truth.areas[i]),
                "iscrowd": int(truth.crowd[i]),
                "ignore": int(truth.ignore[i]),
            }
            for i in range(len(truth.images))
        ],
    }


def coco_rows(results: CocoResults) -> list[dict[str, Any]]:
    """Write detections as COCO result rows."""
    return [
        {
            "image_id": int(results.images[i]) + 1,
            "category_id": int(results.categories[i]) + 1,
            "bbox": results.boxes_xywh[i].tolist(),
            "score": float(results.scores[i]),
        }
        for i in range(len(results.images))
    ]


def evaluate(
    dataset: dict[str, Any],
    rows: list[dict[str, Any]],
    *,
    stock: bool = False,
    iou_thresholds: tuple[float, ...] | None = None,
    max_detections: tuple[int, ...] = (1, 10, 100),
) -> COCOeval:
    """Run pycocotools silently up to `accumulate`, and `summarize` where its fixed limits allow it."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dataset
        truth.createIndex()
        found = COCO()
        found.dataset = {
            "images": dataset["images"],
            "categories": dataset["categories"],
            "annotations": [
                row | {"id": i + 1, "area": row["bbox"][2] * row["bbox"][3], "iscrowd": 0} for i, row in enumerate(rows)
            ],
        }
        found.createIndex()
        run = (COCOeval if stock else IgnoreKeepingEval)(truth, found, "bbox")
        run.params.maxDets = list(max_detections)
        if iou_thresholds is not None:
            run.params.iouThrs = np.array(iou_thresholds)
        run.evaluate()
        run.accumulate()
        if max_detections == (1, 10, 100) and iou_thresholds is None:
            run.summarize()
    return run
