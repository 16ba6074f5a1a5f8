"""The paired loop: two detectors take turns on the same images, so that a busy host slows both alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.budget import cpu_share
from pytest_rfperf.data.runs import LatencyRun, LoadShape, PairedRun, WarmUp
from pytest_rfperf.measure.closed_loop import time_calls
from pytest_rfperf.measure.host import HostWatch
from pytest_rfperf.measure.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.data.timing import Timing
    from pytest_rfperf.protocols import Clock

_BLOCK_NS = 10**8


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what is called, with which item for each image, and whether this thread does all its work."""

    call: Callable[[Any], object]
    items: Sequence[Any]
    one_thread: bool


class PairedLoop:
    """One run of pairs that grows until its reader has decided.

    Parameters
    ----------
    first, second : Side
        With as many items each; those of one index are made of one image.
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
        chosen = int(self._random.integers(len(self._sides[0].items)))
        timed = {int(rank): self._timed(self._sides[rank], chosen) for rank in self._random.permutation(2)}
        for rank, call in timed.items():
            self._made[rank].add(*call)

    def _timed(self, side: Side, chosen: int) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, list[object], int]:
        """One call: its wall and CPU time, its answer, and the time that the loop spent on it."""
        begin = self._clock.wall_ns()
        walls, cpus, answers = time_calls(
            side.call, [side.items[chosen]], self._clock, cpu=side.one_thread, pace_ns=self._shape.pace_ns
        )
        kept = answers if self._shape.scope == "end-to-end" else []
        return walls, cpus, kept, self._clock.wall_ns() - begin

    def _warm(self, side: Side) -> WarmUp:
        def call() -> int:
            item = side.items[int(self._random.integers(len(side.items)))]
            return int(time_calls(side.call, [item], self._clock, cpu=False, pace_ns=self._shape.pace_ns)[0][0])

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

    def add(
        self, walls: NDArray[np.int64], cpus: NDArray[np.int64] | None, answers: list[object], duration_ns: int
    ) -> None:
        self.duration_ns += duration_ns
        self.walls += walls.tolist()
        self.cpus += [] if cpus is None else cpus.tolist()
        self.timings += [answer[1] for answer in answers]  # type: ignore[index]
