"""Ours, on the tier that is forced: from columns, and from files."""

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.nms import nms
from pytest_rfperf.datasets.coco_file import ImageId, read_coco_file
from pytest_rfperf.datasets.coco_results import read_coco_results

SIDES = ("small", "medium", "large")


def from_columns(scene, paths):
    return {"columns": lambda: _twelve(scene.truth, scene.results, scene.size.classes)}


def from_files(annotations, detections):
    file = read_coco_file(annotations, ImageId)
    found = read_coco_results(detections, file.image_ids, file.category_ids)
    return _twelve(file.truth, found.results, len(file.categories))


def _twelve(truth, results, classes):
    found = accumulate(match(truth, results, classes))
    precision = [found.ap(), found.ap(iou=0.5), found.ap(iou=0.75), *(found.ap(area=side) for side in SIDES)]
    recall = [found.ar(max_detections=most) for most in found.max_detections]
    return [*precision, *recall, *(found.ar(area=side) for side in SIDES)]


def suppress(cloud, threshold, labels):
    return lambda: nms(cloud.boxes, cloud.scores, threshold, labels)
