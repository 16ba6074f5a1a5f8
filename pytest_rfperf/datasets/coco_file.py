"""COCO annotations: the JSON of ground truth as columns, with ids and names."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import msgspec
import numpy as np

from pytest_rfperf.data.coco import GroundTruth
from pytest_rfperf.data.dataset import Category
from pytest_rfperf.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_MAX_BYTES = 4 * 2**30
_ROOMY = 4
"""Places of a table for each value that is looked up in it."""


class ImageId(msgspec.Struct, gc=False):
    """All that evaluation needs of an image; a struct with more keys may take its place."""

    id: Id


ImageT = TypeVar("ImageT", bound=ImageId)


class _Category(msgspec.Struct, gc=False):
    id: Id
    name: str


class _Annotation(msgspec.Struct, gc=False):
    id: Id
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int = 0
    ignore: int = 0


class _Content(msgspec.Struct, Generic[ImageT]):
    images: list[ImageT]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True, slots=True)
class CocoFile(Generic[ImageT]):
    """What a file of annotations holds.

    Attributes
    ----------
    images : tuple of ImageT
        By ascending id.
    categories : tuple of Category
        By ascending id.
    image_ids, category_ids : (I,), (K,) int64
        Ascending; ranks count along them.
    annotation_ids : (G,) int64
        In the order of the file, as the rows of `truth`.
    truth : GroundTruth
        Every annotation; boxes without area are among them.
    """

    images: tuple[ImageT, ...]
    categories: tuple[Category, ...]
    image_ids: Ints
    category_ids: Ints
    annotation_ids: Ints
    truth: GroundTruth


def read_coco_file(path: Path, image: type[ImageT]) -> CocoFile[ImageT]:
    """Read a file of annotations.

    An annotation without `area` has that of its box.

    Parameters
    ----------
    path : Path
    image : type
        `ImageId`, or a struct with more keys of an image.

    Raises
    ------
    DatasetError
        If the file cannot be read or is no COCO JSON, an id is given twice, or an annotation names an image or a
        category that is not there.
    """
    content = _decoded(path, image)
    images = sorted(content.images, key=attrgetter("id"))
    categories = sorted(content.categories, key=attrgetter("id"))
    image_ids, category_ids = _unique_ids(images, "image", path), _unique_ids(categories, "category", path)
    annotation_ids = _unique_ids(content.annotations, "annotation", path)
    return CocoFile(
        images=tuple(images),
        categories=tuple(Category(row.id, row.name) for row in categories),
        image_ids=image_ids,
        category_ids=category_ids,
        annotation_ids=annotation_ids,
        truth=_truth(content.annotations, image_ids, category_ids, path),
    )


def _decoded(path: Path, image: type[ImageT]) -> _Content[ImageT]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"{path} is larger than 4 GiB"
            raise DatasetError(msg)
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise DatasetError(msg) from error
    try:
        return msgspec.json.decode(content, type=_Content[image])  # type: ignore[valid-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "; a list is what a file of results holds" if content.lstrip().startswith(b"[") else ""
        msg = f"{path} is no COCO annotation file: {error}{hint}"
        raise DatasetError(msg) from error


def _unique_ids(rows: Sequence[ImageId | _Category | _Annotation], kind: str, path: Path) -> Ints:
    ids = np.array([row.id for row in rows], dtype=np.int64)
    ordered = np.sort(ids)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        msg = f"{path}: {kind} id {twice[0]} is given twice"
        raise DatasetError(msg)
    return ids


def ranks_of(values: Ints, ids: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The rank of every value among ascending ids, and whether it is one of them; a rank of 0 where it is not."""
    if not len(ids):
        return np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.bool_)
    first, last = int(ids[0]), int(ids[-1])
    inside = (values >= first) & (values <= last)
    values = values if inside.all() else np.where(inside, values, first)
    if last - first < _ROOMY * len(values):
        return _looked_up(values, ids, inside)
    ranks = np.searchsorted(ids, values)
    known = inside & (ids[ranks] == values)
    return np.where(known, ranks, 0), known


def _looked_up(values: Ints, ids: Ints, inside: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    """As `ranks_of`, by a table of all ids from the first to the last: ten times as fast as a search."""
    table = np.full(ids[-1] - ids[0] + 1, -1, dtype=np.int64)
    table[ids - ids[0]] = np.arange(len(ids))
    ranks = table[values - ids[0]]
    return np.maximum(ranks, 0), inside & (ranks >= 0)


def _truth(rows: Sequence[_Annotation], image_ids: Ints, category_ids: Ints, path: Path) -> GroundTruth:
    return GroundTruth(
        images=_known_ranks(rows, "image", image_ids, path),
        categories=_known_ranks(rows, "category", category_ids, path),
        boxes_xywh=np.array([row.bbox for row in rows], dtype=np.float64).reshape(-1, 4),
        areas=np.array([_area(row) for row in rows], dtype=np.float64),
        crowd=np.array([row.iscrowd != 0 for row in rows], dtype=np.bool_),
        ignore=np.array([row.ignore != 0 for row in rows], dtype=np.bool_),
    )


def _known_ranks(rows: Sequence[_Annotation], kind: str, ids: Ints, path: Path) -> Ints:
    values = np.array(list(map(attrgetter(f"{kind}_id"), rows)), dtype=np.int64)
    ranks, known = ranks_of(values, ids)
    if not known.all():
        row = int(np.argmin(known))
        msg = f"{path}: annotation {rows[row].id} is of {kind} {values[row]}, which is not in the file"
        raise DatasetError(msg)
    return ranks


def _area(row: _Annotation) -> float:
    return row.bbox[2] * row.bbox[3] if row.area is None else row.area
