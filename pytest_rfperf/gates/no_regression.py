"""no_regression: neither slower nor less accurate than the recorded baseline; each of the two is a gate of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_rfperf.gates.accuracy_regression import AccuracyRegression
from pytest_rfperf.gates.gate import Gate
from pytest_rfperf.gates.latency_regression import LatencyRegression


@dataclass(frozen=True, slots=True)
class NoRegression(Gate):
    """What the marker says; its parts judge."""

    name: ClassVar[str] = "no_regression"

    latency: float | None = None
    map: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.latency is None and self.map is None:
            raise self.refuse("map", "say by how much AP may fall, such as map=0.005, or latency=0.025")
        _ = self.parts

    @property
    def parts(self) -> tuple[Gate, ...]:
        """A gate for each tolerance that is given."""
        latency = () if self.latency is None else (LatencyRegression(self.latency),)
        accuracy = () if self.map is None else (AccuracyRegression(self.map),)
        return (*latency, *accuracy)
