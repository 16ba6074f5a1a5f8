"""The greedy loop in numpy that projects carry about: take the surest box, drop what overlaps it, go on."""

import numpy as np


def suppress(cloud, threshold, labels):
    return lambda: _by_class(cloud.boxes, cloud.scores, threshold, labels)


def _by_class(boxes, scores, threshold, labels):
    if labels is None:
        return _kept(boxes, scores, threshold)
    members = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.concatenate([rows[_kept(boxes[rows], scores[rows], threshold)] for rows in members])


def _kept(boxes, scores, threshold):
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        width = np.minimum(x2[first], x2[rest]) - np.maximum(x1[first], x1[rest])
        height = np.minimum(y2[first], y2[rest]) - np.maximum(y1[first], y1[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        order = rest[shared / (areas[first] + areas[rest] - shared) <= threshold]
    return np.array(kept, dtype=np.int64)
