"""A model and another one on one target and dataset, in sessions of their own, called in turns."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_rfperf.errors import TargetError
from pytest_rfperf.measure.host import one_core
from pytest_rfperf.measure.paired_loop import LocalSide, PairedLoop
from pytest_rfperf.store.protocol import without_the_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_rfperf.data.runs import LoadShape, PairedRun
    from pytest_rfperf.measure.paired_loop import Side
    from pytest_rfperf.protocols import Model
    from pytest_rfperf.session.bench import CaseBench


class Contender(NamedTuple):
    """A model, and the interpreter that runs it where two need different packages; None for pytest's own."""

    model: Model
    python: Path | None = None


class Turns:
    """Implements `gates.gate.Opponent`.

    Parameters
    ----------
    bench : CaseBench
        Of the model that is judged.
    own, other : Contender
    said : str
        Names the other in messages.
    """

    def __init__(self, bench: CaseBench, own: Contender, other: Contender, said: str) -> None:
        """Open nothing yet."""
        self._bench, self._session = bench, bench.session
        self._contenders = (own, other)
        self.said = said
        self.loops: dict[LoadShape, PairedLoop] = {}
        self.judged = 0
        """Rank of the contender that a test is about: what `rfperf mutate` has done wrong is done there alone."""
        self._detectors: tuple[Any, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether both compute alike: one thread on the CPU each, and equal settings but for what a file brings."""
        detectors = self._opened()
        settings = [without_the_file(detector.protocol) for detector in detectors]
        return all(detector.one_thread for detector in detectors) and settings[0] == settings[1]

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool], cap_s: float | None = None) -> PairedRun:
        """Measure in turns until `decided` or the cap; a run of the same shape goes on where it stopped."""
        with self._session.measuring(f"{self._bench.where} and {self.said}: {shape}, in turns") as say:
            if shape not in self.loops:
                say("opening and warming up")
                self.loops[shape] = self._loop(self._opened(), shape)
            run = self._extended(self.loops[shape], decided, cap_s, say)
        other = self._contenders[1].model
        self._bench.turns[f"{shape}, in turns with {other.name}"] = run.first, other.sha256
        return run

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure anew in fresh sessions, the other model loaded first."""
        with self._session.measuring(f"{self._bench.where} and {self.said}: {shape}, in turns, again") as say:
            say("opening and warming up")
            detectors = self._fresh(swapped=True)
            try:
                return self._extended(self._loop(detectors, shape), decided, None, say)
            finally:
                _close(detectors)

    def close(self) -> None:
        """Close the sessions."""
        _close(self._detectors)
        self._detectors = ()

    def _extended(
        self, loop: PairedLoop, decided: Callable[[PairedRun], bool], cap_s: float | None, say: Callable[[str], None]
    ) -> PairedRun:
        limit_s = self._session.granted_s(self._bench.cap_s if cap_s is None else cap_s, loop.run.duration_s)
        return loop.extend(decided, limit_s, lambda run: say(f"{run.pairs} pairs, {run.duration_s:.1f} s"))

    def _loop(self, detectors: tuple[Any, ...], shape: LoadShape) -> PairedLoop:
        first, second = (self._side(detector, shape) for detector in detectors)
        return PairedLoop(first, second, shape, self._session.clock, seed=self._session.settings.run.seed)

    def _side(self, detector: Any, shape: LoadShape) -> Side:  # noqa: ANN401 - a detector, here or apart
        if hasattr(detector, "hold"):
            held: Side = detector.hold(self._bench.images(), shape.scope)
            return held
        call, items = self._bench.calls(shape, detector)
        timed = shape.scope == "end-to-end"
        return LocalSide(call, items, self._session.clock, one_thread=detector.one_thread, has_timing=timed)

    def _opened(self) -> tuple[Any, ...]:
        if not self._detectors:
            self._detectors = self._fresh(swapped=False)
        return self._detectors

    def _fresh(self, *, swapped: bool) -> tuple[Any, ...]:
        """Both detectors, this model's first; loaded in the other order where `swapped`."""
        opened: dict[int, Any] = {}
        core = one_core() if self._apart else None
        try:
            for rank in (1, 0) if swapped else (0, 1):
                opened[rank] = self._open(self._contenders[rank], core)
                if rank == self.judged:
                    opened[rank] = self._with_fault(opened[rank])
        except BaseException:
            _close(tuple(opened.values()))
            raise
        return opened[0], opened[1]

    def _with_fault(self, detector: Any) -> Any:  # noqa: ANN401 - a detector, here or apart
        model, target = self._contenders[self.judged].model, self._bench.case.target or ""
        return self._session.with_fault(detector, model, target, in_turns=True)

    @property
    def _apart(self) -> bool:
        """Whether the two need different packages, so that each runs in a process of its own."""
        return any(contender.python for contender in self._contenders)

    def _open(self, contender: Contender, core: int | None) -> Any:  # noqa: ANN401 - a detector, here or apart
        target: Any = self._session.turns_target(self._bench.case.target or "")
        if not self._apart:
            return target.open(contender.model)
        if not hasattr(target, "open_apart"):
            msg = (
                f"target '{self._bench.case.target}' cannot run models in processes of their own; take `python` away "
                f"from models.{contender.model.name}"
            )
            raise TargetError(msg)
        return target.open_apart(contender.model, python=contender.python, core=core)


class Swapped:
    """Turns seen from the other side: its first is the second."""

    def __init__(self, turns: Turns, said: str) -> None:
        """Name the first in messages by `said`."""
        self._turns, self.said = turns, said
        turns.judged = 1

    @property
    def alike(self) -> bool:
        """Whether both compute alike."""
        return self._turns.alike

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure in turns until `decided` or the cap."""
        return self._turns.measure(shape, lambda run: decided(run.swapped)).swapped

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure anew in fresh sessions."""
        return self._turns.again(shape, lambda run: decided(run.swapped)).swapped


def _close(detectors: tuple[Any, ...]) -> None:
    with contextlib.ExitStack() as stack:
        for detector in detectors:
            stack.callback(detector.close)
