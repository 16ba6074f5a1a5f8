"""min_ap: a least average precision of one class, or of one range of object sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.gates.min_map import (
    MinMap,
    accuracy_verdict,
    check_accuracy_arguments,
    measured_accuracy,
    shown_metric,
)

if TYPE_CHECKING:
    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.gates.gate import Bench

_AREAS = ("small", "medium", "large")


@dataclass(frozen=True, slots=True)
class MinAp(MinMap):
    """As `MinMap`, for a part of the dataset."""

    name: ClassVar[str] = "min_ap"
    key_fields: ClassVar[tuple[str, ...]] = ("iou", "category", "area")

    category: str | None = None
    area: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_accuracy_arguments(self)
        if self.area is not None and self.area not in _AREAS:
            raise self.refuse("area", f"known: {', '.join(_AREAS)}")
        if self.category is None and self.area is None:
            raise self.refuse("category", "name a category, an area, or both; min_map is for the whole dataset")

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and compare."""
        accuracy = measured_accuracy(self, bench)
        if self.category is not None and self.category not in accuracy.categories:
            raise self.refuse("category", f"the dataset has {', '.join(accuracy.categories)}")
        measured = accuracy.precision_recall.ap(
            iou=self.iou,
            area=self.area or "all",
            category=None if self.category is None else accuracy.categories.index(self.category),
        )
        part = " ".join(filter(None, (self.area, self.category and f"'{self.category}'")))
        return accuracy_verdict(self, bench, accuracy, measured, f"{shown_metric(self.iou)} of {part}")
