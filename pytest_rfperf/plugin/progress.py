"""Progress while a test measures: one line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from pytest_rfperf.session.inventory import Progress

PROGRESS = "rfperf-progress"
"""The name under which a command that runs pytest registers its own."""
_FIRST_S = 2.0
_EVERY_S = {True: 0.2, False: 15.0}


class Silent:
    """For workers, whose output nobody sees."""

    def show(self, what: str) -> None:
        """Say nothing."""

    def done(self) -> None:
        """Leave nothing."""


class TerminalProgress:
    """Writes past pytest's capture, once a measurement has taken two seconds."""

    def __init__(self, reporter: Any, capture: Any) -> None:  # noqa: ANN401 - pytest's own plugins, not public types
        """Take pytest's terminal reporter and capture manager, the latter None with -s."""
        self._writer = reporter._tw  # noqa: SLF001 - the reporter offers no way to rewrite a line
        self._capture = capture
        self._live = bool(reporter.isatty)
        self._begin = self._last = 0.0
        self._shown = False

    def show(self, what: str) -> None:
        """Show what is going on, at most a few times a second on a terminal, every 15 s in a log."""
        now = time.monotonic()
        self._begin = self._begin or now
        if now - self._begin < _FIRST_S or now - self._last < _EVERY_S[self._live]:
            return
        self._last, self._shown = now, True
        width = max(20, self._writer.fullwidth - 1)
        self._write(f"\r{what[:width]:<{width}}" if self._live else f"\nrfperf: {what}\n")

    def done(self) -> None:
        """Take the line away."""
        if self._shown and self._live:
            self._write("\r" + " " * max(20, self._writer.fullwidth - 1) + "\r")
        self._begin, self._last, self._shown = 0.0, 0.0, False

    def _write(self, text: str) -> None:
        if self._capture is None:
            self._writer.write(text, flush=True)
            return
        with self._capture.global_and_fixture_disabled():
            self._writer.write(text, flush=True)


def progress_for(config: pytest.Config) -> Progress:
    """Progress of the command that runs pytest, else on the terminal where this process has it."""
    registered: Progress | None = config.pluginmanager.get_plugin(PROGRESS)
    if registered is not None:
        return registered
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return Silent()
    return TerminalProgress(reporter, config.pluginmanager.get_plugin("capturemanager"))
