"""What a measurement recorded, as it happened: rounds done, requests failed, seconds spent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import CocoResults
    from pytest_rfperf.data.timing import Timing

_SHAPE = re.compile(r"(end-to-end|model-only)(?: after gaps of (\S+) ms)?")
FAILED_NS = 2**63 - 1
"""The latency of a failed or timed-out request: infinite, in every verdict and percentile."""


@dataclass(frozen=True, slots=True)
class LoadShape:
    """How requests are made.

    Attributes
    ----------
    scope : str
        "end-to-end" (image bytes in, detections out) or "model-only" (tensor in, tensor out).
    pace_ns : int
        Idle time before each request; 0 is back to back.
    """

    scope: str = "end-to-end"
    pace_ns: int = 0

    @classmethod
    def named(cls, text: str) -> LoadShape | None:
        """The shape that a report calls so; None for runs in turns and anything else."""
        match = _SHAPE.fullmatch(text)
        return cls(match[1], round(float(match[2] or 0) * 1e6)) if match else None

    def __str__(self) -> str:
        """Name the shape as a report does."""
        pace = f" after gaps of {self.pace_ns / 1e6:g} ms" if self.pace_ns else ""
        return f"{self.scope}{pace}"


class Call(NamedTuple):
    """One call, by the clock of where it ran.

    Attributes
    ----------
    wall_ns : int
        `FAILED_NS` where it failed.
    cpu_ns : int or None
        CPU time, where one thread does all the work.
    timing : Timing or None
        Stages, where it answered and tells them apart.
    """

    wall_ns: int
    cpu_ns: int | None = None
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The calls that were made and discarded before measuring.

    Attributes
    ----------
    calls : int
    duration_s : float
    steady : bool
        Whether three windows of ten calls agreed within 5 %; else the cap ended the warm-up.
    first_ns : int
        The very first call, often the slowest.
    """

    calls: int
    duration_s: float
    steady: bool
    first_ns: int


@dataclass(frozen=True, slots=True)
class HostSignals:
    """What the host showed of contention while measuring; None is "not observable", never "fine".

    Attributes
    ----------
    cpu_share : float or None
        CPU time of the measuring thread over wall time of its calls.
    pressure_ratio : float or None
        Share of wall time in which some task waited for a CPU (Linux pressure stall information).
    steal_ratio : float or None
        Share of CPU time that the hypervisor took.
    involuntary_switches : int or None
        Times that the measuring thread was put off its CPU.
    """

    cpu_share: float | None = None
    pressure_ratio: float | None = None
    steal_ratio: float | None = None
    involuntary_switches: int | None = None


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """One closed-loop run, from its first measured call to its last.

    Attributes
    ----------
    shape : LoadShape
    latencies_ns : (N,) int64
        In the order of the calls; `FAILED_NS` for a failed request.
    cpu_ns : (N,) int64 or None
        CPU time of each call where the work is done by the measuring thread alone.
    timings : list of Timing
        Stages of the successful end-to-end calls.
    warm_up : WarmUp
    signals : HostSignals
    duration_s : float
        Wall time spent measuring, idle time included.
    waited_s : float
        How much of it was waited for a calmer host.
    """

    shape: LoadShape
    latencies_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64] | None
    timings: list[Timing]
    warm_up: WarmUp
    signals: HostSignals
    duration_s: float
    waited_s: float = 0.0

    @property
    def calls(self) -> int:
        """How many calls were measured."""
        return len(self.latencies_ns)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return int((self.latencies_ns == FAILED_NS).sum())


@dataclass(frozen=True, slots=True)
class PairedRun:
    """Two detectors on the same images, one call of each a pair.

    Attributes
    ----------
    first, second : LatencyRun
        Equally many calls; calls of one rank make a pair.
    """

    first: LatencyRun
    second: LatencyRun

    @property
    def pairs(self) -> int:
        """How many pairs were measured."""
        return self.first.calls

    @property
    def swapped(self) -> PairedRun:
        """The same, seen from the other side."""
        return PairedRun(self.second, self.first)

    @property
    def duration_s(self) -> float:
        """Wall time spent measuring."""
        return self.first.duration_s + self.second.duration_s


@dataclass(frozen=True, slots=True)
class AccuracyRun:
    """The detections of one pass over a dataset.

    Attributes
    ----------
    results : CocoResults
    score_floor : float
        The detector returned nothing below this score.
    images : int
    outside_classes : int
        Detections of classes that the dataset does not annotate; they take no part.
    duration_s : float
    images_sha256 : str
        Hash over the bytes of all images in order.
    warnings : tuple of str
    """

    results: CocoResults
    score_floor: float
    images: int
    outside_classes: int
    duration_s: float
    images_sha256: str
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One fresh process from its spawn to its first detections.

    Attributes
    ----------
    duration_ns : int
    """

    duration_ns: int


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Resident memory of fresh processes.

    Attributes
    ----------
    peak_bytes : tuple of int
        Peak of each process that ran the detector.
    bare_bytes : int
        Peak of a process that only made the same imports.
    """

    peak_bytes: tuple[int, ...]
    bare_bytes: int

    @property
    def used_bytes(self) -> int:
        """What the detector adds, by the highest peak."""
        return max(self.peak_bytes) - self.bare_bytes
