"""min_ap: a least average precision of one class, or of one range of object sizes."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.gates.accuracy_words import shown_metric
from pytest_rfperf.gates.min_map import MinMap, accuracy_verdict, check_accuracy_arguments, measured_accuracy

if TYPE_CHECKING:
    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.gates.gate import Bench

_SHOWN = 10
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
        if not isinstance(self.category, (str, type(None))):
            raise self.refuse("category", "expected the name of one class; write a marker for each")
        if self.category is None and self.area is None:
            raise self.refuse("category", "name a category, an area, or both; min_map is for the whole dataset")

    def judge(self, bench: Bench) -> Verdict:
        """Run over the dataset, or reuse the pass that was made, and compare."""
        from pytest_rfperf.core.resampling import Part  # noqa: PLC0415 - collecting imports no numpy

        accuracy = measured_accuracy(self, bench)
        if self.category is not None and self.category not in accuracy.categories:
            near = get_close_matches(self.category, accuracy.categories, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            more = ", ..." if len(accuracy.categories) > _SHOWN else ""
            raise self.refuse("category", f"{hint}the dataset has {', '.join(accuracy.categories[:_SHOWN])}{more}")
        category = None if self.category is None else accuracy.categories.index(self.category)
        words = " ".join(filter(None, (self.area, self.category and f"'{self.category}'")))
        part = Part(self.iou, self.area or "all", category)
        return accuracy_verdict(self, bench, accuracy, part, f"{shown_metric(self.iou)} of {words}")
