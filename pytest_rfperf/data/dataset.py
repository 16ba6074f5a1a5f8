"""The parts of a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Category:
    """A class of the dataset: its COCO id and its name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of the dataset.

    Attributes
    ----------
    id : int
        COCO id; for formats without ids the place in the sorted list of files, from 1.
    path : Path
    width_px, height_px : int or None
        As annotated; None where the format does not say.
    """

    id: int
    path: Path
    width_px: int | None = None
    height_px: int | None = None
