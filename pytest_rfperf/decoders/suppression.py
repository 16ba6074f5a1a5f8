"""Non-maximum suppression as decoders use it: a limit before, a limit after.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.nms import nms

if TYPE_CHECKING:
    from numpy.typing import NDArray


def suppress(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    iou: float,
    candidates: int,
    keep: int,
) -> NDArray[np.int64]:
    """Indices kept by class-aware suppression among the surest `candidates`, at most `keep` of them.

    A reversed box (x2 < x1) takes part as one without area: it overlaps nothing.
    """
    surest = np.argsort(-scores, kind="stable")[:candidates]
    corners = boxes[surest]
    ordered = np.concatenate([corners[:, :2], np.maximum(corners[:, :2], corners[:, 2:])], axis=1)
    return surest[nms(ordered, scores[surest], iou, labels[surest])[:keep]]
