"""same_detections: the detections that the baseline recorded are made again, one by one, as `core.replay` compares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import BASELINE, Bench, Gate

if TYPE_CHECKING:
    from pytest_rfperf.core.replay import Replay
    from pytest_rfperf.gates.gate import Accuracy, BaselineAccuracy

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SameDetections(Gate):
    """PASS where the share of recorded detections that are found again reaches the limit; there is no chance in it."""

    name: ClassVar[str] = "same_detections"
    key_fields: ClassVar[tuple[str, ...]] = ("as_",)

    as_: str
    score: float = 0.05
    share: float = 0.995

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.as_ != BASELINE:
            raise self.refuse("as_", "expected 'baseline'; the detections of other targets are not there yet")
        self.check_number("score", 0, 1, least=True)
        self.check_number("share", 0, 1)

    def at(self, limit: float) -> Gate:
        """The same gate with another share."""
        return replace(self, share=limit)

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and look for each recorded detection.

        A baseline without detections is INCONCLUSIVE: a marker never passes for lack of data.
        """
        from pytest_rfperf.core.replay import replay  # noqa: PLC0415 - collecting imports no numpy

        accuracy = bench.accuracy(score_floor=None, max_detections=100, iou_thresholds=None)
        baseline = bench.baseline_accuracy()
        if baseline is None:
            text = f"no baseline yet for {bench.where}; this run becomes it, if all else passes"
            return self._verdict(Outcome.RECORDING, None, text)
        if not len(baseline.records.scores):
            text = f"{baseline.said} holds no detection for {bench.where} ({accuracy.run.images} images)"
            return self._verdict(Outcome.INCONCLUSIVE, None, text)
        return self._compared(bench, accuracy, baseline, replay(baseline.records, accuracy.records, score=self.score))

    def _compared(self, bench: Bench, accuracy: Accuracy, baseline: BaselineAccuracy, found: Replay) -> Verdict:
        again, recorded = int(found.found.sum()), len(found.found)
        outcome = Outcome.PASS if again >= self.share * recorded else Outcome.FAIL
        sign = ">=" if outcome is Outcome.PASS else "<"
        text = (
            f"{again} of {recorded} recorded detections found again ({again / recorded:.2%} {sign} {self.share:.2%}, "
            f"scores within {self.score:g}; {found.added} are new) from {baseline.said} for {bench.where} "
            f"({accuracy.run.images} images)"
        )
        details = _differing(found, accuracy, baseline) if outcome is Outcome.FAIL else ()
        return replace(self._verdict(outcome, again / recorded, text), details=details)

    def _verdict(self, outcome: Outcome, measured: float | None, text: str) -> Verdict:
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.share, unit="", message=text)


def _differing(found: Replay, accuracy: Accuracy, baseline: BaselineAccuracy) -> tuple[str, ...]:
    """The images that differ most, the first of equals first."""
    import numpy as np  # noqa: PLC0415 - collecting imports no numpy

    recorded = np.bincount(baseline.records.images, minlength=len(found.lost_by_image))
    worst = np.argsort(-found.lost_by_image, kind="stable")[:_SHOWN]
    lost = [(int(rank), int(found.lost_by_image[rank])) for rank in worst]
    shown = ", ".join(f"{accuracy.images[rank]} {count} of {recorded[rank]}" for rank, count in lost if count)
    return (f"images that differ most (recorded detections not found again): {shown}",)
