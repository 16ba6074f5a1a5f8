"""Non-maximum suppression by the C tier.

Kept to Python 3.8 and numpy: devices import this file.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from pytest_rfperf.core.native.library import NO_MEMORY, check, library

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_MEMORY = -(2**63)
_byte_of = ctypes.c_byte.from_buffer


def suppress(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    iou_threshold: float,
    labels: Optional[NDArray[np.int64]],
) -> Tuple[NDArray[np.int64], int]:
    """Indices that are kept, surest first, and -1; or none and the first box that is not sound.

    Parameters are those of `pytest_rfperf.core.nms.nms`, contiguous and of equal length.
    """
    kept = np.empty(len(boxes), dtype=np.int64)
    if not len(boxes):
        return kept, -1
    count = library().rfperf_suppress(  # type: ignore[union-attr]
        len(boxes),
        _place(boxes),
        _place(scores),
        None if labels is None else _place(labels),
        iou_threshold,
        _place(kept),
    )
    if count == _NO_MEMORY:
        check(NO_MEMORY, "nms")
    return (kept[:count], -1) if count >= 0 else (kept[:0], -1 - count)


def _place(values: Any) -> ctypes.c_byte:  # noqa: ANN401 - mypy does not know that arrays are buffers
    """The first byte of an array; where it may be written without the cost of `values.ctypes`, seen at 100 boxes."""
    try:
        return _byte_of(values)
    except TypeError:
        return ctypes.c_byte.from_address(values.ctypes.data)
