"""The five tasks: what a detector of the bundled pair is trained for and judged on, drawn from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.reference.tasks import bees, chocolates, pieces, pills, players
from pytest_rfperf.reference.tasks.stream import Stream

if TYPE_CHECKING:
    from pytest_rfperf.reference.tasks.scene import Picture

GENERATOR_VERSION = 1
_TASKS = {"chocolates": chocolates, "bees": bees, "pieces": pieces, "players": players, "pills": pills}
CLASSES: dict[str, tuple[str, ...]] = {name: task.CLASSES for name, task in _TASKS.items()}
"""The classes of each task, in the order of its labels."""


def draw(task: str, split: str, index: int) -> Picture:
    """Draw one picture: equal arguments give equal pixels and boxes, everywhere."""
    picture: Picture = _TASKS[task].draw(Stream("rfperf", GENERATOR_VERSION, task, split, index))
    return picture
