"""Progress of a command, on standard error."""

from __future__ import annotations

import shutil
import sys

from pytest_rfperf.report.progress import LineProgress


def stderr_progress() -> LineProgress:
    """Progress on standard error as it is now."""
    stream = sys.stderr

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return LineProgress(write, lambda: max(20, shutil.get_terminal_size().columns - 1), live=stream.isatty())
