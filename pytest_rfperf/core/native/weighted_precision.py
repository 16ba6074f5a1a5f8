"""Weighted precision by the C tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.native.library import address, check, column, library, pack
from pytest_rfperf.core.native.records import Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def native_weighted_precision(
    records: MatchRecords, weights: NDArray[np.int32], thresholds: Ints, area: int, recalls: Floats
) -> Floats:
    """Interpolated precision of each draw, (B, T, R, K); -1 for a category of which the draw holds no object.

    Parameters
    ----------
    records : MatchRecords
    weights : (B, I) int32
        At least 0.
    thresholds : (T,) int64
        Bits of the records' states.
    area : int
        Place of the area range.
    recalls : (R,) float64
    """
    weights, bits = column(weights, np.int32), column(thresholds, np.int64)
    precision = np.empty((len(weights), len(bits), len(recalls), records.category_count))
    held, recalls = Held(records), column(recalls, np.float64)
    status = library().rfperf_weighted_precision(  # type: ignore[union-attr]
        held.packed,
        pack(area, len(bits), address(bits), len(recalls), address(recalls), weights.shape[1]),
        len(weights),
        address(weights),
        address(precision),
    )
    check(status, "weighted precision")
    return precision
