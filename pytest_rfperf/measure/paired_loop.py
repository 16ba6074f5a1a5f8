"""The paired loop: two detectors take turns on the same images, so that a busy host slows both alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pytest_rfperf.core.budget import cpu_share
from pytest_rfperf.data.runs import Call, LatencyRun, LoadShape, PairedRun, WarmUp
from pytest_rfperf.measure.closed_loop import time_calls
from pytest_rfperf.measure.host import HostWatch
from pytest_rfperf.measure.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.data.timing import Timing
    from pytest_rfperf.protocols import Clock

_BLOCK_NS = 10**8


class Side(Protocol):
    """One of the two: how many items it has, and a call with one of them, timed where it runs."""

    @property
    def items(self) -> int:
        """How many items there are to call with; as many as the other side has, of the same images."""

    @property
    def one_thread(self) -> bool:
        """Whether one thread does all the work of a call, so that its CPU time is known."""

    def timed(self, item: int) -> Call:
        """Call once; a failed request is no error but an infinite time."""


class LocalSide:
    """A side that runs in this thread.

    Parameters
    ----------
    call : callable
        Takes one item, and returns what it answers: detections and a `Timing` with `has_timing`.
    items : sequence
    clock : Clock
    one_thread : bool
    has_timing : bool
    """

    def __init__(
        self,
        call: Callable[[Any], object],
        items: Sequence[Any],
        clock: Clock,
        *,
        one_thread: bool,
        has_timing: bool,
    ) -> None:
        """Call nothing yet."""
        self._call, self._items, self._clock = call, items, clock
        self._one_thread, self._has_timing = one_thread, has_timing

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self._items)

    @property
    def one_thread(self) -> bool:
        """Whether the CPU time of this thread is that of a call."""
        return self._one_thread

    def timed(self, item: int) -> Call:
        """Call once in this thread."""
        walls, cpus, answers = time_calls(self._call, [self._items[item]], self._clock, cpu=self._one_thread, pace_ns=0)
        timing: Any = answers[0][1] if answers and self._has_timing else None  # type: ignore[index]
        return Call(int(walls[0]), None if cpus is None else int(cpus[0]), timing)


class PairedLoop:
    """One run of pairs that grows until its reader has decided.

    Parameters
    ----------
    first, second : Side
        With as many items each; those of one rank are made of one image.
    shape : LoadShape
    clock : Clock
    seed : int
        Of the generator that draws images with replacement, and tosses which side begins a pair.
    """

    def __init__(self, first: Side, second: Side, shape: LoadShape, clock: Clock, *, seed: int) -> None:
        """Warm both up; nothing is measured yet."""
        self._sides = (first, second)
        self._shape = shape
        self._clock = clock
        self._random = np.random.default_rng(seed)
        self._warm_ups = [self._warm(side) for side in self._sides]
        self._made = [_Calls(), _Calls()]
        self._watch = HostWatch(clock.wall_ns)

    def extend(
        self, decided: Callable[[PairedRun], bool], cap_s: float, progress: Callable[[PairedRun], None]
    ) -> PairedRun:
        """Measure pairs in blocks of a tenth of a second until `decided` or until `cap_s` seconds are spent."""
        run = self.run
        while not (run.pairs and decided(run)) and run.duration_s < cap_s:
            begin = self._clock.wall_ns()
            with self._watch:
                while self._clock.wall_ns() - begin < _BLOCK_NS:
                    self._pair()
            run = self.run
            progress(run)
        return run

    @property
    def run(self) -> PairedRun:
        """All that was measured so far."""
        return PairedRun(*(self._side_run(rank) for rank in (0, 1)))

    def _pair(self) -> None:
        """Call both, then keep both: an error between the two leaves no half of a pair."""
        chosen = int(self._random.integers(self._sides[0].items))
        timed = {int(rank): self._timed(self._sides[rank], chosen) for rank in self._random.permutation(2)}
        for rank, (call, duration_ns) in timed.items():
            self._made[rank].add(call, duration_ns)

    def _timed(self, side: Side, chosen: int) -> tuple[Call, int]:
        """One call after its gap, and the time that the loop spent on it."""
        begin = self._clock.wall_ns()
        if self._shape.pace_ns:
            self._clock.sleep(self._shape.pace_ns / 1e9)
        call = side.timed(chosen)
        return call, self._clock.wall_ns() - begin

    def _warm(self, side: Side) -> WarmUp:
        def call() -> int:
            return self._timed(side, int(self._random.integers(side.items)))[0].wall_ns

        return warm_up(call, self._clock.wall_ns)

    def _side_run(self, rank: int) -> LatencyRun:
        made, one_thread = self._made[rank], self._sides[rank].one_thread
        walls = np.array(made.walls, dtype=np.int64)
        cpus = np.array(made.cpus, dtype=np.int64) if one_thread else None
        signals = self._watch.signals(cpu_share(walls, cpus))
        timings, duration_s = list(made.timings), made.duration_ns / 1e9
        return LatencyRun(self._shape, walls, cpus, timings, self._warm_ups[rank], signals, duration_s)


class _Calls:
    """What one side's calls gave."""

    def __init__(self) -> None:
        self.walls: list[int] = []
        self.cpus: list[int] = []
        self.timings: list[Timing] = []
        self.duration_ns = 0

    def add(self, call: Call, duration_ns: int) -> None:
        self.duration_ns += duration_ns
        self.walls.append(call.wall_ns)
        self.cpus += [] if call.cpu_ns is None else [call.cpu_ns]
        self.timings += [] if call.timing is None else [call.timing]
