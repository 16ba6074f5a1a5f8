"""Boxes and their overlap, in float64 throughout.

Kept to Python 3.8 and numpy: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def xywh_from_xyxy(boxes: Floats) -> Floats:
    """Left, top, width, height of boxes given by their corners: (N, 4) to (N, 4) float64."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def xyxy_from_cxcywh(boxes: Floats) -> Floats:
    """Corners of boxes given by centre, width and height: (N, 4) to (N, 4) float64."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` with every box of `b`.

    Parameters
    ----------
    a : (N, 4) float64
        xyxy corners, ordered (x1 <= x2, y1 <= y2).
    b : (M, 4) float64
        The same.

    Returns
    -------
    (N, M) float64
        In [0, 1]; 0 where boxes only touch or where both have no area.
    """
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    intersection = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = area_a[:, None] + area_b[None, :] - intersection
    ratio: Floats = np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)
    return ratio


def coco_pair_iou(detections: Floats, truths: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """Overlap of row i of `detections` with row i of `truths`, in pycocotools' own float expressions.

    Parameters
    ----------
    detections, truths : (P, 4) float64
        xywh boxes, a pair a row.
    crowd : (P,) bool
        Where True the overlap is intersection over the *detection's* area.

    Returns
    -------
    (P,) float64
        0 where the boxes do not overlap.

    References
    ----------
    cocoapi/common/maskApi.c, bbIou.
    """
    dx, dy, dw, dh = detections.T
    gx, gy, gw, gh = truths.T
    width = np.minimum(dw + dx, gw + gx) - np.maximum(dx, gx)
    height = np.minimum(dh + dy, gh + gy) - np.maximum(dy, gy)
    overlapping = (width > 0) & (height > 0)
    intersection = width * height
    detection_area = dw * dh
    union = np.where(crowd, detection_area, detection_area + gw * gh - intersection)
    ratio: Floats = np.divide(intersection, union, out=np.zeros(len(union)), where=overlapping)
    return ratio
