"""The dataset format `reference`: a generated task, drawn at its first use and read like any COCO folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.reference.tasks import CLASSES
from pytest_rfperf.registry import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_rfperf.protocols import Dataset

IMAGES = 100


class ReferenceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a dataset of this format.

    Attributes
    ----------
    task : str
        One of the five tasks.
    part : str
        "valid", which the study uses; "train", which the bundled pair has seen; "test", which nothing was chosen by.
    images : int
    """

    task: str
    part: Literal["valid", "train", "test"] = "valid"
    images: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = IMAGES


class ReferenceDataset:
    """The entry point of the format."""

    name: ClassVar[str] = "reference"
    options: ClassVar[type[ReferenceOptions]] = ReferenceOptions

    @classmethod
    def recognises(cls, path: Path) -> dict[str, str] | None:  # noqa: ARG003 - part of the seam
        """No folder: a task is named, not found."""
        return None

    @classmethod
    def fetch(cls, options: ReferenceOptions, progress: Callable[[int, int], None]) -> None:
        """Draw what is not in the cache yet.

        Raises
        ------
        UsageError
            If there is no such task.
        """
        if options.task not in CLASSES:
            msg = f"no task '{options.task}'; known: {', '.join(CLASSES)}"
            raise UsageError(msg)
        task_folder(options.task, options.part, options.images, progress)

    @classmethod
    def load(cls, name: str, options: ReferenceOptions) -> Dataset:
        """Read the task's folder through the format `coco`."""
        folder = task_folder(options.task, options.part, options.images, lambda _done, _all: None)
        coco = find("rfperf.datasets", "coco").load()
        keys = {"annotations": str(folder / "annotations.json"), "images": str(folder / "images")}
        dataset: Dataset = coco.load(name, coco.options(**keys))
        return dataset
