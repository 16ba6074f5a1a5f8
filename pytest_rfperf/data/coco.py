"""Ground truth and detections of a whole dataset as columns: what the metric core reads.

Boxes are xywh here, the format of the COCO edge: converting an annotation to corners and back is not exact
in floating point, and these columns are what pycocotools would be given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The annotated objects of a dataset, a row an object.

    Attributes
    ----------
    images : (G,) int64
        Rank of the image among the dataset's ascending image ids.
    categories : (G,) int64
        Rank of the category among the dataset's ascending category ids.
    boxes_xywh : (G, 4) float64
        Left, top, width, height in pixels, as annotated.
    areas : (G,) float64
        The annotated area in square pixels, which for COCO is that of the segment, not of the box.
    crowd : (G,) bool
        A region of many objects: any number of detections may match it, and none of them counts.
    ignore : (G,) bool
        An object that neither counts as found nor as missed. A crowd is ignored as well.
    """

    images: NDArray[np.int64]
    categories: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignore: NDArray[np.bool_]

    def where(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> GroundTruth:
        """Only the rows that are marked, or those at some places in their order."""
        return GroundTruth(
            self.images[kept],
            self.categories[kept],
            self.boxes_xywh[kept],
            self.areas[kept],
            self.crowd[kept],
            self.ignore[kept],
        )


@dataclass(frozen=True, slots=True)
class CocoResults:
    """The detections of a dataset, a row a detection, in the order in which they were made.

    Attributes
    ----------
    images, categories : (D,) int64
        Ranks, as in `GroundTruth`.
    boxes_xywh : (D, 4) float64
        Left, top, width, height in pixels.
    scores : (D,) float64
        Any finite score; higher is surer.
    """

    images: NDArray[np.int64]
    categories: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    scores: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> CocoResults:
        """Only the rows that are marked."""
        return CocoResults(self.images[kept], self.categories[kept], self.boxes_xywh[kept], self.scores[kept])
