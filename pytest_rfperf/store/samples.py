"""Raw latencies as compact text: every nanosecond kept, about four bytes a call."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDTH = 8
_MAX_CALLS = 10_000_000


def pack(latencies_ns: NDArray[np.int64]) -> str:
    """Bytes of equal weight side by side, which compress, then base64."""
    planes = np.ascontiguousarray(latencies_ns, dtype="<i8").view(np.uint8).reshape(-1, _WIDTH).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii")


def unpack(text: str) -> NDArray[np.int64]:
    """Reverse `pack`.

    Raises
    ------
    StoreError
        If the text was not made by `pack`, or holds more than ten million calls.
    """
    try:
        inflate = zlib.decompressobj()
        planes = inflate.decompress(base64.b64decode(text, validate=True), _MAX_CALLS * _WIDTH)
        if not inflate.eof or len(planes) % _WIDTH:
            msg = "stored samples are cut short or too many"
            raise StoreError(msg)
    except (binascii.Error, zlib.error, ValueError) as error:
        msg = f"stored samples cannot be read: {error}"
        raise StoreError(msg) from error
    rows = np.frombuffer(planes, dtype=np.uint8).reshape(_WIDTH, -1).T
    return np.ascontiguousarray(rows).view("<i8").ravel().astype(np.int64)
