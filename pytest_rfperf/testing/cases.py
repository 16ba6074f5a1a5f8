"""What one call is given: values that strategies draw, contracts check and messages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import CocoResults, GroundTruth


class SuppressionCase(NamedTuple):
    """One call of non-maximum suppression.

    Attributes
    ----------
    boxes : (N, 4) float64
        xyxy corners, ordered.
    scores : (N,) float64
    labels : (N,) int64
    iou_threshold : float
        In [0, 1].
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    iou_threshold: float

    def part(self, rows: NDArray[np.int64]) -> SuppressionCase:
        """The boxes of some rows, in the order of `rows`."""
        return SuppressionCase(self.boxes[rows], self.scores[rows], self.labels[rows], self.iou_threshold)


class CocoCase(NamedTuple):
    """One evaluation: objects and detections as columns, and how many images and categories there are."""

    truth: GroundTruth
    results: CocoResults
    image_count: int
    category_count: int

    def dataset(self, *, ignore: bool = True) -> dict[str, Any]:
        """The objects as the content of a COCO annotation file.

        Ids leave gaps, as those of COCO do, and those of annotations begin above 0, which pycocotools takes for
        "unmatched".

        Parameters
        ----------
        ignore : bool
            Whether annotations say `ignore`; COCO's own files do not.
        """
        truth = self.truth
        annotations: list[dict[str, Any]] = [
            {
                "id": 101 + row,
                "image_id": image_id(int(truth.images[row])),
                "category_id": category_id(int(truth.categories[row])),
                "bbox": truth.boxes_xywh[row].tolist(),
                "area": float(truth.areas[row]),
                "iscrowd": int(truth.crowd[row]),
            }
            for row in range(len(truth.images))
        ]
        if ignore:
            for row, annotation in enumerate(annotations):
                annotation["ignore"] = int(truth.ignore[row])
        return {
            "images": [{"id": image_id(i), "width": 10_000, "height": 10_000} for i in range(self.image_count)],
            "categories": [{"id": category_id(k), "name": f"class {k}"} for k in range(self.category_count)],
            "annotations": annotations,
        }

    def rows(self) -> list[dict[str, Any]]:
        """The detections as rows of a COCO results file."""
        results = self.results
        return [
            {
                "image_id": image_id(int(results.images[row])),
                "category_id": category_id(int(results.categories[row])),
                "bbox": results.boxes_xywh[row].tolist(),
                "score": float(results.scores[row]),
            }
            for row in range(len(results.images))
        ]


def image_id(rank: int) -> int:
    """The id of the image of a rank: 10, 20, 30..."""
    return 10 * (rank + 1)


def category_id(rank: int) -> int:
    """The id of the category of a rank: 1, 3, 5..."""
    return 2 * rank + 1
