"""How things stand while something is measured: one line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_S = 2.0
_EVERY_S = {True: 0.2, False: 15.0}


class LineProgress:
    """Shows nothing before two seconds have passed.

    Parameters
    ----------
    write : callable
        Takes text, and shows it at once.
    width : callable
        The characters that a line holds.
    live : bool
        Whether a line can be written over, as on a terminal.
    """

    def __init__(self, write: Callable[[str], None], width: Callable[[], int], *, live: bool) -> None:
        """Show nothing yet."""
        self._write, self._width, self._live = write, width, live
        self._begin = self._last = 0.0
        self._shown = False

    def show(self, what: str) -> None:
        """Say it, at most a few times a second on a terminal, every 15 s in a log."""
        now = time.monotonic()
        self._begin = self._begin or now
        if now - self._begin < _FIRST_S or now - self._last < _EVERY_S[self._live]:
            return
        self._last, self._shown = now, True
        width = self._width()
        self._write(f"\r{what[:width]:<{width}}" if self._live else f"{what}\n")

    def done(self) -> None:
        """Take the line away."""
        if self._shown and self._live:
            self._write("\r" + " " * self._width() + "\r")
        self._begin, self._last, self._shown = 0.0, 0.0, False
