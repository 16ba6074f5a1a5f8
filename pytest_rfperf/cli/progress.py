"""Progress of a command on standard error: one line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

_FIRST_S = 1.0
_EVERY_S = {True: 0.2, False: 15.0}


class LineProgress:
    """Says how things stand, once they have taken a second."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._live = sys.stderr.isatty()
        self._begin = self._last = time.monotonic()
        self._shown = 0

    def show(self, what: str) -> None:
        """Say it, at most a few times a second on a terminal, every 15 s in a log."""
        now = time.monotonic()
        if now - self._begin < _FIRST_S or now - self._last < _EVERY_S[self._live]:
            return
        self._last = now
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r{what[:width]:<{self._shown}}")
            self._shown = min(len(what), width)
        else:
            sys.stderr.write(f"{what}\n")
        sys.stderr.flush()

    def done(self) -> None:
        """Take the line away."""
        if self._live and self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
        self._begin, self._shown = time.monotonic(), 0
