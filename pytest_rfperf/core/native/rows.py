"""Rows of COCO results by the C tier."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.native.library import address, library, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Columns = tuple[Ints, Ints, Floats, Floats]

_OK = 0
_SHORTEST_ROW = '{"image_id":1,"category_id":1,"bbox":[1,1,1,1],"score":1}'


class NativeRows:
    """Reads arrays of result rows into columns, with room that is kept from call to call."""

    def __init__(self) -> None:
        """Take no room yet."""
        self._room = 0
        self._columns: Columns

    def read(self, text: bytes | memoryview) -> Columns | None:
        """Read one JSON array of rows.

        Parameters
        ----------
        text : bytes or memoryview

        Returns
        -------
        tuple or None
            Image ids (N,), category ids (N,), boxes (N, 4), scores (N,). None where the C tier was not built, or the
            text is not plain: the rows may have other keys than the four as long as these hold numbers or strings
            without escapes, and no number may have more than 19 digits. A text with a fault is never plain.
        """
        found = library()
        if found is None or not len(text):
            return None
        self._make_room(len(text) // len(_SHORTEST_ROW) + 1)
        held, count = np.frombuffer(text, np.uint8), ctypes.c_int64()
        columns = pack(self._room, *map(address, self._columns))
        if found.rfperf_read_rows(address(held), len(held), columns, ctypes.byref(count)) != _OK:
            return None
        images, categories, boxes, scores = self._columns
        n = count.value
        return images[:n].copy(), categories[:n].copy(), boxes[:n].copy(), scores[:n].copy()

    def _make_room(self, rows: int) -> None:
        if rows > self._room:
            ids, numbers = np.int64, np.float64
            self._columns = (
                np.empty(rows, ids),
                np.empty(rows, ids),
                np.empty((rows, 4), numbers),
                np.empty(rows, numbers),
            )
            self._room = rows
