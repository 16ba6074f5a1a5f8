"""Non-maximum suppression by the C tier.

Kept to Python 3.8 and numpy: devices import this file.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from pytest_rfperf.core.native.library import check, library

if TYPE_CHECKING:
    from numpy.typing import NDArray


def suppress(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    iou_threshold: float,
    labels: Optional[NDArray[np.int64]],
) -> Tuple[NDArray[np.int64], int]:
    """Indices that are kept, surest first, and -1; or none and the first box that is not sound.

    Parameters are those of `pytest_rfperf.core.nms.nms`, contiguous and of equal length.
    """
    count = len(boxes)
    kept = np.empty(count, dtype=np.int64)
    kept_count, bad_row = ctypes.c_int64(0), ctypes.c_int64(-1)
    if not count:
        return kept, -1
    status = library().rfperf_suppress(  # type: ignore[union-attr]
        count,
        _place(boxes),
        _place(scores),
        None if labels is None else _place(labels),
        iou_threshold,
        _place(kept),
        ctypes.byref(kept_count),
        ctypes.byref(bad_row),
    )
    check(status, "nms")
    return kept[: kept_count.value], bad_row.value


def _place(values: NDArray[Any]) -> Any:  # noqa: ANN401 - ctypes does not name the type of a reference
    """A pointer to values; where they may be written without the cost of `values.ctypes`, which shows at 100 boxes."""
    if values.flags.writeable:
        return ctypes.byref(ctypes.c_char.from_buffer(values.data))
    return values.ctypes.data
