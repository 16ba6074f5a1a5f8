"""What an evaluation function may decide in its own way, and what it should answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.boxes import coco_pair_iou
from pytest_rfperf.core.matching import IOU_THRESHOLDS, match
from pytest_rfperf.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import CocoCase

AREAS = ("small", "medium", "large")
LIMITS = (1, 10, 100)
NAMES = (
    "AP",
    "AP50",
    "AP75",
    *(f"AP {area}" for area in AREAS),
    *(f"AR@{limit}" for limit in LIMITS),
    *(f"AR {area}" for area in AREAS),
)
"""The twelve values of COCO, in the order of `COCOeval.stats`."""


@dataclass(frozen=True, slots=True)
class MapRules:
    """The legal choices of one evaluation function; the defaults are those of pycocotools.

    Attributes
    ----------
    tolerance : float
        How far a value may lie from the exact one; 0 asks for the same bits.
    iou_margin : float
        Cases in which an overlap lies no further than this from a COCO threshold are left out. Implementations in
        float32 want about 1e-6.
    ties : {"coco", "any"}
        Among equal scores "coco" asks for the order of pycocotools: by image id, then as listed; among equal
        overlaps it asks for the object listed last. With "any" neither are equal.
    crowds : bool
        Whether annotations may have `iscrowd` 1.
    ignore : bool
        Whether annotations may have `ignore` 1 without being a crowd, which stock pycocotools overwrites.
    undefined : float or None
        The value where no object counts: -1 for COCO, NaN or 0 for others; None leaves such values unchecked.

    Raises
    ------
    UsageError
        For a value that is none of those above.
    """

    tolerance: float = 1e-9
    iou_margin: float = 0.0
    ties: str = "coco"
    crowds: bool = True
    ignore: bool = False
    undefined: float | None = -1.0

    def __post_init__(self) -> None:
        """Refuse an unknown choice by name."""
        if self.ties not in {"coco", "any"}:
            msg = f"MapRules: ties={self.ties!r}; choose 'coco' or 'any'"
            raise UsageError(msg)
        for name in ("tolerance", "iou_margin"):
            if not 0 <= getattr(self, name) < 1:
                msg = f"MapRules: {name}={getattr(self, name)!r} lies outside [0, 1)"
                raise UsageError(msg)

    def applies_to(self, case: CocoCase) -> bool:
        """Whether these rules say what a case should give."""
        if self.iou_margin and least_margin(case) <= self.iou_margin:
            return False
        return self.ties == "coco" or not has_tied_overlaps(case)

    def near(self, value: float, exact: float) -> bool:
        """Whether a value does for an exact one, which is -1 where no object counts."""
        if exact != -1:
            return abs(value - exact) <= self.tolerance
        if self.undefined is None:
            return True
        return value == self.undefined or (math.isnan(value) and math.isnan(self.undefined))


def exact_values(case: CocoCase) -> dict[str, float]:
    """The twelve values of COCO, exactly; -1 where no object counts."""
    found = accumulate(match(case.truth, case.results, case.category_count), max_detections=LIMITS)
    values = [found.ap(), found.ap(iou=0.5), found.ap(iou=0.75)]
    values += [found.ap(area=area) for area in AREAS]
    values += [found.ar(max_detections=limit) for limit in LIMITS]
    values += [found.ar(area=area) for area in AREAS]
    return dict(zip(NAMES, values, strict=True))


def least_margin(case: CocoCase) -> float:
    """How close an overlap of a detection and an object of its image and category comes to a COCO threshold."""
    overlaps = _overlaps(case)
    return float(np.abs(overlaps[..., None] - np.array(IOU_THRESHOLDS)).min(initial=1.0))


def has_tied_overlaps(case: CocoCase) -> bool:
    """Whether some detection overlaps two objects equally, and enough to take either."""
    ordered = np.sort(_overlaps(case), axis=1)
    return bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= min(IOU_THRESHOLDS))).any())


def _overlaps(case: CocoCase) -> NDArray[np.float64]:
    """Overlaps (D, G) of detections with the objects of their image and category; 0 with others."""
    truth, results = case.truth, case.results
    same = (results.images[:, None] == truth.images) & (results.categories[:, None] == truth.categories)
    rows, objects = np.nonzero(same)
    found = np.zeros(same.shape)
    found[same] = coco_pair_iou(results.boxes_xywh[rows], truth.boxes_xywh[objects], truth.crowd[objects])
    return found
