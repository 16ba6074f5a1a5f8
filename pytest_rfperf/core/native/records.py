"""Match records as C reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.native.library import address, column, pack

if TYPE_CHECKING:
    from pytest_rfperf.core.records import MatchRecords


class Held:
    """The columns of some records, contiguous and kept alive, and the struct that points to them."""

    def __init__(self, records: MatchRecords) -> None:
        """Copy nothing that is as C wants it."""
        self.columns = [
            column(records.edges, np.int64),
            column(records.images, np.int32),
            column(records.ranks, np.int32),
            column(records.scores, np.float64),
            column(records.in_area, np.uint64),
            column(records.contender_edges, np.int64),
            column(records.contenders, np.int64),
            column(records.matched, np.uint64),
            column(records.ignored, np.uint64),
            column(records.object_edges, np.int64),
            column(records.object_images, np.int32),
            column(records.counting, np.uint64),
        ]
        counts = (records.category_count, len(records.areas), len(records.iou_thresholds))
        self.packed = pack(*counts, *map(address, self.columns))
