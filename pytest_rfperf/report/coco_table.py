"""COCO's twelve lines as pycocotools prints them, and the table of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.report.grid import text_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.core.average_precision import PrecisionRecall

_LINE = " {:<18} ({}) @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {:0.3f}"
_TITLES = {"AP": "Average Precision", "AR": "Average Recall"}
_HEADINGS = ("category", "objects", "AP", "AP50")
_NUMBERS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One of the twelve: its name as in stored facts, such as "AP50" or "AR@10", its value, and pycocotools' text."""

    name: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """Average precision of one category; -1 where no object counts, AP50 None where 0.5 was not matched."""

    name: str
    objects: int
    ap: float
    ap50: float | None


def summary(tensors: PrecisionRecall) -> list[SummaryLine]:
    """The twelve lines in COCO's order, each mean at its own limit on detections.

    AP50 and AP75 are left out where their threshold was not matched, and there are as many lines of recall over
    all areas as limits.

    References
    ----------
    cocoapi/PythonAPI/pycocotools/cocoeval.py, COCOeval.summarize.
    """
    areas, most = tensors.areas[1:], tensors.max_detections[-1]
    span = f"{tensors.iou_thresholds[0]:0.2f}:{tensors.iou_thresholds[-1]:0.2f}"
    single = [iou for iou in (0.5, 0.75) if matched(tensors, iou)]
    return [
        _line("AP", "AP", tensors.ap(), (span, "all", most)),
        *(_line(f"AP{iou * 100:.0f}", "AP", tensors.ap(iou=iou), (f"{iou:0.2f}", "all", most)) for iou in single),
        *(_line(f"AP {area}", "AP", tensors.ap(area=area), (span, area, most)) for area in areas),
        *(_line(f"AR@{m}", "AR", tensors.ar(max_detections=m), (span, "all", m)) for m in tensors.max_detections),
        *(_line(f"AR {area}", "AR", tensors.ar(area=area), (span, area, most)) for area in areas),
    ]


def matched(tensors: PrecisionRecall, iou: float) -> bool:
    """Whether an IoU is among the thresholds."""
    return bool(np.isclose(tensors.iou_thresholds, iou, rtol=0, atol=1e-9).any())


def category_rows(tensors: PrecisionRecall, names: Sequence[str], objects: Sequence[int]) -> list[CategoryRow]:
    """A row a category, over all areas at the largest limit on detections."""
    with_ap50 = matched(tensors, 0.5)
    return [
        CategoryRow(name, count, tensors.ap(category=k), tensors.ap(iou=0.5, category=k) if with_ap50 else None)
        for k, (name, count) in enumerate(zip(names, objects, strict=True))
    ]


def category_lines(rows: Sequence[CategoryRow]) -> list[str]:
    """The table of categories; a dash where no object counts."""
    cells = [[_printable(row.name), str(row.objects), _three(row.ap), _three(row.ap50)] for row in rows]
    return text_grid(_HEADINGS, cells, _NUMBERS)


def _line(name: str, kind: str, value: float, where: tuple[str, str, int]) -> SummaryLine:
    return SummaryLine(name, value, _LINE.format(_TITLES[kind], kind, *where, value))


def _three(value: float | None) -> str:
    if value is None:
        return ""
    return "-" if value < 0 else f"{value:.3f}"


def _printable(text: str) -> str:
    """Keep a name from moving the cursor or beginning a line."""
    return "".join(character if character.isprintable() else "?" for character in text)
