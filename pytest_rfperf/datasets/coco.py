"""COCO JSON: strict and typed; a row that contradicts itself is an error with its id."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec

from pytest_rfperf.data.dataset import ImageRecord
from pytest_rfperf.datasets.annotated import AnnotatedImages, Notes, assembled, existing
from pytest_rfperf.datasets.coco_file import ImageId, read_coco_file
from pytest_rfperf.errors import DatasetError


class CocoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a dataset of this format: the JSON file, and the folder that `file_name` is relative to."""

    annotations: str
    images: str


class _Image(ImageId, gc=False):
    file_name: str
    width: int | None = None
    height: int | None = None


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
        try:
            content = read_coco_file(path, _Image)
        except DatasetError as error:
            msg = f"dataset '{name}': {error}"
            raise DatasetError(msg) from error
        images = [_record(row, folder, path) for row in content.images]
        return assembled(name, images, content.categories, content.truth, Notes())


def _image_folder(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _record(row: _Image, folder: Path, path: Path) -> ImageRecord:
    """An image record whose file lies inside the configured folder."""
    file = folder / row.file_name
    if Path(row.file_name).is_absolute() or ".." in Path(row.file_name).parts or "\0" in row.file_name:
        msg = f"{path}: image {row.id} has file_name {row.file_name!r}, which leaves the folder of images"
        raise DatasetError(msg)
    return ImageRecord(row.id, file, row.width, row.height)
