"""YOLO text files: one an image, rows of class, centre, width and height as shares of the image size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import msgspec
import yaml

from pytest_rfperf.data.dataset import Category, ImageRecord
from pytest_rfperf.datasets.annotated import (
    AnnotatedImages,
    Annotation,
    Notes,
    assemble,
    existing,
    image_files,
    read_text,
)
from pytest_rfperf.errors import DatasetError
from pytest_rfperf.image_header import read_header

_COLUMNS = 5
_SLACK = 0.01


class YoloOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a dataset of this format.

    Attributes
    ----------
    images, labels : str
        Folders of images and of text files of the same names.
    names : tuple of str or str
        Class names by index, a data.yaml, or a text file of one name a line.
    """

    images: str
    labels: str
    names: tuple[str, ...] | str


class YoloDataset:
    """The entry point of the format."""

    name: ClassVar[str] = "yolo"
    options: ClassVar[type[YoloOptions]] = YoloOptions

    @classmethod
    def recognises(cls, path: Path) -> dict[str, str] | None:
        """A data.yaml with a split beside it, as Ultralytics and Roboflow write it."""
        described = next((path / file for file in ("data.yaml", "dataset.yaml") if (path / file).is_file()), None)
        if described is None:
            return None
        for split in ("valid", "val", "test", "train"):
            for images, labels in ((f"{split}/images", f"{split}/labels"), (f"images/{split}", f"labels/{split}")):
                if (path / images).is_dir() and (path / labels).is_dir():
                    return {"images": str(path / images), "labels": str(path / labels), "names": str(described)}
        if (path / "images").is_dir() and (path / "labels").is_dir():
            return {"images": str(path / "images"), "labels": str(path / "labels"), "names": str(described)}
        return None

    @classmethod
    def load(cls, name: str, options: YoloOptions) -> AnnotatedImages:
        """Read the text files; an image without one has no objects, which is counted.

        Raises
        ------
        DatasetError
            If a file is missing, a row is malformed, or a class has no name.
        """
        folder = existing(Path(options.images), name, "images")
        labels = existing(Path(options.labels), name, "labels")
        names = _names(options.names, name)
        notes, images, annotations = Notes(), [], []
        for number, path in enumerate(image_files(folder), start=1):
            record = _record(path, number)
            images.append(record)
            text = labels / f"{path.stem}.txt"
            if text.is_file():
                annotations += _annotations(text, record, len(names))
            else:
                notes.add("images have no label file and count as empty", path.name)
        return assemble(name, images, [Category(i, label) for i, label in enumerate(names)], annotations, notes)


def _record(path: Path, number: int) -> ImageRecord:
    """Rows are shares of the size, so the file's own header must give it."""
    try:
        header = read_header(path.read_bytes(), str(path))
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or error}"
        raise DatasetError(msg) from error
    if header is None:
        msg = f"{path}: YOLO labels need the image's size, which is read from JPEG, PNG and WebP files only"
        raise DatasetError(msg)
    width, height = header.shown_size_px
    return ImageRecord(number, path, width, height)


def _annotations(text: Path, image: ImageRecord, class_count: int) -> list[Annotation]:
    rows = enumerate(read_text(text).splitlines(), start=1)
    return [_annotation(_numbers(row, f"{text}:{line}", class_count), image) for line, row in rows if row.strip()]


def _numbers(row: str, where: str, class_count: int) -> list[float]:
    """Class, centre x, centre y, width and height of one row, the last four as shares of the image."""
    try:
        numbers = [float(number) for number in row.split()]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        msg = f"{where}: not a row of numbers: {row[:80]!r}"
        raise DatasetError(msg)
    if len(numbers) > _COLUMNS:
        numbers = [numbers[0], *_hull(numbers[1:], where)]
    if len(numbers) < _COLUMNS:
        msg = f"{where}: {len(numbers)} numbers; expected class, centre x, centre y, width, height"
        raise DatasetError(msg)
    if not 0 <= numbers[0] < class_count or numbers[0] % 1:
        msg = f"{where}: class {numbers[0]:g}, but {class_count} names are given"
        raise DatasetError(msg)
    if max(numbers[1:]) > 1 + _SLACK or min(numbers[1:3]) < -_SLACK:
        msg = f"{where}: {row[:80]!r}: centre and size are shares of the image, 0 to 1, not pixels"
        raise DatasetError(msg)
    return numbers


def _hull(points: list[float], where: str) -> tuple[float, float, float, float]:
    """Centre and size of the box around a segmentation polygon x1 y1 x2 y2 ..."""
    if len(points) % 2:
        msg = f"{where}: {len(points) + 1} numbers are neither a box nor a polygon"
        raise DatasetError(msg)
    (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in (points[::2], points[1::2]))
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _annotation(numbers: list[float], image: ImageRecord) -> Annotation:
    width_px, height_px = image.width_px or 0, image.height_px or 0
    width, height = numbers[3] * width_px, numbers[4] * height_px
    box = (numbers[1] * width_px - width / 2, numbers[2] * height_px - height / 2, width, height)
    return Annotation(image.id, int(numbers[0]), box, width * height)


def _names(names: tuple[str, ...] | str, name: str) -> tuple[str, ...]:
    if not isinstance(names, str):
        return names
    path = existing(Path(names), name, "names")
    if path.suffix in {".yaml", ".yml"}:
        found = _yaml_names(path)
    else:
        found = [line.strip() for line in read_text(path).rstrip().splitlines()]
    if not found:
        msg = f"dataset '{name}': no class names in {path}; check datasets.{name}.names"
        raise DatasetError(msg)
    if not all(found):
        msg = f"{path}: class {found.index('')} has no name, so later classes would be taken for others"
        raise DatasetError(msg)
    return tuple(found)


def _yaml_names(path: Path) -> list[str]:
    """The `names` of a data.yaml, a list or a mapping from index to name; a hole is an empty name."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"{path}: cannot be read as YAML: {error}"
        raise DatasetError(msg) from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        return []
    by_index = {str(key): value for key, value in names.items()}
    in_order = [by_index.get(str(index), "") for index in range(len(by_index))]
    if any(isinstance(label, (list, dict)) for label in in_order):
        msg = f"{path}: names must be a list of names, or a mapping from index to name"
        raise DatasetError(msg)
    return ["" if label is None else str(label) for label in in_order]
