"""OpenCV: NMSBoxes and, by class, NMSBoxesBatched; boxes as xywh."""

import cv2

from pytest_rfperf.core.boxes import xywh_from_xyxy

FLOOR = 0.0


def suppress(cloud, threshold, labels):
    cv2.setNumThreads(1)
    boxes, scores = xywh_from_xyxy(cloud.boxes), cloud.scores.astype("float32")
    if labels is None:
        return lambda: cv2.dnn.NMSBoxes(boxes, scores, FLOOR, threshold)
    kinds = labels.astype("int32")
    return lambda: cv2.dnn.NMSBoxesBatched(boxes, scores, kinds, FLOOR, threshold)
