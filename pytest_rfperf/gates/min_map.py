"""min_map: a least mean average precision on the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Accuracy, Bench, Gate

_COCO_EPSILON = 1e-12
"""COCO divides by a count plus 2.2e-16, so that perfect detections come to a little less than 1."""
HIGHEST_FLOOR = 0.05
"""Detections that were cut above this score give another AP than COCO's, unless the marker says that it knows."""


@dataclass(frozen=True, slots=True)
class MinMap(Gate):
    """PASS where the value reaches the limit: on a fixed dataset it is no estimate."""

    name: ClassVar[str] = "min_map"
    key_fields: ClassVar[tuple[str, ...]] = ("iou",)

    ap: float
    iou: float | None = None
    score_floor: float | None = None
    max_detections: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_accuracy_arguments(self)

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and compare."""
        accuracy = measured_accuracy(self, bench)
        measured = accuracy.precision_recall.ap(iou=self.iou)
        return accuracy_verdict(self, bench, accuracy, measured, shown_metric(self.iou))


def check_accuracy_arguments(gate: MinMap) -> None:
    """Refuse impossible limits, thresholds and floors.

    Raises
    ------
    UsageError
        Naming the argument and its range.
    """
    gate.check_number("ap", 0, 1, least=True)
    if gate.iou is not None:
        gate.check_number("iou", 0, 1)
    if gate.score_floor is not None:
        gate.check_number("score_floor", 0, 1, least=True)
    gate.check_number("max_detections", 0, 100_000)
    if not isinstance(gate.max_detections, int):
        raise gate.refuse("max_detections", "expected a whole number")


def measured_accuracy(gate: MinMap, bench: Bench) -> Accuracy:
    """Run or reuse the pass, under the protocol that the arguments name."""
    accuracy = bench.accuracy(
        score_floor=gate.score_floor,
        max_detections=gate.max_detections,
        iou_thresholds=None if gate.iou is None else (gate.iou,),
    )
    floor = accuracy.run.score_floor
    if gate.score_floor is None and floor > HIGHEST_FLOOR:
        why = (
            f"detections of {bench.where} are cut at score {floor:g}, which changes AP; set decode.score-floor of "
            f"the model to {HIGHEST_FLOOR:g} or less, or name score_floor={floor:g} in the marker"
        )
        raise gate.refuse("score_floor", why)
    if gate.score_floor is not None and gate.score_floor < floor:
        why = f"detections of {bench.where} are already cut at score {floor:g}; lower decode.score-floor of the model"
        raise gate.refuse("score_floor", why)
    return accuracy


def shown_metric(iou: float | None) -> str:
    """AP, AP50, AP75 or AP@0.62."""
    if iou is None:
        return "AP"
    hundredths = iou * 100
    return f"AP{hundredths:.0f}" if abs(hundredths - round(hundredths)) < 1e-9 else f"AP@{iou:g}"  # noqa: PLR2004 - float noise


def accuracy_verdict(gate: MinMap, bench: Bench, accuracy: Accuracy, measured: float, metric: str) -> Verdict:
    """Compare, and put the comparison into words.

    Nothing to measure (no annotated object counts) is INCONCLUSIVE: a marker never passes for lack of data.
    """
    sample = f"{accuracy.run.images} images, score floor {accuracy.score_floor:g}, {gate.max_detections} detections"
    if measured < 0:
        text = f"{metric} undefined for {bench.where}: no annotated object counts ({sample})"
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.PASS if measured + _COCO_EPSILON >= gate.ap else Outcome.FAIL
        sign = ">=" if outcome is Outcome.PASS else "<"
        text = f"{metric} {measured:.4f} {sign} {gate.ap:g} for {bench.where} ({sample})"
    return Verdict(
        gate=gate.name,
        outcome=outcome,
        measured=None if measured < 0 else measured,
        limit=gate.ap,
        unit="",
        message=text,
    )
