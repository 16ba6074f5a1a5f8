"""Waiting for a calmer host: calls made after a burst of other work tell more than calls made in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.protocols import Clock

_LOOK_S = 0.1
_MOST_SHARE = 0.1
_MOST_ONCE_S = 1.0
_IDLE_CORES = 0.8
"""Of one core: what a thread that measures needs to have for itself."""


class CpuTimes(Protocol):
    """Seconds that all cores together have spent, as psutil reads them."""

    idle: float


class CalmWait:
    """Waits a moment at a time, a tenth of the cap in all; after a wait in vain it waits less often.

    Parameters
    ----------
    clock : Clock
    read : callable, optional
        CPU times of the host.
    """

    def __init__(self, clock: Clock, read: Callable[[], CpuTimes] | None = None) -> None:
        """Wait for nothing yet."""
        self._clock, self._read = clock, read or psutil.cpu_times
        self.waited_s = 0.0
        self._patience = 1
        self._skipped = 0

    def after_a_busy_block(self, cap_s: float) -> None:
        """Wait until a core is idle, a second at most, while the waits come to less than a tenth of the cap."""
        self._skipped += 1
        if self._skipped < self._patience:
            return
        self._skipped = 0
        left_s = min(_MOST_ONCE_S, _MOST_SHARE * cap_s - self.waited_s)
        while left_s >= _LOOK_S:
            idle = self._read().idle
            self._clock.sleep(_LOOK_S)
            self.waited_s += _LOOK_S
            left_s -= _LOOK_S
            if (self._read().idle - idle) / _LOOK_S >= _IDLE_CORES:
                self._patience = 1
                return
        self._patience *= 2
