"""no_regression: not worse than the recorded baseline by more than a tolerance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.accuracy_words import lost_lines, needed_words
from pytest_rfperf.gates.gate import Bench, Gate

if TYPE_CHECKING:
    from pytest_rfperf.data.estimate import Resampled


@dataclass(frozen=True, slots=True)
class NoRegression(Gate):
    """PASS where the lower limit of the difference clears the tolerance, FAIL where the upper one does not reach it."""

    name: ClassVar[str] = "no_regression"

    map: float | None = None
    latency: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.latency is not None:
            raise self.refuse("latency", "only map is judged against a baseline so far; use latency_ratio(against=...)")
        if self.map is None:
            raise self.refuse("map", "say by how much AP may fall, such as map=0.005")
        self.check_number("map", 0, 1, least=True)

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and redraw its images and the baseline's together."""
        from pytest_rfperf.core.losses import loss_from_baseline  # noqa: PLC0415 - collecting imports no numpy
        from pytest_rfperf.core.resampling import WHOLE  # noqa: PLC0415 - collecting imports no numpy

        tolerance = self.map or 0.0
        accuracy = bench.accuracy(score_floor=None, max_detections=100, iou_thresholds=None)
        baseline = bench.baseline_accuracy()
        if baseline is None:
            text = f"no baseline yet for {bench.where}; this run becomes it, if all else passes"
            return self._verdict(Outcome.RECORDING, None, text)
        change = bench.resampled_change(accuracy, baseline, WHOLE)
        outcome = _judged(change, -tolerance)
        loss = None
        if outcome is Outcome.FAIL:
            loss = loss_from_baseline(
                accuracy.precision_recall, baseline.records, accuracy.run.images, accuracy.categories, WHOLE
            )
        undecided = needed_words(change, -tolerance) if outcome is Outcome.INCONCLUSIVE else ""
        limits = f"limits {change.low:+.4f}..{change.high:+.4f}, each {change.certainty:.0%}"
        text = (
            f"AP {accuracy.precision_recall.ap():.4f}, {change.value:+.4f} ({limits}) from {baseline.said}, "
            f"tolerance {tolerance:g}{undecided} for {bench.where} ({accuracy.run.images} images, paired)"
        )
        return replace(
            self._verdict(outcome, change.value, text),
            details=lost_lines(loss, accuracy.images) if loss else (),
            loss=loss,
        )

    def _verdict(self, outcome: Outcome, measured: float | None, text: str) -> Verdict:
        limit = -(self.map or 0.0)
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=limit, unit="", message=text)


def _judged(change: Resampled, limit: float) -> Outcome:
    if change.low >= limit:
        return Outcome.PASS
    return Outcome.FAIL if change.high < limit else Outcome.INCONCLUSIVE
