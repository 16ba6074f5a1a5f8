"""A model and another one on one target and dataset, in sessions of their own, called in turns."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_rfperf.errors import TargetError
from pytest_rfperf.measure.host import one_core
from pytest_rfperf.measure.paired_loop import LocalSide, PairedLoop
from pytest_rfperf.store.protocol import without_the_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_rfperf.data.runs import LatencyRun, LoadShape, PairedRun
    from pytest_rfperf.measure.paired_loop import Side
    from pytest_rfperf.protocols import Model
    from pytest_rfperf.session.bench import CaseBench


class Contender(NamedTuple):
    """A model, and the interpreter that runs it where two need different packages; None for pytest's own."""

    model: Model
    python: Path | None = None


class Taken(NamedTuple):
    """One side's part of a run in turns: its calls, the other's hash, and the protocol of its session."""

    run: LatencyRun
    other_sha256: str
    protocol: Mapping[str, str]


class Turns:
    """Two models and the sessions in which they take turns.

    Parameters
    ----------
    bench : CaseBench
        Of the first model.
    own, other : Contender
    other_bench : CaseBench, optional
        Of the second, where it is a model of the configuration.
    """

    def __init__(
        self, bench: CaseBench, own: Contender, other: Contender, other_bench: CaseBench | None = None
    ) -> None:
        """Open nothing yet."""
        self._benches, self._session = (bench, other_bench), bench.session
        self._bench = bench
        self.contenders = (own, other)
        self.where = f"{bench.where} and {other.model.name}"
        self._loops: dict[tuple[LoadShape, int], PairedLoop] = {}
        self._detectors: dict[int, tuple[Any, ...]] = {}

    @property
    def loops(self) -> dict[LoadShape, PairedLoop]:
        """Runs so far, by their shape."""
        return {shape: loop for (shape, _), loop in self._loops.items()}

    @property
    def alike(self) -> bool:
        """Whether both compute alike: one thread on the CPU each, and equal settings but for what a file brings."""
        detectors = self._opened(0)
        settings = [without_the_file(detector.protocol) for detector in detectors]
        return all(detector.one_thread for detector in detectors) and settings[0] == settings[1]

    def measure(
        self, shape: LoadShape, decided: Callable[[PairedRun], bool], cap_s: float | None = None, *, judged: int = 0
    ) -> PairedRun:
        """Measure in turns until `decided` or the cap; a run of the same shape goes on where it stopped.

        `judged` is the rank of the model that a test is about: only that one has a fault under `rfperf mutate`.
        """
        key = (shape, self._faulty(judged))
        with self._session.measuring(f"{self.where}: {shape}, in turns") as say:
            detectors = self._opened(key[1])
            if key not in self._loops:
                say("opening and warming up")
                self._loops[key] = self._loop(detectors, shape)
            run = self._extended(self._loops[key], decided, cap_s, say)
        for rank, side in enumerate((run.first, run.second)):
            bench, other = self._benches[rank], self.contenders[1 - rank].model
            if bench is not None:
                taken = Taken(side, other.sha256, detectors[rank].protocol)
                bench.turns[f"{shape}, in turns with {other.name}"] = taken
        return run

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool], *, judged: int = 0) -> PairedRun:
        """Measure anew in fresh sessions, the other model loaded first."""
        with self._session.measuring(f"{self.where}: {shape}, in turns, again") as say:
            say("opening and warming up")
            detectors = self._fresh(self._faulty(judged), swapped=True)
            try:
                return self._extended(self._loop(detectors, shape), decided, None, say)
            finally:
                _close(detectors)

    def close(self) -> None:
        """Close the sessions."""
        for detectors in self._detectors.values():
            _close(detectors)
        self._detectors.clear()

    def _faulty(self, judged: int) -> int:
        """The rank that has a fault; without one both ask for the same sessions."""
        return judged if self._session.settings.fault else 0

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

    def _opened(self, faulty: int) -> tuple[Any, ...]:
        if faulty not in self._detectors:
            self._detectors[faulty] = self._fresh(faulty, swapped=False)
        return self._detectors[faulty]

    def _fresh(self, faulty: int, *, swapped: bool) -> tuple[Any, ...]:
        """Both detectors, the first model's first; loaded in the other order where `swapped`."""
        opened: dict[int, Any] = {}
        core = one_core() if self._apart else None
        try:
            for rank in (1, 0) if swapped else (0, 1):
                opened[rank] = self._open(self.contenders[rank], core)
                if rank == faulty:
                    opened[rank] = self._with_fault(opened[rank], self.contenders[rank].model)
        except BaseException:
            _close(tuple(opened.values()))
            raise
        return opened[0], opened[1]

    def _with_fault(self, detector: Any, model: Model) -> Any:  # noqa: ANN401 - a detector, here or apart
        return self._session.with_fault(detector, model, self._bench.case.target or "", in_turns=True)

    @property
    def _apart(self) -> bool:
        """Whether the two need different packages, so that each runs in a process of its own."""
        return any(contender.python for contender in self.contenders)

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


class FirstSide:
    """Turns as the first model's gates see them; implements `gates.gate.Opponent`."""

    def __init__(self, turns: Turns, said: str) -> None:
        """Name the other model in messages by `said`."""
        self.turns, self.said = turns, said

    @property
    def alike(self) -> bool:
        """Whether both compute alike."""
        return self.turns.alike

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure in turns until `decided` or the cap."""
        return self.turns.measure(shape, decided)

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure anew in fresh sessions."""
        return self.turns.again(shape, decided)


class SecondSide(FirstSide):
    """The same as the second model's gates see them: its own calls come first."""

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure in turns until `decided` or the cap."""
        return self.turns.measure(shape, lambda run: decided(run.swapped), judged=1).swapped

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure anew in fresh sessions."""
        return self.turns.again(shape, lambda run: decided(run.swapped), judged=1).swapped


def _close(detectors: tuple[Any, ...]) -> None:
    with contextlib.ExitStack() as stack:
        for detector in detectors:
            stack.callback(detector.close)
