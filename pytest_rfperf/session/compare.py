"""The fixture `compare`: two models side by side on the target and dataset of one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.latency_budget import SCOPES

if TYPE_CHECKING:
    from pytest_rfperf.data.estimate import Estimate
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.pair_bench import PairBench
    from pytest_rfperf.session.session import Session

SLOW_DOWN_CAP_S = 3.0


class Compare:
    """Called with two models, smallest first; without, it takes the first and the last that are configured."""

    def __init__(self, session: Session, case: Case) -> None:
        """Compare nothing yet."""
        self._session = session
        self._case = case
        self.made: list[PairBench] = []

    def __call__(self, small: str | None = None, large: str | None = None) -> Comparison:
        """Set two models side by side; nothing is measured before it is asked for.

        Raises
        ------
        UsageError
            If there are no two models.
        """
        settings = self._session.settings
        names = list(settings.models)
        pair = [settings.model_named(given) if given else names[rank] for given, rank in ((small, 0), (large, -1))]
        if pair[0] == pair[1]:
            msg = f"{settings.source}: comparing takes two models; configured: {', '.join(names)}"
            raise UsageError(msg)
        bench = self._session.pair(self._case._replace(model=pair[0]), pair[1])
        if bench not in self.made:
            self.made.append(bench)
        return Comparison(bench)


class Comparison:
    """Two models on one target and dataset; gates of the session share what is measured."""

    def __init__(self, bench: PairBench) -> None:
        """Measure nothing yet."""
        self._bench = bench

    def ap(self, *, iou: float | None = None) -> tuple[float, float]:
        """Average precision of the small and the large model: COCO's mean, or at one IoU."""
        small, large = (bench.accuracy().precision_recall.ap(iou=iou) for bench in self._bench.sides)
        return small, large

    def gain(self, *, iou: float | None = None) -> Estimate:
        """What the large model has more of average precision, with its 95 % interval over resampled images."""
        return self._bench.gain(iou)

    def slow_down(self, *, scope: str = "end-to-end", cap_s: float = SLOW_DOWN_CAP_S) -> Estimate:
        """How many times as long the large model takes: the median over pairs of calls, with its 95 % interval.

        Raises
        ------
        UsageError
            If the scope is unknown.
        """
        if scope not in SCOPES:
            msg = f"compare.slow_down: scope={scope!r}: known: {', '.join(SCOPES)}"
            raise UsageError(msg)
        return self._bench.slow_down(LoadShape(scope), cap_s)
