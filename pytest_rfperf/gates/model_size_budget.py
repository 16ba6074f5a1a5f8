"""model_size_budget: what the model file takes on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate

_MB = 10**6


@dataclass(frozen=True, slots=True)
class ModelSizeBudget(Gate):
    """PASS where the artefact, with the weights that lie beside it, keeps the budget."""

    name: ClassVar[str] = "model_size_budget"
    needs_target: ClassVar[bool] = False
    needs_dataset: ClassVar[bool] = False

    mb: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("mb", 0, float("inf"))

    def judge(self, bench: Bench) -> Verdict:
        """Add up the sizes of the files."""
        from pytest_rfperf.store.artifacts import artifact_files  # noqa: PLC0415 - collecting stays light

        files = artifact_files(bench.artifact)
        measured = sum(file.stat().st_size for file in files) / _MB
        outcome = Outcome.PASS if measured <= self.mb else Outcome.FAIL
        sign = "<=" if outcome is Outcome.PASS else ">"
        names = ", ".join(file.name for file in files)
        text = f"{measured:.4g} MB {sign} {self.mb:g} MB for {bench.where} ({names})"
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.mb, unit="MB", message=text)
