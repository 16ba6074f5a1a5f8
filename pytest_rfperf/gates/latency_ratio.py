"""latency_ratio: how this model's service time compares with another's, measured in turns on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate
from pytest_rfperf.gates.latency_budget import SCOPES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.core.budget import RateDecision

_MEDIAN = 50


@dataclass(frozen=True, slots=True)
class LatencyRatio(Gate):
    """PASS where more than half of all pairs are shown to keep the ratio."""

    name: ClassVar[str] = "latency_ratio"
    key_fields: ClassVar[tuple[str, ...]] = ("against", "scope")

    max: float
    against: str
    percentile: float = _MEDIAN
    scope: str = "end-to-end"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("max", 0, float("inf"))
        self.check_model("against")
        if self.percentile != _MEDIAN:
            raise self.refuse("percentile", "the median of paired ratios, 50, is the one that can be decided")
        if self.scope not in SCOPES:
            raise self.refuse("scope", f"known: {', '.join(SCOPES)}")

    def judge(self, bench: Bench) -> Verdict:
        """Measure pairs until the evidence decides."""
        from pytest_rfperf.core.ratios import median_ratio, paired_ratios  # noqa: PLC0415 - collecting imports no numpy

        run = bench.paired(
            self.against,
            LoadShape(self.scope),
            lambda run: self._decision(paired_ratios(run), bench).outcome is not Outcome.INCONCLUSIVE,
        )
        ratios = paired_ratios(run)
        decision, estimate = self._decision(ratios, bench), median_ratio(ratios)
        outcome = decision.outcome
        sign = "<=" if outcome is Outcome.PASS else ">" if outcome is Outcome.FAIL else "against"
        interval = f"95 % interval {estimate.low:.3g}..{estimate.high:.3g}"
        text = (
            f"median {estimate.value:.3g} {sign} {self.max:g} times the {self.scope} service time of {self.against} "
            f"for {bench.where} (n={len(ratios)} pairs, {decision.exceedances} over, {interval})"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason = decision.reason if len(ratios) else "no pair was answered"
            text += (
                f"; undecided after {run.duration_s:.3g} s: {reason}; raise --rfperf-cap, or move the limit away from "
                f"the measured ratio"
            )
        measured = estimate.value if math.isfinite(estimate.value) else None
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.max, unit="x", message=text)

    def _decision(self, ratios: NDArray[np.float64], bench: Bench) -> RateDecision:
        from pytest_rfperf.core.budget import decide_rate  # noqa: PLC0415 - collecting imports no numpy
        from pytest_rfperf.core.evidence import HALF_PRIOR  # noqa: PLC0415 - collecting imports no numpy

        return decide_rate(ratios > self.max, 0.5, alpha=bench.alpha, beta=bench.beta, prior=HALF_PRIOR)
