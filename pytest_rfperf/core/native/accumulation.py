"""Accumulation by the C tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.native.library import address, check, column, library, pack
from pytest_rfperf.core.native.records import Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.average_precision import Wanted
    from pytest_rfperf.core.records import MatchRecords

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def native_accumulate(records: MatchRecords, wanted: Wanted, recalls: Floats) -> tuple[Floats, Floats, Floats]:
    """As `pytest_rfperf.core.average_precision.numpy_accumulate`, which see."""
    t, k, a = len(records.iou_thresholds), records.category_count, len(records.areas)
    limits, recalls = column(np.asarray(wanted.limits), np.int64), column(recalls, np.float64)
    n, r = len(limits) - wanted.recall_only, len(recalls)
    precision, recall = np.empty((k, a, n, t, r)), np.empty((k, a, len(limits), t))
    scores = np.empty((k, a, n, t, r) if wanted.scores else 0)
    held = Held(records)
    status = library().rfperf_accumulate(  # type: ignore[union-attr]
        held.packed,
        pack(len(limits), address(limits), wanted.recall_only, r, address(recalls)),
        pack(address(precision), address(scores) if wanted.scores else 0, address(recall)),
    )
    check(status, "accumulate")
    return precision, scores, recall


def native_transposed(matrix: Floats, rows: Ints) -> Floats:
    """Chosen rows of a matrix (N, W) as columns, (W, len(rows)); its own rows may lie any distance apart."""
    rows = column(rows, np.int64)
    width = matrix.shape[1]
    out = np.empty((width, len(rows)))
    stride = matrix.strides[0] // matrix.itemsize
    library().rfperf_transpose(address(matrix), stride, address(rows), len(rows), width, address(out))  # type: ignore[union-attr]
    return out
