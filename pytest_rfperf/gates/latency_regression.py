"""no_regression(latency=...): the median service time is not longer than the baseline's by more than a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import BASELINE, Bench, Gate, StoredNumbers
from pytest_rfperf.gates.stored_numbers import judge_stored
from pytest_rfperf.gates.turns import TurnsAsked, judge_turns


@dataclass(frozen=True, slots=True)
class LatencyRegression(Gate):
    """The baseline's artefact is measured again, in turns with this one; only without it stored numbers are asked."""

    name: ClassVar[str] = "no_regression"

    latency: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("latency", 0, 10, least=True)

    @property
    def key(self) -> tuple[Any, ...]:
        """Apart from the other half of the marker."""
        return (self.name, "latency")

    @property
    def metric(self) -> str:
        """What a waiver calls it."""
        return f"{self.name}.latency"

    def judge(self, bench: Bench) -> Verdict:
        """Measure pairs until the evidence decides."""
        opponent = bench.opponent(BASELINE)
        if opponent is None:
            text = f"no baseline yet for {bench.where}; this run becomes it, if all else passes"
            return self._verdict(Outcome.RECORDING, None, text)
        if isinstance(opponent, StoredNumbers):
            found = judge_stored(LoadShape(), self.latency, opponent, bench)
            return self._verdict(found.outcome, found.change, found.text)
        turns = judge_turns(TurnsAsked(LoadShape(), 1 + self.latency), opponent, bench)
        change = None if turns.ratio is None else turns.ratio - 1
        return self._verdict(turns.outcome, change, f"{turns.text}, tolerance {100 * self.latency:g}%")

    def _verdict(self, outcome: Outcome, measured: float | None, text: str) -> Verdict:
        return Verdict(
            gate=self.name,
            metric=self.metric,
            outcome=outcome,
            measured=measured,
            limit=self.latency,
            unit="",
            message=text,
        )
