"""memory_budget: what the detector adds to the resident memory of a bare process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate

_MB = 10**6

MEMORY_CALLS = 20
"""Calls of a fresh process whose memory is read."""


@dataclass(frozen=True, slots=True)
class MemoryBudget(Gate):
    """PASS where the highest peak of three fresh processes keeps the budget."""

    name: ClassVar[str] = "memory_budget"

    mb: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("mb", 0, float("inf"))

    def judge(self, bench: Bench) -> Verdict:
        """Compare the highest peak, less that of a process with the same imports."""
        use = bench.memory()
        measured = use.used_bytes / _MB
        outcome = Outcome.PASS if measured <= self.mb else Outcome.FAIL
        sign = "<=" if outcome is Outcome.PASS else ">"
        peaks = ", ".join(f"{peak / _MB:.1f}" for peak in use.peak_bytes)
        text = (
            f"{measured:.1f} MB {sign} {self.mb:g} MB for {bench.where} (highest of {len(use.peak_bytes)} processes "
            f"with peaks {peaks} MB, less {use.bare_bytes / _MB:.1f} MB of imports)"
        )
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.mb, unit="MB", message=text)
