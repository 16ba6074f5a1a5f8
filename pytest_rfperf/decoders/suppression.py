"""Non-maximum suppression as decoders use it: a limit before, a limit after.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

import numpy as np

from pytest_rfperf.core.nms import nms
from pytest_rfperf.data.detections import Detections


def suppress(found: Detections, *, iou: float, candidates: int = 30_000, keep: int = 300) -> Detections:
    """The detections that class-aware suppression among the surest `candidates` keeps, at most `keep`, surest first.

    A reversed box (x2 < x1) takes part as one without area: it overlaps nothing.
    """
    surest = np.argsort(-found.scores, kind="stable")[:candidates]
    corners = found.boxes[surest]
    ordered = np.concatenate([corners[:, :2], np.maximum(corners[:, :2], corners[:, 2:])], axis=1)
    kept = surest[nms(ordered, found.scores[surest], iou, found.labels[surest])[:keep]]
    return Detections(found.boxes[kept], found.scores[kept], found.labels[kept])
