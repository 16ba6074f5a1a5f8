"""One measurement at a time on this host: xdist workers and other pytest runs wait for each other."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_S = 0.5


class HostLock:
    """A lock file in the temporary folder of the host."""

    def __init__(self, folder: Path | None = None) -> None:
        """Choose the file; nothing is locked yet."""
        place = folder or Path(tempfile.gettempdir())
        path = place / "rfperf-host.lock"
        if hasattr(os, "getuid") and path.exists() and not os.access(path, os.W_OK):
            path = place / f"rfperf-host-{os.getuid()}.lock"
        self._lock = FileLock(path, mode=0o666)

    @contextlib.contextmanager
    def held(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the lock; `waiting` is told twice a second meanwhile."""
        while True:
            try:
                self._lock.acquire(timeout=_POLL_S)
                break
            except Timeout:
                waiting("waiting for another measurement on this host")
        try:
            yield
        finally:
            self._lock.release()
