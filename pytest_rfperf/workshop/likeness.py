"""Is a detector that was trained again as good as the bundled one? By its average precision over the five tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rfperf.reference import TASKS
from pytest_rfperf.session.facts import Case
from pytest_rfperf.workshop.bundled import TARGET, session_on_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_rfperf.session.inventory import Progress

MEAN_TOLERANCE, TASK_TOLERANCE = 0.015, 0.03
_ROUNDING = 1e-9
BUNDLED, TRAINED = "bundled", "trained"


@dataclass(frozen=True, slots=True)
class Likeness:
    """Average precision of both files by task: COCO's mean, and that at an IoU of 0.5."""

    bundled: Mapping[str, float]
    trained: Mapping[str, float]
    bundled_ap50: Mapping[str, float]
    trained_ap50: Mapping[str, float]

    @property
    def differences(self) -> dict[str, float]:
        """Trained less bundled, by task."""
        return {task: self.trained[task] - self.bundled[task] for task in self.bundled}

    @property
    def mean_difference(self) -> float:
        """Of the mean over the tasks."""
        return sum(self.differences.values()) / len(self.bundled)

    @property
    def alike(self) -> bool:
        """Whether the mean lies within 0.015 and every task within 0.03."""
        return abs(self.mean_difference) <= MEAN_TOLERANCE + _ROUNDING and all(
            abs(difference) <= TASK_TOLERANCE + _ROUNDING for difference in self.differences.values()
        )


def likeness(bundled: Path, trained: Path, progress: Progress) -> Likeness:
    """Run both files over the images that the study uses."""
    session = session_on_tasks({BUNDLED: bundled, TRAINED: trained}, progress)
    try:
        found = {
            name: [session.bench(Case(name, TARGET, task)).accuracy().precision_recall for task in TASKS]
            for name in (BUNDLED, TRAINED)
        }
    finally:
        session.close()
    maps = [
        dict(zip(TASKS, (values.ap(iou=iou) for values in found[name]), strict=True))
        for iou in (None, 0.5)
        for name in (BUNDLED, TRAINED)
    ]
    return Likeness(*maps)
