"""What the host shows of contention; what cannot be read is None, never fine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rfperf.data.runs import HostSignals

if TYPE_CHECKING:
    from collections.abc import Callable

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


class HostWatch:
    """Reads the host's counters when it is made, and gives what they did since."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Take the first reading."""
        self._now_ns = now_ns
        self._first = self._read()

    def signals(self, cpu_share: float | None) -> HostSignals:
        """What happened since the watch was made, with the CPU share that the measurement knows."""
        first, last = self._first, self._read()
        elapsed_us = max(1.0, (last.at_ns - first.at_ns) / 1e3)
        pressure, steal = _since(first.pressure_us, last.pressure_us), _since(first.steal_ticks, last.steal_ticks)
        ticks = _since(first.all_ticks, last.all_ticks)
        return HostSignals(
            cpu_share=cpu_share,
            pressure_ratio=None if pressure is None else min(1.0, pressure / elapsed_us),
            steal_ratio=None if steal is None else steal / max(1, ticks or 0),
            involuntary_switches=_since(first.switches, last.switches),
        )

    def _read(self) -> _Reading:
        steal, ticks = _steal()
        return _Reading(_pressure_us(), steal, ticks, _switches(), self._now_ns())


def _since(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first


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
