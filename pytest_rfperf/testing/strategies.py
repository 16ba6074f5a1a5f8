"""Hypothesis strategies of boxes, suppression cases and COCO cases, gathered."""

from __future__ import annotations

from pytest_rfperf.testing.box_strategies import (
    IOU_LADDER,
    dense_cases,
    exact_boxes,
    far_cases,
    float_boxes,
    grid_boxes,
    suppression_cases,
)
from pytest_rfperf.testing.coco_strategies import (
    PLAIN,
    CocoShape,
    bare_image_cases,
    coco_cases,
    crowd_cases,
    crowded_cells,
    detection_limits,
    iou_lists,
    isolated_cases,
    perfect_cases,
    threshold_cases,
    tied_overlap_cases,
)

__all__ = [
    "IOU_LADDER",
    "PLAIN",
    "CocoShape",
    "bare_image_cases",
    "coco_cases",
    "crowd_cases",
    "crowded_cells",
    "dense_cases",
    "detection_limits",
    "exact_boxes",
    "far_cases",
    "float_boxes",
    "grid_boxes",
    "iou_lists",
    "isolated_cases",
    "perfect_cases",
    "suppression_cases",
    "threshold_cases",
    "tied_overlap_cases",
]
