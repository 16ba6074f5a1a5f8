"""latency_ratio: how this model's service time compares with another's, measured in turns on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.errors import StoreError
from pytest_rfperf.gates.gate import Bench, Gate, StoredNumbers
from pytest_rfperf.gates.latency_budget import SCOPES
from pytest_rfperf.gates.turns import MEDIAN, TurnsAsked, judge_turns

_MOST_PERCENTILE = 99.9


@dataclass(frozen=True, slots=True)
class LatencyRatio(Gate):
    """PASS where the median of paired ratios, or a percentile of either side's calls, is shown to keep the limit."""

    name: ClassVar[str] = "latency_ratio"
    key_fields: ClassVar[tuple[str, ...]] = ("against", "scope", "percentile")

    max: float
    against: str
    percentile: float = MEDIAN
    scope: str = "end-to-end"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("max", 0, float("inf"))
        self.check_model("against")
        self.check_number("percentile", 0, 100)
        if not MEDIAN <= self.percentile <= _MOST_PERCENTILE:
            raise self.refuse("percentile", f"expected {MEDIAN}, the median, to {_MOST_PERCENTILE}")
        if self.scope not in SCOPES:
            raise self.refuse("scope", f"known: {', '.join(SCOPES)}")

    def judge(self, bench: Bench) -> Verdict:
        """Measure pairs until the evidence decides; RECORDING where the baseline is yet to be."""
        opponent = bench.opponent(self.against)
        if opponent is None:
            text = f"no baseline yet for {bench.where}; this run becomes it, if all else passes"
            return self._verdict(Outcome.RECORDING, None, text)
        if isinstance(opponent, StoredNumbers):
            msg = f"{self.name}: {opponent.why}"
            raise StoreError(msg)
        asked = TurnsAsked(LoadShape(self.scope), self.max, self.percentile)
        return self._verdict(*judge_turns(asked, opponent, bench))

    def _verdict(self, outcome: Outcome, measured: float | None, text: str) -> Verdict:
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.max, unit="x", message=text)
