"""Greedy non-maximum suppression: exact, by either tier; the numpy one is the reference, readable top to bottom.

Kept to Python 3.8 and numpy: devices import this file.

References
----------
The semantics are those that torchvision.ops.nms documents, with the cases that it leaves open decided:
suppress when IoU > threshold, strictly; among equal scores the lowest index wins; a NaN score sorts last;
boxes without area suppress nothing and are never suppressed; float64 throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple

import numpy as np

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.core.native.library import column
from pytest_rfperf.core.native.suppression import suppress
from pytest_rfperf.core.tier import tier

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 256
_MOST = 2**31
_LARGEST = 1e150
"""Areas of larger boxes would overflow."""


def nms(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    iou_threshold: float,
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Indices of the boxes that greedy non-maximum suppression keeps.

    Parameters
    ----------
    boxes : (N, 4) float64
        xyxy corners, ordered and free of NaN.
    scores : (N,) float64
        Higher is surer.
    iou_threshold : float
        A box is dropped when its IoU with a kept box of its class is greater than this; in [0, 1].
    labels : (N,) int64, optional
        Class of each box; without it all boxes are of one class.

    Returns
    -------
    (K,) int64
        Indices into `boxes`, by descending score, then ascending index; empty for no boxes.

    Raises
    ------
    ValueError
        If a box is reversed, not finite or beyond 1e150, or the threshold lies outside [0, 1].
    """
    boxes, scores = column(boxes, np.float64), column(scores, np.float64)
    if labels is not None:
        labels = column(labels, np.int64)
    _check_sizes(boxes, scores, labels, iou_threshold)
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    by_tier = suppress if tier() == "c" else numpy_nms
    kept, bad = by_tier(boxes, scores, iou_threshold, labels)
    if bad >= 0:
        msg = f"nms: box {bad} is {boxes[bad].tolist()}; corners must be finite with x1 <= x2 and y1 <= y2"
        raise ValueError(msg)
    return kept


def _check_sizes(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    labels: Optional[NDArray[np.int64]],
    iou_threshold: float,
) -> None:
    if not 0 <= iou_threshold <= 1:
        msg = f"nms: iou_threshold={iou_threshold!r} lies outside [0, 1]"
        raise ValueError(msg)
    count = len(boxes)
    if count and (boxes.shape != (count, 4) or count >= _MOST):
        msg = f"nms: boxes have the shape {boxes.shape}; expected (N, 4) with N < 2^31"
        raise ValueError(msg)
    if scores.shape != (count,) or (labels is not None and labels.shape != (count,)):
        msg = f"nms: {count} boxes, scores {scores.shape}, labels {None if labels is None else labels.shape}"
        raise ValueError(msg)


def numpy_nms(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    iou_threshold: float,
    labels: Optional[NDArray[np.int64]],
) -> Tuple[NDArray[np.int64], int]:
    """Indices that are kept, surest first, and -1; or none and the first box that is not sound."""
    sound = (np.abs(boxes) <= _LARGEST).all(axis=1) & (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
    if not sound.all():
        return np.zeros(0, dtype=np.int64), int(np.argmin(sound))
    order = np.argsort(-scores, kind="stable")
    if labels is None:
        return order[_kept_in_order(boxes[order], iou_threshold)], -1
    kept = np.zeros(len(order), dtype=np.bool_)
    ordered_labels = labels[order]
    for label in np.unique(ordered_labels):
        members = np.flatnonzero(ordered_labels == label)
        kept[members] = _kept_in_order(boxes[order[members]], iou_threshold)
    return order[kept], -1


def _kept_in_order(boxes: NDArray[np.float64], iou_threshold: float) -> NDArray[np.bool_]:
    """Which boxes of one class survive, the boxes being sorted from surest to least sure.

    Overlaps are computed for a block of survivors at a time, so that memory stays linear in the boxes.
    """
    alive = np.ones(len(boxes), dtype=np.bool_)
    for start in range(0, len(boxes), _BLOCK):
        block = np.flatnonzero(alive[start : start + _BLOCK]) + start
        suppressed = iou_matrix(boxes[block], boxes[start:]) > iou_threshold
        for row, box in enumerate(block):
            if alive[box]:
                alive[box + 1 :] &= ~suppressed[row, box + 1 - start :]
    return alive
