"""An evaluation of ours beside that of pycocotools, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS
from pytest_rfperf.report.coco_table import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.workshop.coco_map import Evaluation
    from pytest_rfperf.workshop.pycocotools_run import PycocotoolsRun

    Floats = NDArray[np.float64]

_SUMMARY = "the twelve values"


@dataclass(frozen=True, slots=True)
class Check:
    """What came of the comparison.

    Attributes
    ----------
    compared, differences : tuple of str
        What was compared, and a line for each of them that differs.
    intended : tuple of str
        A line for each kind of annotation that stock pycocotools judges otherwise, which is meant.
    notes : tuple of str
        What pycocotools was given that the file does not say.
    """

    version: str
    compared: tuple[str, ...]
    differences: tuple[str, ...]
    intended: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether all that was compared has the same bits."""
        return not self.differences


def check(ours: Evaluation, theirs: PycocotoolsRun) -> Check:
    """Compare precision, scores, recall and, under COCO's own protocol, the twelve values and their lines."""
    axes = _axes(ours)
    differences = [
        _difference(
            name, getattr(ours.tensors, name), theirs.tensors[name], axes if name != "recall" else axes[:1] + axes[2:]
        )
        for name in theirs.tensors
    ]
    compared = [*theirs.tensors]
    if ours.protocol.standard:
        compared.append(_SUMMARY)
        differences.append(_summary_difference(ours, theirs))
    return Check(
        version=theirs.version,
        compared=tuple(compared),
        differences=tuple(line for line in differences if line),
        intended=tuple(_intended(theirs)),
        notes=tuple(_notes(theirs)),
    )


def check_lines(found: Check) -> list[str]:
    """What is printed: intended differences first, then one line of verdict, then what differs."""
    how = "with `ignore` kept and annotations numbered from 1" if found.intended else "as it comes"
    head = f"pycocotools {found.version}, {how}"
    lines = [f"note: {note}" for note in found.notes] + [f"intended difference: {line}" for line in found.intended]
    compared = f"{', '.join(found.compared[:-1])} and {found.compared[-1]}"
    if found.identical:
        return [*lines, f"{head}: {compared} are identical, bit for bit"]
    return [*lines, f"{head}: not identical", *(f"  {line}" for line in found.differences)]


def _axes(ours: Evaluation) -> list[tuple[str, Sequence[object]]]:
    tensors = ours.tensors
    return [
        ("IoU", tensors.iou_thresholds),
        ("recall", RECALL_THRESHOLDS.tolist()),
        ("category", [category.name for category in ours.categories]),
        ("area", tensors.areas),
        ("maxDets", tensors.max_detections),
    ]


def _difference(name: str, ours: Floats, theirs: Floats, axes: list[tuple[str, Sequence[object]]]) -> str | None:
    if ours.shape != theirs.shape:
        return f"{name}: shape {ours.shape} here, {theirs.shape} in pycocotools"
    differs = np.ascontiguousarray(ours).view(np.uint64) != np.ascontiguousarray(theirs).view(np.uint64)
    if not differs.any():
        return None
    first = tuple(np.argwhere(differs)[0])
    place = ", ".join(f"{axis} {values[at]}" for (axis, values), at in zip(axes, first, strict=True))
    return (
        f"{name}: {differs.sum():,} of {differs.size:,} differ, by up to {np.abs(ours - theirs).max():.3g}; "
        f"the first at {place}: {float(ours[first])!r} here, {float(theirs[first])!r} in pycocotools"
    )


def _summary_difference(ours: Evaluation, theirs: PycocotoolsRun) -> str | None:
    for line, value, text in zip(summary(ours.tensors), theirs.values, theirs.text, strict=True):
        if line.value != value or line.text != text:
            return f"{_SUMMARY}: {line.name} is {line.value!r} here, {float(value)!r} in pycocotools"
    return None


def _intended(theirs: PycocotoolsRun) -> list[str]:
    lines = []
    if theirs.ignored_only:
        which = f"{_annotations(theirs.ignored_only)} with `ignore` and without `iscrowd`"
        lines.append(f"{which}: ignored here, while pycocotools overwrites `ignore` with `iscrowd`")
    if theirs.with_id_0:
        lines.append("the annotation with id 0: can be found here, while pycocotools takes a match with it for none")
    return lines


def _notes(theirs: PycocotoolsRun) -> list[str]:
    if not theirs.completed:
        return []
    which = f"{_annotations(theirs.completed)} without `iscrowd` or `area`"
    return [f"{which}: pycocotools would stop there, so it was given 0, and width x height"]


def _annotations(count: int) -> str:
    return f"{count:,} annotation{'' if count == 1 else 's'}"
