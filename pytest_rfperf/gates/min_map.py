"""min_map: a least mean average precision on the dataset, or, with a certainty, on images like those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.accuracy_words import lost_lines, needed_words, shown_metric
from pytest_rfperf.gates.gate import Accuracy, Bench, Gate

if TYPE_CHECKING:
    from pytest_rfperf.core.resampling import Part
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.data.loss import Loss

_COCO_EPSILON = 1e-12
"""COCO divides by a count plus 2.2e-16, so that perfect detections come to a little less than 1."""
HIGHEST_FLOOR = 0.05
"""Detections that were cut above this score give another AP than COCO's, unless the marker says that it knows."""
_EVEN, _SUREST = 0.5, 0.99
_FAR = 10
"""Standard deviations beyond which their number says no more."""


@dataclass(frozen=True, slots=True)
class MinMap(Gate):
    """PASS where the value reaches the limit; with `certainty`, where the lower limit over redrawn images does."""

    name: ClassVar[str] = "min_map"
    key_fields: ClassVar[tuple[str, ...]] = ("iou",)

    ap: float
    iou: float | None = None
    certainty: float | None = None
    score_floor: float | None = None
    max_detections: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_accuracy_arguments(self)

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and compare."""
        from pytest_rfperf.core.resampling import Part  # noqa: PLC0415 - collecting imports no numpy

        accuracy = measured_accuracy(self, bench)
        return accuracy_verdict(self, bench, accuracy, Part(self.iou), shown_metric(self.iou))


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
    if gate.certainty is not None:
        gate.check_number("certainty", _EVEN, 1)
        if gate.certainty > _SUREST:
            raise gate.refuse("certainty", f"expected at most {_SUREST}: redrawing images says no more; 0.95 is usual")
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
    why = cut_too_high(floor, bench)
    if gate.score_floor is None and why:
        raise gate.refuse("score_floor", f"{why}, or name score_floor={floor:g} in the marker")
    if gate.score_floor is not None and gate.score_floor < floor:
        why = f"detections of {bench.where} are already cut at score {floor:g}; lower decode.score-floor of the model"
        raise gate.refuse("score_floor", why)
    return accuracy


def cut_too_high(floor: float, bench: Bench) -> str:
    """Why detections are no good for COCO's AP, and what to do; empty where they are."""
    if floor <= HIGHEST_FLOOR:
        return ""
    return (
        f"detections of {bench.where} are cut at score {floor:g}, which changes AP; set decode.score-floor of "
        f"the model to {HIGHEST_FLOOR:g} or less"
    )


def accuracy_verdict(gate: MinMap, bench: Bench, accuracy: Accuracy, part: Part, metric: str) -> Verdict:
    """Compare, and put the comparison into words.

    Nothing to measure (no annotated object counts) is INCONCLUSIVE: a marker never passes for lack of data.
    """
    sample = f"{accuracy.run.images} images, score floor {accuracy.score_floor:g}, {gate.max_detections} detections"
    found = bench.resampled(accuracy, part, certainty=gate.certainty)
    if found.value < 0:
        text = f"{metric} undefined for {bench.where}: no annotated object counts ({sample})"
        return Verdict(
            gate=gate.name, outcome=Outcome.INCONCLUSIVE, measured=None, limit=gate.ap, unit="", message=text
        )
    outcome = _plain(gate, found) if gate.certainty is None else _sure(gate, found)
    loss = _loss(gate, accuracy, part) if outcome is Outcome.FAIL else None
    return Verdict(
        gate=gate.name,
        outcome=outcome,
        measured=found.value,
        limit=gate.ap,
        unit="",
        message=f"{_compared(gate, found, outcome, metric)} for {bench.where} ({sample}{_margin(gate, found)})",
        details=lost_lines(loss, accuracy.images, iou=part.iou, limit=gate.ap) if loss else (),
        loss=loss,
    )


def _plain(gate: MinMap, found: Resampled) -> Outcome:
    """On a fixed dataset the value is no estimate."""
    return Outcome.PASS if found.value + _COCO_EPSILON >= gate.ap else Outcome.FAIL


def _sure(gate: MinMap, found: Resampled) -> Outcome:
    """What holds for images like these, at the certainty asked for."""
    if found.low + _COCO_EPSILON >= gate.ap:
        return Outcome.PASS
    return Outcome.FAIL if found.high + _COCO_EPSILON < gate.ap else Outcome.INCONCLUSIVE


def _compared(gate: MinMap, found: Resampled, outcome: Outcome, metric: str) -> str:
    sign = {Outcome.PASS: ">=", Outcome.FAIL: "<"}.get(outcome, "against")
    limits = f" (limits {found.low:.4f}..{found.high:.4f}, each {100 * found.certainty:g}%)" if gate.certainty else ""
    undecided = needed_words(found, gate.ap) if outcome is Outcome.INCONCLUSIVE else ""
    return f"{metric} {found.value:.4f}{limits} {sign} {gate.ap:g}{undecided}"


def _margin(gate: MinMap, found: Resampled) -> str:
    """How far the limit lies from the value, in standard deviations over redrawn images."""
    if gate.certainty is not None or not 0 < found.sd < float("inf"):
        return ""
    margin = (found.value - gate.ap) / found.sd
    if abs(margin) > _FAR:
        return f", more than {_FAR} sd of images {'above' if margin > 0 else 'below'}"
    return f", margin {margin:+.1f} sd of images"


def _loss(gate: MinMap, accuracy: Accuracy, part: Part) -> Loss:
    from pytest_rfperf.core.losses import loss_from_limit  # noqa: PLC0415 - collecting imports no numpy

    return loss_from_limit(accuracy.precision_recall, accuracy.run.images, accuracy.categories, part, gate.ap)
