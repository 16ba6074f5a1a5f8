"""COCO results: the JSON of detections that every evaluator reads, straight into columns.

Half a million rows are 50 MB of text. They are read piece by piece, so that a piece is still in the processor's cache
when its columns are taken, and memory is that of the columns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from pytest_rfperf.core.native.rows import NativeRows
from pytest_rfperf.core.tier import tier
from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.datasets.coco_fault import fault_of_rows
from pytest_rfperf.datasets.coco_file import Id, ranks_of
from pytest_rfperf.datasets.json_pieces import ArrayPieces
from pytest_rfperf.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Columns = tuple[Ints, Ints, Floats, Floats]

Number = TypeVar("Number", np.int64, np.float64)
_MB = 1e6
_NO_ROWS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Row(msgspec.Struct, gc=False):
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    score: float


_rows = msgspec.json.Decoder(list[_Row]).decode


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """What a file of results holds.

    Attributes
    ----------
    results : CocoResults
        In the order of the file, without the rows of unknown categories.
    row_count : int
        All rows.
    unknown_categories : dict of int to int
        Category ids that the ground truth does not have, ascending, and the rows of each: they take no part.
    """

    results: CocoResults
    row_count: int
    unknown_categories: dict[int, int]


def read_coco_results(
    path: Path, image_ids: Ints, category_ids: Ints, *, show: Callable[[str], object] = str
) -> ResultsFile:
    """Read a file of results, and turn ids into ranks.

    Parameters
    ----------
    path : Path
        A JSON list of rows with image_id, category_id, bbox (xywh in pixels) and score; other keys are left alone.
    image_ids, category_ids : (I,), (K,) int64
        Ids of the ground truth, ascending.
    show : callable
        Told how far reading is, now and then.

    Returns
    -------
    ResultsFile
        With no rows where the list is empty: every object is missing then.

    Raises
    ------
    DatasetError
        If the file cannot be read or is no list of such rows, a number is not finite, or an image is not in the
        ground truth; the row is named.
    """
    images, categories, boxes, scores = _columns(path, show)
    image_ranks, known = ranks_of(images, image_ids)
    if not known.all():
        row = int(np.argmin(known))
        msg = (
            f"{path}: row {row} (from 0) is of image {images[row]}, which the ground truth does not have; "
            "evaluate results with the annotations of the same images"
        )
        raise DatasetError(msg)
    category_ranks, known = ranks_of(categories, category_ids)
    unknown, counts = np.unique(categories[~known], return_counts=True)
    results = CocoResults(image_ranks, category_ranks, boxes, scores)
    return ResultsFile(
        results if known.all() else results.where(known),
        len(images),
        dict(zip(unknown.tolist(), counts.tolist(), strict=True)),
    )


def _columns(path: Path, show: Callable[[str], object]) -> Columns:
    """Image ids (D,), category ids (D,), boxes (D, 4) and scores (D,)."""
    parts = [_part([])]
    try:
        size_mb = path.stat().st_size / _MB
        with path.open("rb", buffering=0) as file:
            for part in _parts(ArrayPieces(file), path):
                parts.append(part)
                show(f"reading {path.name}: {file.tell() / _MB:.0f} of {size_mb:.0f} MB")
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or error}"
        raise DatasetError(msg) from error
    images, categories, boxes, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return images, categories, boxes, scores


def _parts(pieces: ArrayPieces, path: Path) -> Iterator[Columns]:
    """Columns piece by piece: by the C tier where it is there and finds the text plain, else by msgspec."""
    native, before = NativeRows() if tier() == "c" else None, 0
    for piece in pieces:
        part = native.read(piece) if native else None
        if part is None:
            try:
                part = _part(_rows(piece))
            except _NO_ROWS:
                yield _part(_rest(pieces.rest(), path, before))
                return
        before += len(part[0])
        yield part


def _rest(content: bytes, path: Path, before: int) -> list[_Row]:
    """All rows from row `before` on, where a piece did not decode: it was cut wrongly, or is at fault."""
    try:
        return _rows(content)
    except _NO_ROWS as error:
        msg = f"{path}: {fault_of_rows(content, before) or error}"
        raise DatasetError(msg) from error


def _part(rows: list[_Row]) -> Columns:
    """The columns of some rows; packing is the quickest way from Python's numbers to an array."""
    return (
        _packed("q", [row.image_id for row in rows], np.int64),
        _packed("q", [row.category_id for row in rows], np.int64),
        _packed("d", list(chain.from_iterable([row.bbox for row in rows])), np.float64).reshape(-1, 4),
        _packed("d", [row.score for row in rows], np.float64),
    )


def _packed(letter: str, values: list[Any], dtype: type[Number]) -> NDArray[Number]:
    return np.frombuffer(struct.pack(f"{len(values)}{letter}", *values), dtype)
