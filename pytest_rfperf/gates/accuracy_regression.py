"""no_regression(map=...): accuracy is not lower than the recorded baseline's by more than a tolerance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.accuracy_words import lost_lines, needed_words
from pytest_rfperf.gates.gate import Bench, Gate
from pytest_rfperf.gates.min_map import cut_too_high

if TYPE_CHECKING:
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.gates.gate import Accuracy, BaselineAccuracy


@dataclass(frozen=True, slots=True)
class AccuracyRegression(Gate):
    """PASS where the lower limit of the difference clears the tolerance, FAIL where the upper one does not reach it."""

    name: ClassVar[str] = "no_regression"

    map: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("map", 0, 1, least=True)

    @property
    def key(self) -> tuple[Any, ...]:
        """Apart from the other half of the marker."""
        return (self.name, "map")

    @property
    def metric(self) -> str:
        """What a waiver calls it."""
        return f"{self.name}.map"

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and compare it with the baseline.

        Nothing to measure (no annotated object counts) is INCONCLUSIVE: a marker never passes for lack of data.
        """
        accuracy = bench.accuracy(score_floor=None, max_detections=100, iou_thresholds=None)
        why = cut_too_high(accuracy.run.score_floor, bench)
        if why:
            msg = f"{self.name}: {why}"
            raise UsageError(msg)
        if accuracy.precision_recall.ap() < 0:
            text = f"AP undefined for {bench.where}: no annotated object counts ({accuracy.run.images} images)"
            return self._verdict(Outcome.INCONCLUSIVE, None, text)
        baseline = bench.baseline_accuracy()
        if baseline is None:
            text = f"no baseline yet for {bench.where}; this run becomes it, if all else passes"
            return self._verdict(Outcome.RECORDING, None, text)
        return self._compared(bench, accuracy, baseline)

    def _compared(self, bench: Bench, accuracy: Accuracy, baseline: BaselineAccuracy) -> Verdict:
        """Redraw the images of both together, and put into words what that says."""
        from pytest_rfperf.core.losses import loss_from_baseline  # noqa: PLC0415 - collecting imports no numpy
        from pytest_rfperf.core.resampling import WHOLE  # noqa: PLC0415 - collecting imports no numpy

        tolerance, images, now = self.map, accuracy.run.images, accuracy.precision_recall
        change = bench.resampled_change(accuracy, baseline, WHOLE)
        outcome, loss = _judged(change, -tolerance), None
        if outcome is Outcome.FAIL:
            loss = loss_from_baseline(now, baseline.records, images, accuracy.categories, WHOLE)
        undecided = needed_words(change, -tolerance) if outcome is Outcome.INCONCLUSIVE else ""
        limits = f"limits {change.low:+.4f}..{change.high:+.4f}, each {100 * change.certainty:g}%"
        text = (
            f"AP {now.ap():.4f}, {change.value:+.4f} ({limits}) from {baseline.said}, "
            f"tolerance {tolerance:g}{undecided} for {bench.where} ({images} images, paired)"
        )
        details = lost_lines(loss, accuracy.images) if loss else ()
        return replace(self._verdict(outcome, change.value, text), details=details, loss=loss)

    def _verdict(self, outcome: Outcome, measured: float | None, text: str) -> Verdict:
        limit = -(self.map)
        return Verdict(
            gate=self.name, metric=self.metric, outcome=outcome, measured=measured, limit=limit, unit="", message=text
        )


def _judged(change: Resampled, limit: float) -> Outcome:
    if change.low >= limit:
        return Outcome.PASS
    return Outcome.FAIL if change.high < limit else Outcome.INCONCLUSIVE
