"""The shared library of the C tier, found beside this file and loaded once.

Kept to Python 3.8 and numpy: devices import this file.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_MEMORY, BAD_ROW = 1, 2
_WORD = 8
_LAYOUT = 1
"""That of the structs in C, which kernels.h counts up with every change."""
_NAME = "pytest_rfperf.core.native._kernels"
_PLACE, _COUNT, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
_BYTE = ctypes.POINTER(ctypes.c_byte)
"""Given the first byte itself, which costs less than an address."""
_FUNCTIONS = {
    "rfperf_suppress": [_COUNT, _BYTE, _BYTE, _BYTE, _NUMBER, _BYTE],
    "rfperf_match": [_PLACE] * 5,
    "rfperf_accumulate": [_PLACE] * 3,
    "rfperf_transpose": [_PLACE, _COUNT, _PLACE, _COUNT, _COUNT, _PLACE],
    "rfperf_read_rows": [_PLACE, _COUNT, _PLACE, _PLACE],
    "rfperf_weighted_precision": [_PLACE, _PLACE, _COUNT, _PLACE, _PLACE],
}


@functools.lru_cache(maxsize=1)
def library() -> Optional[ctypes.CDLL]:
    """The library; None where it was not built, or is that of another machine or version."""
    spec = importlib.util.find_spec(_NAME)
    if spec is None or spec.origin is None or ctypes.sizeof(ctypes.c_void_p) != _WORD:
        return None
    try:
        found = ctypes.CDLL(spec.origin)
        if found.rfperf_layout() != _LAYOUT:
            return None
        for name, arguments in _FUNCTIONS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = ctypes.c_int, arguments
        found.rfperf_suppress.restype = _COUNT
    except (OSError, AttributeError):
        return None
    return found


def column(values: NDArray[Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401 - any type of numpy's
    """The values as C reads them: contiguous, aligned, of one type."""
    found = np.ascontiguousarray(values, dtype=dtype)
    return found if found.flags.aligned else found.copy()


def address(values: NDArray[Any]) -> int:
    """Where the values of a contiguous array begin; it must be kept while the address is used."""
    return values.ctypes.data


def pack(*words: int) -> ctypes.Array[ctypes.c_int64]:
    """A C struct of counts and addresses, each of 64 bits."""
    return (ctypes.c_int64 * len(words))(*words)


def check(status: int, what: str) -> None:
    """Turn a status into an error.

    Raises
    ------
    MemoryError
        If scratch memory was refused.
    """
    if status == NO_MEMORY:
        msg = f"{what}: no memory left"
        raise MemoryError(msg)
