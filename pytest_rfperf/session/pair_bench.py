"""Two models on one target and dataset: what the larger one gains and what it costs, each measured once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.core.ratios import median_ratio, paired_ratios
from pytest_rfperf.core.resampling import ap_difference
from pytest_rfperf.session.turns import Contender, FirstSide, SecondSide, Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.data.estimate import Estimate
    from pytest_rfperf.data.runs import LoadShape, PairedRun
    from pytest_rfperf.gates.gate import Opponent
    from pytest_rfperf.measure.paired_loop import PairedLoop
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.session.session import Session

_CLOSE = 0.02
_LEAST_PAIRS = 100
"""Enough for both limits of a p95; 72 are needed."""


class PairBench:
    """Measures two benches against each other; the first is the smaller model."""

    def __init__(self, session: Session, first: CaseBench, second: CaseBench) -> None:
        """Measure nothing yet."""
        self.session = session
        self.first, self.second = first, second
        self.where = f"{first.case.model} and {second.where}"
        self.gains: dict[float | None, Estimate] = {}
        own, other = (Contender(bench.model, bench.python) for bench in self.sides)
        self._turns = Turns(first, own, other, second)

    @property
    def sides(self) -> tuple[CaseBench, CaseBench]:
        """The smaller and the larger model."""
        return self.first, self.second

    @property
    def loops(self) -> dict[LoadShape, PairedLoop]:
        """Runs in turns so far."""
        return self._turns.loops

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool], cap_s: float) -> PairedRun:
        """Measure in turns until `decided` or the cap; a run of the same shape goes on where it stopped."""
        return self._turns.measure(shape, decided, cap_s)

    def opponent_of(self, bench: CaseBench) -> Opponent:
        """The other model, seen from one of the two."""
        if bench is self.first:
            return FirstSide(self._turns, self.second.model.name)
        return SecondSide(self._turns, self.first.model.name)

    def close(self) -> None:
        """Close the sessions in which the two took turns."""
        self._turns.close()

    def slow_down(self, shape: LoadShape, cap_s: float) -> Estimate:
        """How many times as long the second takes: the median over pairs, measured to within 2 % or to the cap."""
        return slow_down_of(self.measure(shape, _is_close, cap_s))

    def gain(self, iou: float | None) -> Estimate:
        """What the second has more of average precision, with its interval over resampled images."""
        if iou not in self.gains:
            first, second = self.first.accuracy(), self.second.accuracy()
            # Under the lock of measuring, too: work of this size would disturb what another process measures.
            with self.session.measuring(f"{self.where}: accuracy") as say:
                say("resampling images")
                self.gains[iou] = ap_difference(first.records, second.records, first.run.images, iou=iou)
        return self.gains[iou]


def slow_down_of(run: PairedRun) -> Estimate:
    """The second's service time in units of the first's."""
    return median_ratio(paired_ratios(run.swapped))


def _is_close(run: PairedRun) -> bool:
    if run.pairs < _LEAST_PAIRS:
        return False
    estimate = slow_down_of(run)
    return estimate.high - estimate.low <= 2 * _CLOSE * estimate.value
