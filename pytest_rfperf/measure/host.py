"""What the host shows of contention; what cannot be read is None, never fine."""

from __future__ import annotations

import contextlib
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pytest_rfperf.data.runs import HostSignals

if TYPE_CHECKING:
    from collections.abc import Callable

_BUSY_PRESSURE, _BUSY_STEAL = 0.1, 0.05
_STEAL_FIELD = 7
_CPU_FIELDS = 8
_PRESSURE = Path("/proc/pressure/cpu")
_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class _Reading:
    pressure_us: int | None
    steal_ticks: int | None
    all_ticks: int | None
    switches: int | None
    at_ns: int


def one_core() -> int | None:
    """A core that this process may run on, the last of them; None where the system does not tell."""
    try:
        return psutil.Process().cpu_affinity()[-1]
    except (AttributeError, psutil.Error, IndexError):
        return None


class HostWatch:
    """Adds up what the host's counters did while it was on: `with watch:` around each stretch of measuring."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Start from nothing."""
        self._now_ns = now_ns
        self._begin: _Reading | None = None
        self._total: _Reading | None = None
        self._last: _Reading | None = None

    def __enter__(self) -> None:
        """Begin a stretch."""
        self._begin = self._read()

    def __exit__(self, *_: object) -> None:
        """End a stretch and add what happened in it."""
        if self._begin is None:
            return
        stretch = _combined(self._read(), self._begin, operator.sub)
        self._last = stretch
        self._total = stretch if self._total is None else _combined(self._total, stretch, operator.add)

    def signals(self, cpu_share: float | None) -> HostSignals:
        """What happened so far, with the CPU share that the measurement knows."""
        return _signals(self._total, cpu_share)

    @property
    def was_busy(self) -> bool:
        """Whether the last stretch shows a burst of other work: tasks that waited for a CPU, or stolen time."""
        last = _signals(self._last, None)
        return (last.pressure_ratio or 0.0) > _BUSY_PRESSURE or (last.steal_ratio or 0.0) > _BUSY_STEAL

    def _read(self) -> _Reading:
        steal, ticks = _steal()
        return _Reading(_pressure_us(), steal, ticks, _switches(), self._now_ns())


def _signals(reading: _Reading | None, cpu_share: float | None) -> HostSignals:
    if reading is None:
        return HostSignals(cpu_share=cpu_share)
    elapsed_us = max(1.0, reading.at_ns / 1e3)
    return HostSignals(
        cpu_share=cpu_share,
        pressure_ratio=None if reading.pressure_us is None else min(1.0, reading.pressure_us / elapsed_us),
        steal_ratio=None if reading.steal_ticks is None else reading.steal_ticks / max(1, reading.all_ticks or 0),
        involuntary_switches=reading.switches,
    )


def _combined(one: _Reading, other: _Reading, how: Callable[[int, int], int]) -> _Reading:
    """Add or subtract two readings; what either cannot see stays unseen."""

    def each(a: int | None, b: int | None) -> int | None:
        return None if a is None or b is None else how(a, b)

    return _Reading(
        each(one.pressure_us, other.pressure_us),
        each(one.steal_ticks, other.steal_ticks),
        each(one.all_ticks, other.all_ticks),
        each(one.switches, other.switches),
        how(one.at_ns, other.at_ns),
    )


def _pressure_us() -> int | None:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(_PRESSURE.read_text(encoding="ascii").split("total=")[1].split()[0])
    return None


def _steal() -> tuple[int | None, int | None]:
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = [int(f) for f in _STAT.read_text(encoding="ascii").splitlines()[0].split()[1 : 1 + _CPU_FIELDS]]
        return fields[_STEAL_FIELD], sum(fields)
    return None, None


def _switches() -> int | None:
    with contextlib.suppress(ImportError, AttributeError):
        import resource  # noqa: PLC0415 - not there on Windows

        return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
    return None
