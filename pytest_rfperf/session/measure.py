"""The fixture `measure`: numbers for a test that wants to look at them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.latency_budget import BACK_TO_BACK, LatencyBudget
from pytest_rfperf.session.recorder import accuracy_facts, latency_facts_of

if TYPE_CHECKING:
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.session.facts import AccuracyFacts, LatencyFacts


class Measure:
    """Measures the detector of one test; gates of the session share what was measured."""

    def __init__(self, bench: CaseBench) -> None:
        """Measure nothing yet."""
        self._bench = bench

    def latency(
        self, *, scope: str = "end-to-end", pace: str = BACK_TO_BACK, calls: int = 100, cap_s: float | None = None
    ) -> LatencyFacts:
        """Time at least `calls` calls, or as many as the cap allows.

        Returns
        -------
        LatencyFacts
            With p50_ms, p95_ms, calls, failed and the medians of the stages.

        Raises
        ------
        UsageError
            If the scope or the pace is unknown, or `calls` is not positive.
        """
        __tracebackhide__ = True
        if calls < 1:
            msg = f"measure.latency: calls={calls}: expected at least 1"
            raise UsageError(msg)
        try:
            shape = LatencyBudget(1.0, scope=scope, pace=pace).shape
        except UsageError as error:
            raise UsageError(str(error).replace(LatencyBudget.name, "measure.latency", 1)) from None
        run = self._bench.latency(shape, lambda run: run.calls >= calls, cap_s)
        return latency_facts_of(self._bench, run)

    def accuracy(self, *, score_floor: float | None = None, max_detections: int = 100) -> AccuracyFacts:
        """Run over the dataset, or reuse the pass that was made.

        Returns
        -------
        AccuracyFacts
            With the twelve COCO values by name: `values["AP"]`, `values["AP50"]` and so on.
        """
        accuracy = self._bench.accuracy(score_floor=score_floor, max_detections=max_detections)
        return accuracy_facts(self._bench, accuracy)
