"""pycocotools, the definition: from its own objects, and from files."""

import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def from_columns(scene, paths):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = scene.annotations()
        truth.createIndex()
        found = truth.loadRes(scene.detections())
    return {"its objects": lambda: _twelve(truth, found)}


def from_files(annotations, detections):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(annotations)
        found = truth.loadRes(str(detections))
    return _twelve(truth, found)


def _twelve(truth, found):
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(truth, found, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats
