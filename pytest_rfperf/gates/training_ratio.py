"""training_ratio: how much longer the large size trained than the small one, by what the models say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate


@dataclass(frozen=True, slots=True)
class TrainingRatio(Gate):
    """PASS where the ratio of wall seconds keeps the limit; nothing is measured."""

    name: ClassVar[str] = "training_ratio"
    key_fields: ClassVar[tuple[str, ...]] = ("small", "large")
    needs_model: ClassVar[bool] = False
    needs_target: ClassVar[bool] = False
    needs_dataset: ClassVar[bool] = False

    max: float
    small: str = "fast"
    large: str = "accurate"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("max", 0, float("inf"))
        self.check_model("small")
        self.check_model("large")
        if self.small == self.large:
            raise self.refuse("large", "the ratio of a model to itself is 1; name two models")

    def judge(self, bench: Bench) -> Verdict:
        """Divide."""
        small_s, large_s = bench.training_s(self.small), bench.training_s(self.large)
        ratio = large_s / small_s
        outcome = Outcome.PASS if ratio <= self.max else Outcome.FAIL
        sign = "<=" if outcome is Outcome.PASS else ">"
        text = (
            f"{ratio:.2f} {sign} {self.max:g}: {self.large} trained {large_s:.0f} s, {self.small} {small_s:.0f} s of "
            f"wall time"
        )
        return Verdict(gate=self.name, outcome=outcome, measured=ratio, limit=self.max, unit="x", message=text)
