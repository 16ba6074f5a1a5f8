"""lsnms with its default backend; it suppresses at equality, and drops scores of 0."""

from lsnms import nms


def suppress(cloud, threshold, labels):
    return lambda: nms(cloud.boxes, cloud.scores, iou_threshold=threshold, class_ids=labels)
