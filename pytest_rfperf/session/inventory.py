"""What is configured, opened at the first use, kept, and closed at the end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from pytest_rfperf.config import convert_options
from pytest_rfperf.errors import UsageError
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
        self._progress = progress
        self._lock = lock or HostLock()
        self._models: dict[str, Model] = {}
        self._targets: dict[str, Target] = {}
        self._environments: dict[str, Environment] = {}
        self._detectors: dict[tuple[str, str], Detector] = {}
        self._datasets: dict[str, Dataset] = {}

    def model(self, name: str) -> Model:
        """The model of a name; its file is hashed at the first use."""
        if name not in self._models:
            self._models[name] = make_model(name, self.settings, self._note)
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

    def detector(self, model: str, target: str) -> Detector:
        """The model deployed on the target; opened at the first use."""
        if (model, target) not in self._detectors:
            self._detectors[model, target] = self.target(target).open(self.model(model))
        return self._detectors[model, target]

    def dataset(self, name: str) -> Dataset:
        """The dataset of a name; its annotations are read at the first use."""
        if name not in self._datasets:
            self._datasets[name] = load_dataset(name, self.settings, self._note, self._progress)
            for warning in self._datasets[name].warnings:
                self._note(f"datasets.{name}: {warning}")
        return self._datasets[name]

    @contextlib.contextmanager
    def measuring(self, what: str) -> Iterator[Callable[[str], None]]:
        """Hold the host's lock and show progress; yields what to call with the state of affairs."""

        def say(state: str) -> None:
            self._progress.show(f"{what}: {state}")

        try:
            with self._lock.held(say):
                yield say
        finally:
            self._progress.done()

    def close(self) -> None:
        """Close detectors, then targets."""
        with contextlib.ExitStack() as stack:
            for close in (
                *(target.close for target in reversed(self._targets.values())),
                *(detector.close for detector in reversed(self._detectors.values())),
            ):
                stack.callback(close)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
