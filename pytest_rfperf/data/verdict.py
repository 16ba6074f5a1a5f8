"""The answer of a gate: PASS, FAIL or INCONCLUSIVE, with what was measured and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rfperf.data.loss import Loss


class Outcome(Enum):
    """The three answers that a gate can give, and what it says where it could not be measured.

    RECORDING: there is no baseline yet, and this session was asked to write one.
    WAIVED: it fails, but keeps the ceiling of a waiver that is in force.
    """

    PASS = "PASS"  # noqa: S105 - no password: the word that a report prints
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    RECORDING = "RECORDING"
    WAIVED = "WAIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one gate says of one detector, target and dataset.

    Attributes
    ----------
    gate : str
        The marker's name.
    outcome : Outcome
    measured, limit : float or None
        In `unit`; None where nothing could be measured, infinite where the percentile is a failed request.
    unit : str
        "ms", "s", "MB" or "" for an average precision.
    message : str
        One line: the figures, the sample behind them and the reason, ready to be shown.
    details : tuple of str
        Lines that explain a FAIL further.
    loss : Loss or None
        What an accuracy that is too low lost most, for pictures of it.
    metric : str
        What a waiver calls the gate, where that is not the marker's name.
    """

    gate: str
    outcome: Outcome
    measured: float | None
    limit: float
    unit: str
    message: str
    details: tuple[str, ...] = ()
    loss: Loss | None = None
    metric: str = ""

    def __str__(self) -> str:
        """Show the verdict on one line, and what explains it on others."""
        return "\n  ".join((f"{self.gate}: {self.message}: {self.outcome.value}", *self.details))
