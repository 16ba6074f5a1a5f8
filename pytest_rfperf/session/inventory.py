"""What is configured, opened at the first use, kept, and closed at the end."""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING, Any, Protocol

from pytest_rfperf.config import convert_options
from pytest_rfperf.errors import UndecidedError, UsageError
from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.registry import find
from pytest_rfperf.session.datasets import load_dataset
from pytest_rfperf.session.models import make_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rfperf.config import Settings
    from pytest_rfperf.data.environment import Environment
    from pytest_rfperf.protocols import Clock, Dataset, Detector, Model, Target

TARGETS = "rfperf.targets"


class Progress(Protocol):
    """Shows what is being measured."""

    def show(self, what: str) -> None:
        """Say what is going on now."""

    def done(self) -> None:
        """Take the line away."""


class Inventory:
    """Models, targets, detectors and datasets by name, and the lock and clock to measure them with.

    Parameters
    ----------
    settings : Settings
    progress : Progress
    gate_count : int
        Gates of the whole session, by which alpha is divided where its scope is the session.
    clock : Clock, optional
    lock : HostLock, optional
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        *,
        gate_count: int = 1,
        clock: Clock | None = None,
        lock: HostLock | None = None,
    ) -> None:
        """Open nothing yet."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.notes: list[str] = []
        shares = gate_count if settings.run.alpha_scope == "session" else 1
        self.alpha = settings.run.alpha / max(1, shares)
        self.measured_s = 0.0
        """Wall time that this process has spent measuring."""
        self.suite_cap_binds = False
        """Whether the last measurement was granted what the suite's cap left, and not the cap of a gate."""
        self._progress = progress
        self._lock = lock or HostLock()
        self._models: dict[str, Model] = {}
        self._targets: dict[str, Target] = {}
        self._turns_targets: dict[str, Target] = {}
        self._environments: dict[str, Environment] = {}
        self._detectors: dict[tuple[str, str], Detector] = {}
        self._datasets: dict[str, Dataset] = {}

    def model(self, name: str) -> Model:
        """The model of a name; its file is hashed at the first use."""
        if name not in self._models:
            self._models[name] = make_model(name, self.settings, self.note)
            if self.settings.fault:
                from pytest_rfperf.session.faults import faulty_model  # noqa: PLC0415 - only under `rfperf mutate`

                self._models[name] = faulty_model(self._models[name], self.settings.fault)
        return self._models[name]

    def target(self, name: str) -> Target:
        """The target of a name; made at the first use."""
        if name not in self._targets:
            keys = self.settings.targets[name]
            try:
                adapter = find(TARGETS, keys.kind).load()
            except UsageError as error:
                msg = f"{self.settings.source}: targets.{name}.kind: {error}"
                raise UsageError(msg) from None
            options = convert_options(keys.keys, adapter.options, f"targets.{name}", self.settings.source)
            self._targets[name] = adapter(name, options)
        return self._targets[name]

    def environment(self, name: str) -> Environment:
        """The facts of a target, read once."""
        if name not in self._environments:
            self._environments[name] = self.target(name).environment()
        return self._environments[name]

    def turns_target(self, name: str) -> Target:
        """The target as two models that take turns need it: idle threads of one do not disturb the other."""
        target: Any = self.target(name)
        if name not in self._turns_targets:
            self._turns_targets[name] = target.for_turns() if hasattr(target, "for_turns") else target
        return self._turns_targets[name]

    def detector(self, model: str, target: str) -> Detector:
        """The model deployed on the target; opened at the first use."""
        if (model, target) not in self._detectors:
            opened = self.target(target).open(self.model(model))
            self._detectors[model, target] = self.with_fault(opened, self.model(model), target)
        return self._detectors[model, target]

    def with_fault(self, detector: Any, model: Model, target: str, *, in_turns: bool = False) -> Any:  # noqa: ANN401 - a detector, here or apart
        """The detector as it is, but for what `rfperf mutate` has it do wrong."""
        if not self.settings.fault:
            return detector
        from pytest_rfperf.session.faults import Opened, faulty_detector  # noqa: PLC0415 - only under `rfperf mutate`

        return faulty_detector(detector, Opened(model, target, in_turns), self)

    def dataset(self, name: str) -> Dataset:
        """The dataset of a name; its annotations are read at the first use."""
        if name not in self._datasets:
            self._datasets[name] = load_dataset(name, self.settings, self.note, self._progress)
            for warning in self._datasets[name].warnings:
                self.note(f"datasets.{name}: {warning}")
        return self._datasets[name]

    @property
    def left_s(self) -> float:
        """Seconds of measuring that the suite's cap leaves this process; workers share it equally."""
        cap_s = self.settings.run.suite_cap_s
        if cap_s is None:
            return math.inf
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        return max(0.0, cap_s / workers - self.measured_s)

    def granted_s(self, cap_s: float, measured_s: float) -> float:
        """How long a run of `measured_s` so far may become: the cap, or what the suite's cap leaves."""
        left_s = measured_s + self.left_s
        self.suite_cap_binds = left_s < cap_s
        return min(cap_s, left_s)

    @contextlib.contextmanager
    def showing(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show progress of what is no measuring; yields what to call with the state of affairs."""
        try:
            yield lambda state: self._progress.show(f"{what}: {state}")
        finally:
            self._progress.done()

    @contextlib.contextmanager
    def measuring(self, what: str) -> Iterator[Callable[[str], None]]:
        """Hold the host's lock and show progress; yields what to call with the state of affairs.

        Raises
        ------
        UndecidedError
            If the suite's cap is spent.
        """
        if not self.left_s:
            msg = (
                f"not measured: the suite's cap of {self.settings.run.suite_cap_s:g} s is spent; raise "
                f"--rfperf-suite-cap, or select fewer gates"
            )
            raise UndecidedError(msg)

        with self.showing(what) as say, self._lock.held(say):
            begin = self.clock.wall_ns()
            try:
                yield say
            finally:
                self.measured_s += (self.clock.wall_ns() - begin) / 1e9

    def close(self) -> None:
        """Close detectors, then targets."""
        with contextlib.ExitStack() as stack:
            for close in (
                *(target.close for target in reversed(self._targets.values())),
                *(detector.close for detector in reversed(self._detectors.values())),
            ):
                stack.callback(close)

    def note(self, text: str) -> None:
        """Keep a remark for the report, once."""
        if text not in self.notes:
            self.notes.append(text)
