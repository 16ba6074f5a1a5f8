"""cold_start_budget: a fresh process makes its first detections within a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.core.budget import RateDecision
    from pytest_rfperf.data.runs import ColdStart

MOST_STARTS = 20

COLD_CAP_FACTOR = 4
"""How many times the cap of a gate its fresh processes may take."""


@dataclass(frozen=True, slots=True)
class ColdStartBudget(Gate):
    """PASS where more than half of all starts are shown to keep the budget."""

    name: ClassVar[str] = "cold_start_budget"

    s: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("s", 0, float("inf"))

    def judge(self, bench: Bench) -> Verdict:
        """Start fresh processes until the evidence decides, at most 20."""
        starts = bench.cold_starts(
            lambda starts: self._decision(starts, bench).outcome is not Outcome.INCONCLUSIVE, MOST_STARTS
        )
        decision = self._decision(starts, bench)
        seconds = sorted(start.duration_ns / 1e9 for start in starts)
        median = seconds[(len(seconds) - 1) // 2]
        outcome = decision.outcome
        sign = "<=" if outcome is Outcome.PASS else ">" if outcome is Outcome.FAIL else "against"
        text = (
            f"median {median:.3g} s {sign} {self.s:g} s from spawn to first detections for {bench.where} "
            f"(n={len(starts)}, {decision.exceedances} over, {seconds[0]:.3g}..{seconds[-1]:.3g} s)"
        )
        if outcome is Outcome.INCONCLUSIVE:
            text += f"; undecided after {len(starts)} starts: move the budget away from the measured median"
        return Verdict(gate=self.name, outcome=outcome, measured=median, limit=self.s, unit="s", message=text)

    def _decision(self, starts: Sequence[ColdStart], bench: Bench) -> RateDecision:
        """Starts are separate processes, so they count as independent."""
        import numpy as np  # noqa: PLC0415 - collecting imports no numpy

        from pytest_rfperf.core.budget import decide_median  # noqa: PLC0415 - collecting imports no numpy

        exceeded = np.array([start.duration_ns > self.s * 1e9 for start in starts])
        return decide_median(exceeded, alpha=bench.alpha, beta=bench.beta)
