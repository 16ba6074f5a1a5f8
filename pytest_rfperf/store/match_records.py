"""Match records as a file: typed columns, compressed, checked as a stranger's input when they are read."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from pytest_rfperf.core.records import MatchRecords
from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"rfperf match records 1\n"
MOST_BYTES = 2**29
_HEADER_BYTES = 8
_FURTHEST_PX = float(np.finfo(np.float32).max)
_TYPES = {
    "edges": "<i8", "images": "<i4", "ranks": "<i4", "scores": "<f8", "in_area": "<u8",
    "contender_edges": "<i8", "contenders": "<i8", "matched": "<u8", "ignored": "<u8",
    "object_edges": "<i8", "object_images": "<i4", "counting": "<u8",
    "used_images": "<i4", "used_categories": "<i4", "used_boxes": "<f4", "used_scores": "<f8",
}  # fmt: skip
"""Columns of the records, then those of the detections that are used at the best score."""


class _Header(msgspec.Struct):
    iou_thresholds: list[float]
    area_ranges: dict[str, tuple[float, float]]
    max_detections: int
    image_count: int
    sizes: dict[str, int]


def pack_records(records: MatchRecords, used: CocoResults) -> bytes:
    """Write records, and the boxes of the detections that are used, to be drawn beside those of a later model.

    Parameters
    ----------
    records : MatchRecords
    used : CocoResults
        Boxes are kept in single precision.
    """
    columns = _columns(records, used)
    header = _Header(
        iou_thresholds=list(records.iou_thresholds),
        area_ranges=records.area_ranges,
        max_detections=records.max_detections,
        image_count=records.image_count,
        sizes={name: len(column) for name, column in columns.items()},
    )
    text = msgspec.json.encode(header)
    body = b"".join(_planes(column, _TYPES[name]) for name, column in columns.items())
    return MAGIC + zlib.compress(len(text).to_bytes(_HEADER_BYTES, "little") + text + body, 9)


def unpack_records(content: bytes, where: str) -> tuple[MatchRecords, CocoResults]:
    """Reverse `pack_records`; `where` names the file in errors.

    Raises
    ------
    StoreError
        If the content is cut, too large, or its columns contradict each other.
    """
    try:
        header, body = _inflated(content)
        return _checked(header, _columns_of(body, header.sizes))
    except (ValueError, KeyError, IndexError, zlib.error, msgspec.DecodeError, RecursionError) as error:
        msg = f"{where} holds no match records: {error}; restore it from version control, or record anew"
        raise StoreError(msg) from error


def sha256_of_records(content: bytes) -> str:
    """Hash of the bytes of a file."""
    return hashlib.sha256(content).hexdigest()


def _columns(records: MatchRecords, used: CocoResults) -> dict[str, NDArray[Any]]:
    found = {name: getattr(records, name).ravel() for name in _TYPES if not name.startswith("used_")}
    return found | {
        "used_images": used.images,
        "used_categories": used.categories,
        "used_boxes": np.clip(used.boxes_xywh, -_FURTHEST_PX, _FURTHEST_PX).ravel(),
        "used_scores": used.scores,
    }


def _planes(column: NDArray[Any], kind: str) -> bytes:
    """Bytes of equal weight side by side, which compress."""
    width = np.dtype(kind).itemsize
    return np.ascontiguousarray(column, dtype=kind).view(np.uint8).reshape(-1, width).T.tobytes()


def _from_planes(content: bytes, kind: str, size: int) -> NDArray[Any]:
    width = np.dtype(kind).itemsize
    rows = np.frombuffer(content, dtype=np.uint8).reshape(width, size).T
    return np.ascontiguousarray(rows).view(kind).reshape(size).astype(np.dtype(kind).newbyteorder("="))


def _inflated(content: bytes) -> tuple[_Header, bytes]:
    if not content.startswith(MAGIC):
        msg = "it does not begin as they do"
        raise ValueError(msg)
    inflate = zlib.decompressobj()
    body = inflate.decompress(content[len(MAGIC) :], MOST_BYTES)
    if not inflate.eof or inflate.unused_data:
        msg = "it is cut short, too large, or goes on after its end"
        raise ValueError(msg)
    end = _HEADER_BYTES + int.from_bytes(body[:_HEADER_BYTES], "little")
    header = msgspec.json.decode(body[_HEADER_BYTES:end], type=_Header)
    if min(header.sizes.values(), default=0) < 0:
        msg = "a size is negative"
        raise ValueError(msg)
    return header, body[end:]


def _columns_of(body: bytes, sizes: dict[str, int]) -> dict[str, NDArray[Any]]:
    columns, begin = {}, 0
    for name, kind in _TYPES.items():
        end = begin + sizes[name] * np.dtype(kind).itemsize
        columns[name] = _from_planes(body[begin:end], kind, sizes[name])
        begin = end
    if begin != len(body):
        msg = "columns and sizes differ"
        raise ValueError(msg)
    return columns


def _checked(header: _Header, columns: dict[str, NDArray[Any]]) -> tuple[MatchRecords, CocoResults]:
    if not all(np.isfinite(columns[name]).all() for name in ("used_boxes", "used_scores")):
        msg = "a used detection is not finite"
        raise ValueError(msg)
    used = CocoResults(
        columns.pop("used_images").astype(np.int64),
        columns.pop("used_categories").astype(np.int64),
        columns.pop("used_boxes").astype(np.float64).reshape(-1, 4),
        columns.pop("used_scores"),
    )
    for name in ("matched", "ignored"):
        columns[name] = columns[name].reshape(len(columns["contenders"]), len(header.area_ranges))
    records = MatchRecords(
        tuple(header.iou_thresholds), header.area_ranges, header.max_detections, header.image_count, **columns
    )
    records.check()
    if not len(used.images) == len(used.categories) == len(used.boxes_xywh) == len(used.scores):
        msg = "the used detections are not of one length"
        raise ValueError(msg)
    if len(used.images) and not 0 <= used.categories.min() <= used.categories.max() < records.category_count:
        msg = "a used detection has a category that is not there"
        raise ValueError(msg)
    return records, used
