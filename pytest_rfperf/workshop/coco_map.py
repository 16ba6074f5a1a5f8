"""One evaluation of two COCO files: under which protocol, of what, and what it came to."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS, accumulate
from pytest_rfperf.core.matching import AREA_RANGES, IOU_THRESHOLDS, match
from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.errors import DatasetError, UsageError
from pytest_rfperf.report.coco_table import category_rows, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_rfperf.core.average_precision import PrecisionRecall
    from pytest_rfperf.data.dataset import Category
    from pytest_rfperf.datasets.coco_file import CocoFile, ImageId
    from pytest_rfperf.datasets.coco_results import ResultsFile

Columns = TypeVar("Columns", GroundTruth, CocoResults)


@dataclass(frozen=True, slots=True)
class MapProtocol:
    """All that decides the figures apart from the two files.

    Attributes
    ----------
    iou_thresholds : tuple of float
        Ascending.
    max_detections : tuple of int
        Ascending limits on the detections of an image and category.
    score_floor : float or None
        Detections below it take no part.
    categories : tuple of str
        Only these take part; all where it is empty.
    """

    iou_thresholds: tuple[float, ...] = IOU_THRESHOLDS
    max_detections: tuple[int, ...] = (1, 10, 100)
    score_floor: float | None = None
    categories: tuple[str, ...] = ()

    @property
    def standard(self) -> bool:
        """Whether thresholds and limits are COCO's own, which pycocotools' summary is made for."""
        return (self.iou_thresholds, self.max_detections) == (IOU_THRESHOLDS, (1, 10, 100))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What took part, with ranks among `categories`, and what it came to."""

    protocol: MapProtocol
    categories: tuple[Category, ...]
    truth: GroundTruth
    results: CocoResults
    tensors: PrecisionRecall

    @property
    def objects(self) -> list[int]:
        """Objects of each category that count: neither crowds nor ignored."""
        counting = self.truth.categories[~(self.truth.crowd | self.truth.ignore)]
        counts: list[int] = np.bincount(counting, minlength=len(self.categories)).tolist()
        return counts


def evaluate(
    file: CocoFile[ImageId], found: ResultsFile, protocol: MapProtocol, show: Callable[[str], object]
) -> Evaluation:
    """Match and accumulate.

    Raises
    ------
    UsageError
        If a category of the protocol is not in the file.
    DatasetError
        If a box is of a size whose area cannot be told.
    """
    truth, results, categories = file.truth, found.results, file.categories
    if protocol.score_floor is not None:
        results = results.where(results.scores >= protocol.score_floor)
    if protocol.categories:
        ranks = np.array(_ranks(protocol.categories, categories))
        truth, results = _only(truth, ranks), _only(results, ranks)
        categories = tuple(categories[rank] for rank in ranks)
    show(f"matching {len(results.scores):,} detections with {len(truth.areas):,} objects")
    try:
        records = match(
            truth,
            results,
            len(categories),
            iou_thresholds=protocol.iou_thresholds,
            max_detections=protocol.max_detections[-1],
        )
    except ValueError as error:
        msg = f"the files cannot be evaluated: {error}"
        raise DatasetError(msg) from error
    show("accumulating precision and recall")
    tensors = accumulate(records, max_detections=protocol.max_detections)
    return Evaluation(protocol, categories, truth, results, tensors)


def evaluation_facts(evaluation: Evaluation, file: CocoFile[ImageId], found: ResultsFile) -> dict[str, Any]:
    """Every figure in full precision, what took part, and the protocol; -1 where nothing counts, as COCO has it."""
    protocol, truth = evaluation.protocol, evaluation.truth
    names = [category.name for category in evaluation.categories]
    rows = category_rows(evaluation.tensors, names, evaluation.objects)
    return {
        "values": {line.name: line.value for line in summary(evaluation.tensors)},
        "categories": [
            {"id": category.id, "name": row.name, "objects": row.objects, "AP": row.ap, "AP50": row.ap50}
            for category, row in zip(evaluation.categories, rows, strict=True)
        ],
        "counts": {
            "images": len(file.images),
            "annotations": len(truth.areas),
            "objects": sum(evaluation.objects),
            "crowds": int(truth.crowd.sum()),
            "ignored": int((truth.ignore & ~truth.crowd).sum()),
            "rows": found.row_count,
            "rows_of_unknown_categories": sum(found.unknown_categories.values()),
            "detections": len(evaluation.results.scores),
        },
        "protocol": {
            "iou_thresholds": protocol.iou_thresholds,
            "recall_thresholds": len(RECALL_THRESHOLDS),
            "areas": AREA_RANGES,
            "max_detections": protocol.max_detections,
            "score_floor": protocol.score_floor,
            "categories": protocol.categories or None,
        },
    }


def _ranks(names: tuple[str, ...], categories: tuple[Category, ...]) -> list[int]:
    """Ranks of the categories of these names, ascending."""
    known = [category.name for category in categories]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known[:10]
            msg = f"--category={name}: the ground truth has no such category; did you mean {' or '.join(near)}?"
            raise UsageError(msg)
    return [rank for rank, name in enumerate(known) if name in names]


def _only(columns: Columns, ranks: NDArray[np.int64]) -> Columns:
    """Rows of these categories, which get new ranks."""
    columns = columns.where(np.isin(columns.categories, ranks))
    return dataclasses.replace(columns, categories=np.searchsorted(ranks, columns.categories))
