"""COCO JSON: strict and typed; a row that contradicts itself is an error with its id."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from pytest_rfperf.data.dataset import Category, ImageRecord
from pytest_rfperf.datasets.annotated import AnnotatedImages, Annotation, Notes, assemble, existing
from pytest_rfperf.errors import DatasetError

_MAX_BYTES = 4 * 2**30
Row = TypeVar("Row")


class CocoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a dataset of this format: the JSON file, and the folder that `file_name` is relative to."""

    annotations: str
    images: str


class _Image(msgspec.Struct):
    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class _Category(msgspec.Struct):
    id: int
    name: str


class _Annotation(msgspec.Struct):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int = 0
    ignore: int = 0


class _File(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


class CocoDataset:
    """The entry point of the format."""

    name: ClassVar[str] = "coco"
    options: ClassVar[type[CocoOptions]] = CocoOptions

    @classmethod
    def recognises(cls, path: Path) -> dict[str, str] | None:
        """A COCO or Roboflow COCO export: one JSON with annotations, beside its images or their folder.

        COCO's own layout, annotations/instances_NAME.json with the images in NAME, is known too. Where an export
        has several splits, valid comes before val, test and train.
        """
        if path.is_file() and path.suffix == ".json":
            return {"annotations": str(path), "images": str(_image_folder(path.parent))}
        for split in ("", "valid", "val", "test", "train"):
            for file in ("_annotations.coco.json", "annotations.json", "instances.json"):
                found = path / split / file
                if found.is_file():
                    return {"annotations": str(found), "images": str(_image_folder(found.parent))}
        for found in sorted((path / "annotations").glob("instances_val*.json")):
            images = path / found.stem.removeprefix("instances_")
            if images.is_dir():
                return {"annotations": str(found), "images": str(images)}
        return None

    @classmethod
    def load(cls, name: str, options: CocoOptions) -> AnnotatedImages:
        """Read the file.

        Raises
        ------
        DatasetError
            If the file is missing or no COCO JSON, an id is given twice, or an annotation names an image or a
            category that is not there.
        """
        path = existing(Path(options.annotations), name, "annotations")
        folder = existing(Path(options.images), name, "images")
        content = _decoded(path, name)
        images = _by_id(content.images, path, "image")
        categories = _by_id(content.categories, path, "category")
        _by_id(content.annotations, path, "annotation")
        for row in content.annotations:
            if row.image_id not in images:
                msg = f"{path}: annotation {row.id} is of image {row.image_id}, which is not in the file"
                raise DatasetError(msg)
            if row.category_id not in categories:
                msg = f"{path}: annotation {row.id} is of category {row.category_id}, which is not in the file"
                raise DatasetError(msg)
        return assemble(
            name,
            [_record(row, folder, path) for row in images.values()],
            [Category(row.id, row.name) for row in categories.values()],
            [_annotation(row) for row in content.annotations],
            Notes(),
        )


def _decoded(path: Path, name: str) -> _File:
    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"dataset '{name}': {path} is larger than 4 GiB"
            raise DatasetError(msg)
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"dataset '{name}': {path} is no COCO annotation file: {error}"
        raise DatasetError(msg) from error


def _image_folder(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _by_id(rows: list[Row], path: Path, kind: str) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for row in rows:
        key: int = row.id  # type: ignore[attr-defined]
        if key in found:
            msg = f"{path}: {kind} id {key} is given twice"
            raise DatasetError(msg)
        found[key] = row
    return found


def _record(row: _Image, folder: Path, path: Path) -> ImageRecord:
    """An image record whose file lies inside the configured folder."""
    file = folder / row.file_name
    if Path(row.file_name).is_absolute() or ".." in Path(row.file_name).parts or "\0" in row.file_name:
        msg = f"{path}: image {row.id} has file_name {row.file_name!r}, which leaves the folder of images"
        raise DatasetError(msg)
    return ImageRecord(row.id, file, row.width, row.height)


def _annotation(row: _Annotation) -> Annotation:
    area = row.bbox[2] * row.bbox[3] if row.area is None else row.area
    return Annotation(row.image_id, row.category_id, row.bbox, area, bool(row.iscrowd), bool(row.ignore))
