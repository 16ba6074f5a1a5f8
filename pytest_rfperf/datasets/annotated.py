"""A dataset once its format is read: what all formats have in common, and the rules they all keep."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.data.coco import GroundTruth
from pytest_rfperf.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.data.dataset import Category, ImageRecord


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotated object, as its file gives it: `box_xywh` in pixels, `area` in square pixels."""

    image_id: int
    category_id: int
    box_xywh: tuple[float, float, float, float]
    area: float
    crowd: bool = False
    ignore: bool = False


@dataclass(slots=True)
class Notes:
    """Counts what was set right or left out, with the first place as an example."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, where: str) -> None:
        """Count one more case."""
        self.counts[what] += 1
        self.first.setdefault(what, where)

    def lines(self) -> tuple[str, ...]:
        """One line a kind, most frequent first."""
        return tuple(f"{n} {what} (first: {self.first[what]})" for what, n in self.counts.most_common())


@dataclass(frozen=True)
class AnnotatedImages:
    """Images, categories and ground truth by ascending id."""

    name: str
    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    truth: GroundTruth
    sha256: str
    warnings: tuple[str, ...]


def assemble(
    name: str,
    images: list[ImageRecord],
    categories: list[Category],
    annotations: list[Annotation],
    notes: Notes,
) -> AnnotatedImages:
    """Sort by id and turn annotations into columns.

    Boxes without area can match nothing: they are left out and counted. Ids that are given twice, or that
    name no image or category, are errors of the format that reads them.

    Raises
    ------
    DatasetError
        If there is no image or no object.
    """
    images = sorted(images, key=lambda image: image.id)
    categories = sorted(categories, key=lambda category: category.id)
    truth = _columns(annotations, {i.id: n for n, i in enumerate(images)}, {c.id: n for n, c in enumerate(categories)})
    return assembled(name, images, categories, truth, notes)


def assembled(
    name: str, images: Sequence[ImageRecord], categories: Sequence[Category], truth: GroundTruth, notes: Notes
) -> AnnotatedImages:
    """Do as `assemble` does, of images and categories by ascending id and columns.

    Raises
    ------
    DatasetError
        If there is no image or no object.
    """
    if not images:
        msg = f"dataset '{name}': no images; check datasets.{name}"
        raise DatasetError(msg)
    sound = (truth.boxes_xywh[:, 2] > 0) & (truth.boxes_xywh[:, 3] > 0)
    for image in truth.images[~sound]:
        notes.add("boxes without area were left out", images[image].path.name)
    if not sound.any():
        msg = f"dataset '{name}': {len(images)} images, but no annotated object; nothing can be evaluated"
        raise DatasetError(msg)
    truth = truth.where(sound)
    return AnnotatedImages(
        name, tuple(images), tuple(categories), truth, _hash(images, categories, truth), notes.lines()
    )


def existing(path: Path, name: str, key: str) -> Path:
    """Check that a configured file or folder is there.

    Raises
    ------
    DatasetError
        Naming the configuration key.
    """
    if not path.exists():
        msg = f"dataset '{name}': {path} does not exist; check datasets.{name}.{key}"
        raise DatasetError(msg)
    return path


def read_text(path: Path) -> str:
    """The text of a file.

    Raises
    ------
    DatasetError
        If it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as text: {error}"
        raise DatasetError(msg) from error


def image_files(folder: Path) -> list[Path]:
    """All image files directly in a folder, sorted by name.

    Raises
    ------
    DatasetError
        If it is no folder.
    """
    if not folder.is_dir():
        msg = f"{folder}: expected a folder of images"
        raise DatasetError(msg)
    suffixes = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())


def _columns(annotations: list[Annotation], image_rank: dict[int, int], category_rank: dict[int, int]) -> GroundTruth:
    return GroundTruth(
        images=np.array([image_rank[a.image_id] for a in annotations], dtype=np.int64),
        categories=np.array([category_rank[a.category_id] for a in annotations], dtype=np.int64),
        boxes_xywh=np.array([a.box_xywh for a in annotations], dtype=np.float64).reshape(-1, 4),
        areas=np.array([a.area for a in annotations], dtype=np.float64),
        crowd=np.array([a.crowd for a in annotations], dtype=np.bool_),
        ignore=np.array([a.ignore for a in annotations], dtype=np.bool_),
    )


def _hash(images: Sequence[ImageRecord], categories: Sequence[Category], truth: GroundTruth) -> str:
    """Hash of all that decides an average precision, apart from the pixels."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.id} {image.path.name}\n".encode())
    for category in categories:
        digest.update(f"{category.id} {category.name}\n".encode())
    for column in (truth.images, truth.categories, truth.boxes_xywh, truth.areas, truth.crowd, truth.ignore):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
