"""The real clock; tests pass one of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SystemClock:
    """Monotonic wall time and the CPU time of the calling thread, both in nanoseconds."""

    wall_ns: Callable[[], int] = staticmethod(time.perf_counter_ns)
    thread_cpu_ns: Callable[[], int] = staticmethod(time.thread_time_ns)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
