"""Pascal VOC: one XML file an image, corners counted from 1 and both included."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree.ElementTree import ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

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

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_XML_BYTES = 16 * 2**20


class VocOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a dataset of this format.

    Attributes
    ----------
    annotations, images : str
        Folders of XML files and of images.
    split : str or None
        A text file of image names without suffix, one a line; all annotated images without it.
    one_based : bool
        Whether corners count pixels from 1, as VOC defines: then x = xmin - 1 and width = xmax - xmin + 1.
        Many tools write zero-based corners into VOC files; set it to false for those.
    """

    annotations: str
    images: str
    split: str | None = None
    one_based: bool = True


class VocDataset:
    """The entry point of the format."""

    name: ClassVar[str] = "voc"
    options: ClassVar[type[VocOptions]] = VocOptions

    @classmethod
    def recognises(cls, path: Path) -> dict[str, str] | None:
        """A VOC folder, or a Roboflow VOC export with images and XML files side by side."""
        for described, shown in (("Annotations", "JPEGImages"), ("annotations", "images")):
            if next((path / described).glob("*.xml"), None) and (path / shown).is_dir():
                keys = {"annotations": str(path / described), "images": str(path / shown)}
                lists = path / "ImageSets" / "Main"
                splits = [lists / f"{split}.txt" for split in ("val", "test")]
                found = next((split for split in splits if split.is_file()), None)
                return keys | ({"split": str(found)} if found else {})
        for split in ("valid", "val", "test", "train", "."):
            if next((path / split).glob("*.xml"), None):
                return {"annotations": str(path / split), "images": str(path / split)}
        return None

    @classmethod
    def load(cls, name: str, options: VocOptions) -> AnnotatedImages:
        """Read the XML files of the split, or all of them.

        Raises
        ------
        DatasetError
            If a file is missing or is no VOC annotation.
        """
        folder = existing(Path(options.annotations), name, "annotations")
        image_folder = existing(Path(options.images), name, "images")
        notes, images, found = Notes(), [], []
        for number, path in enumerate(_files(folder, options, name), start=1):
            root = _parsed(path)
            images.append(_image(root, path, image_folder, number, notes))
            found += [(number, *_object(element, path, options)) for element in root.iter("object")]
        names = sorted({label for _, label, _, _ in found})
        ids = {label: i for i, label in enumerate(names, start=1)}
        annotations = [
            Annotation(number, ids[label], box, box[2] * box[3], ignore=difficult)
            for number, label, box, difficult in found
        ]
        return assemble(name, images, [Category(i, label) for label, i in ids.items()], annotations, notes)


def _files(folder: Path, options: VocOptions, name: str) -> list[Path]:
    if options.split is None:
        return sorted(folder.glob("*.xml"))
    split = existing(Path(options.split), name, "split")
    stems = [line.split()[0] for line in read_text(split).splitlines() if line.strip()]
    most = Counter(stems).most_common(1)
    if most and most[0][1] > 1:
        msg = f"{split}: image '{most[0][0]}' is listed twice"
        raise DatasetError(msg)
    return [existing(folder / f"{stem}.xml", name, "split") for stem in sorted(stems)]


def _parsed(path: Path) -> Element:
    """Parse one file; entity definitions, which can blow up, are refused unread."""
    try:
        text = path.read_bytes()
        if len(text) <= _MAX_XML_BYTES:
            root: Element = fromstring(text)
            return root
    except DefusedXmlException:
        pass
    except (OSError, ParseError, ValueError, LookupError) as error:
        msg = f"{path}: cannot be read as XML: {error}"
        raise DatasetError(msg) from error
    msg = f"{path}: no VOC annotation: larger than 16 MiB, or it defines entities"
    raise DatasetError(msg)


def _image(root: Element, path: Path, folder: Path, number: int, notes: Notes) -> ImageRecord:
    file = folder / Path(root.findtext("filename") or f"{path.stem}.jpg").name
    if not file.is_file():
        beside = [p for p in image_files(folder) if p.stem == path.stem]
        if not beside:
            msg = f"{path}: its image {file} does not exist"
            raise DatasetError(msg)
        notes.add("annotations name another file than the image of their own name, which was taken", path.name)
        file = beside[0]
    try:
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) or None for side in ("width", "height"))
    except (ValueError, OverflowError) as error:
        msg = f"{path}: its size is no pair of whole numbers"
        raise DatasetError(msg) from error
    return ImageRecord(number, file, width, height)


def _object(element: Element, path: Path, options: VocOptions) -> tuple[str, tuple[float, float, float, float], bool]:
    """Name, box in xywh from 0, and whether the object is marked difficult, which VOC does not count."""
    label = (element.findtext("name") or "").strip()
    try:
        corners = [float(element.findtext(f"bndbox/{key}") or "") for key in ("xmin", "ymin", "xmax", "ymax")]
    except ValueError:
        corners = []
    if not corners or not all(map(math.isfinite, corners)):
        msg = f"{path}: object '{label}' has no complete bndbox of numbers"
        raise DatasetError(msg)
    if not label:
        msg = f"{path}: an object has no name"
        raise DatasetError(msg)
    left, top, right, bottom = corners
    width, height = right - left, bottom - top
    if options.one_based and width > 0 and height > 0:
        left, top, width, height = left - 1, top - 1, width + 1, height + 1
    return label, (left, top, width, height), (element.findtext("difficult") or "0").strip() == "1"
