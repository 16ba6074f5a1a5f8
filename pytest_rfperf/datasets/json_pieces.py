"""A long JSON array in pieces, each an array of its own that fits a processor's cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_BYTES = 256 * 1024
_TAIL_BYTES = 4096
_BETWEEN_ROWS = re.compile(rb"\}\s*,\s*\{")


class Source(Protocol):
    """What an unbuffered binary file can do."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer as far as there is something to read."""

    def read(self) -> bytes | None:
        """All that is left."""


class ArrayPieces:
    """Cuts an array of objects at commas between them, without parsing it.

    A cut may fall into a string or a nested array. Such a piece is no JSON, since what stands before the cut leaves
    something open: an array all of whose pieces decode has been cut rightly, and where one does not decode, `rest`
    is what to decode instead. No more than a piece is held in memory.

    Parameters
    ----------
    file : Source
    piece_bytes : int
        The longest piece.
    """

    def __init__(self, file: Source, *, piece_bytes: int = _PIECE_BYTES) -> None:
        """Read nothing yet."""
        self._file = file
        self._buffer = bytearray(piece_bytes)
        self._end = 0
        self._cut: int | None = None

    def __iter__(self) -> Iterator[memoryview]:
        """Every piece, good until the next is asked for."""
        view = memoryview(self._buffer)
        while read := self._file.readinto(view[self._end :]):
            self._end += read
            self._cut = self._last_comma()
            if self._cut is not None:
                view[self._cut] = ord("]")
                yield view[: self._cut + 1]
                view[self._cut] = ord("[")
                self._keep(view, self._cut)
            elif self._end == len(view):
                self._buffer = bytearray(self.rest())
                self._end = len(self._buffer)
                view = memoryview(self._buffer)
                break
        yield view[: self._end]

    def rest(self) -> bytes:
        """All from the beginning of the piece that came last to the end of the file, as one array."""
        begun = self._buffer[: self._end]
        if self._cut is not None:
            begun[self._cut] = ord(",")
        return bytes(begun) + (self._file.read() or b"")

    def _keep(self, view: memoryview, begin: int) -> None:
        """Move what no piece has held yet to the front of the buffer."""
        kept = view[begin : self._end].tobytes()
        view[: len(kept)] = kept
        self._end, self._cut = len(kept), None

    def _last_comma(self) -> int | None:
        """Place of the last comma between two objects, looked for where the buffer ends."""
        tail = max(0, self._end - _TAIL_BYTES)
        places = [found.start() for found in _BETWEEN_ROWS.finditer(self._buffer, tail, self._end)]
        return self._buffer.index(b",", places[-1]) if places else None
