"""The closed loop: one request after the other, in blocks, each call timed from issue to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.budget import cpu_share
from pytest_rfperf.data.runs import FAILED_NS, LatencyRun, LoadShape
from pytest_rfperf.errors import RequestError
from pytest_rfperf.measure.host import HostWatch
from pytest_rfperf.measure.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.data.timing import Timing
    from pytest_rfperf.measure.calm import CalmWait
    from pytest_rfperf.protocols import Clock

_FIRST_BLOCK = 10
_MAX_BLOCK = 1000
_BLOCK_S = 0.1


class ClosedLoop:
    """One run that grows until its reader has decided: every gate of the session shares it.

    Parameters
    ----------
    call : callable
        Takes one item, and returns what it answers. A RequestError is a failed request: infinite latency.
    items : sequence
        What requests are made of; drawn with replacement by a generator of this `seed`.
    shape : LoadShape
    clock : Clock
    one_thread : bool
        Whether the CPU time of this thread is that of the call.
    seed : int
    calm : CalmWait, optional
        Waits where the host shows a burst of other work; without it none is waited out.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        call: Callable[[Any], object],
        items: Sequence[Any],
        shape: LoadShape,
        clock: Clock,
        *,
        one_thread: bool,
        seed: int,
        calm: CalmWait | None = None,
    ) -> None:
        """Warm up; nothing is measured yet."""
        self._call = call
        self._items = items
        self._shape = shape
        self._clock = clock
        self._calm = calm
        self._random = np.random.default_rng(seed)
        self._walls: list[NDArray[np.int64]] = []
        self._cpus: list[NDArray[np.int64]] | None = [] if one_thread else None
        self._timings: list[Timing] = []
        self._duration_ns = 0
        self._warm_up = warm_up(self._one_call, clock.wall_ns)
        self._watch = HostWatch(clock.wall_ns)

    def extend(
        self, decided: Callable[[LatencyRun], bool], cap_s: float, progress: Callable[[LatencyRun], None]
    ) -> LatencyRun:
        """Measure in blocks until `decided` or until `cap_s` seconds of this run have been measured."""
        run = self.run
        while not (run.calls and decided(run)):
            if self._duration_ns >= cap_s * 1e9:
                break
            self._measure(self._block_size(run, cap_s))
            run = self.run
            progress(run)
            if self._calm and self._watch.was_busy and self._duration_ns < cap_s * 1e9 and not decided(run):
                self._wait(self._calm, cap_s)
        return self.run

    @property
    def run(self) -> LatencyRun:
        """All that was measured so far."""
        empty = np.zeros(0, dtype=np.int64)
        walls = np.concatenate([empty, *self._walls])
        cpus = None if self._cpus is None else np.concatenate([empty, *self._cpus])
        signals = self._watch.signals(cpu_share(walls, cpus))
        timings, duration_s = list(self._timings), self._duration_ns / 1e9
        waited_s = self._calm.waited_s if self._calm else 0.0
        return LatencyRun(self._shape, walls, cpus, timings, self._warm_up, signals, duration_s, waited_s)

    def _wait(self, calm: CalmWait, cap_s: float) -> None:
        begin = self._clock.wall_ns()
        calm.after_a_busy_block(cap_s)
        self._duration_ns += self._clock.wall_ns() - begin

    def _block_size(self, run: LatencyRun, cap_s: float) -> int:
        """Calls that take about a tenth of a second, and no more than the cap still allows."""
        done = run if run.calls else self._warm_up
        per_call_s = max(1e-7, done.duration_s / done.calls)
        most = _MAX_BLOCK if run.calls else _FIRST_BLOCK
        return max(1, min(most, int(_BLOCK_S / per_call_s), int((cap_s - run.duration_s) / per_call_s) + 1))

    def _measure(self, calls: int) -> None:
        begin = self._clock.wall_ns()
        chosen = [self._items[i] for i in self._random.integers(len(self._items), size=calls)]
        with self._watch:
            walls, cpus, answers = time_calls(
                self._call, chosen, self._clock, cpu=self._cpus is not None, pace_ns=self._shape.pace_ns
            )
        self._walls.append(walls)
        if self._cpus is not None and cpus is not None:
            self._cpus.append(cpus)
        if self._shape.scope == "end-to-end":
            self._timings += [answer[1] for answer in answers]  # type: ignore[index]
        self._duration_ns += self._clock.wall_ns() - begin

    def _one_call(self) -> int:
        chosen = [self._items[int(self._random.integers(len(self._items)))]]
        walls, _, _ = time_calls(self._call, chosen, self._clock, cpu=False, pace_ns=self._shape.pace_ns)
        return int(walls[0])


def time_calls(
    call: Callable[[Any], object], items: Sequence[Any], clock: Clock, *, cpu: bool, pace_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, list[object]]:
    """Time one call an item.

    Returns
    -------
    latencies : (N,) int64
        In ns; `FAILED_NS` where the call raised RequestError.
    cpu : (N,) int64 or None
        CPU time of this thread, where asked for.
    answers : list
        Of the successful calls, in order.
    """
    now, cpu_now = clock.wall_ns, clock.thread_cpu_ns
    walls, cpus = np.empty(len(items), dtype=np.int64), np.zeros(len(items), dtype=np.int64)
    answers: list[object] = []
    keep = answers.append
    for i, item in enumerate(items):
        if pace_ns:
            clock.sleep(pace_ns / 1e9)
        try:
            if cpu:
                cpu_begin = cpu_now()
                begin = now()
                answer = call(item)
                end = now()
                cpus[i] = cpu_now() - cpu_begin
            else:
                begin = now()
                answer = call(item)
                end = now()
        except RequestError:
            walls[i] = FAILED_NS
        else:
            walls[i] = end - begin
            keep(answer)
    return walls, cpus if cpu else None, answers
