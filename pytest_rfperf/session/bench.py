"""One detector on one target and dataset: each measurement is made once and shared by all gates."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from typing import TYPE_CHECKING

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import IOU_THRESHOLDS, match
from pytest_rfperf.core.resampling import resampled_ap, resampled_difference
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import DatasetError, TargetError, UsageError
from pytest_rfperf.gates.cold_start_budget import COLD_CAP_FACTOR
from pytest_rfperf.gates.gate import BASELINE, CAP_OPTION, SUITE_CAP_OPTION, Accuracy, StoredNumbers
from pytest_rfperf.gates.memory_budget import MEMORY_CALLS
from pytest_rfperf.measure.accuracy import accuracy_pass
from pytest_rfperf.measure.calm import CalmWait
from pytest_rfperf.measure.closed_loop import ClosedLoop
from pytest_rfperf.measure.images import image_pool
from pytest_rfperf.session.baselines import baseline_accuracy, packed_records
from pytest_rfperf.session.datasets import category_of_label
from pytest_rfperf.session.old_models import baseline_artifact, model_at, other_model, stored_medians
from pytest_rfperf.session.recorder import latency_protocol
from pytest_rfperf.session.training import training_s
from pytest_rfperf.session.turns import Contender, FirstSide, Turns
from pytest_rfperf.store.baseline import baseline_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from pytest_rfperf.core.resampling import Part
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.data.runs import AccuracyRun, ColdStart, LatencyRun, MemoryUse
    from pytest_rfperf.gates.gate import BaselineAccuracy, Opponent
    from pytest_rfperf.protocols import Dataset, Detector, FreshProcesses, Model
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.session import Session
    from pytest_rfperf.session.turns import Taken

_POOL_TENSORS = 64
_RECORDED_CALLS = 200


class CaseBench:
    """Implements `gates.gate.Bench` over an inventory."""

    def __init__(self, session: Session, case: Case) -> None:
        """Open nothing yet."""
        self.session = session
        self.case = case
        self.where = str(case)
        self.alpha = session.alpha
        self.beta = session.settings.run.alpha
        self.cap_s = session.settings.run.cap_s
        self.loops: dict[LoadShape, ClosedLoop] = {}
        self.turns: dict[str, Taken] = {}
        """Its side of runs in turns with another model, by what a report calls them."""
        self.accuracy_run: AccuracyRun | None = None
        self.starts: list[ColdStart] = []
        self.memory_use: MemoryUse | None = None
        self.category_of_label: list[int] = []
        self.pool_sha256 = ""
        self.baseline: BaselineAccuracy | None = None
        self._opponents: dict[str, Opponent] = {}
        self._pool: list[bytes] = []
        self._packed = ""
        self._evaluated: dict[tuple[float, int, tuple[float, ...]], Accuracy] = {}

    @property
    def model(self) -> Model:
        """The model of the case."""
        return self.session.model(self._named(self.case.model, "model"))

    @property
    def detector(self) -> Detector:
        """The model deployed on the target; opened at the first use."""
        return self.session.detector(self._named(self.case.model, "model"), self._named(self.case.target, "target"))

    @property
    def dataset(self) -> Dataset:
        """The dataset of the case; its annotations are read at the first use."""
        return self.session.dataset(self._named(self.case.dataset, "dataset"))

    @property
    def artifact(self) -> Path:
        """The model file."""
        return self.model.artifact

    @property
    def python(self) -> Path | None:
        """The interpreter that runs the model where two take turns; None for pytest's own."""
        settings = self.session.settings
        python = settings.models[self.model.name].python
        return settings.path(python) if python else None

    @property
    def baseline_path(self) -> Path:
        """Where the baseline of the case lies."""
        settings, case = self.session.settings, self.case
        folder = settings.path(settings.run.baselines)
        return baseline_path(folder, case.target or "", case.dataset or "", case.model or "")

    @property
    def cap_option(self) -> str:
        """The option that would have granted more time: of the gate's cap and what the suite's left, the shorter."""
        return SUITE_CAP_OPTION if self.session.suite_cap_binds else CAP_OPTION

    def latency(
        self, shape: LoadShape, decided: Callable[[LatencyRun], bool], cap_s: float | None = None
    ) -> LatencyRun:
        """Measure until `decided` or the cap; a run of the same shape goes on where it stopped."""
        with self.session.measuring(f"{self.where}: {shape}") as say:
            if shape not in self.loops:
                say("opening and warming up")
                self.loops[shape] = self._loop(shape)
            loop = self.loops[shape]
            limit_s = self.session.granted_s(self.cap_s if cap_s is None else cap_s, loop.run.duration_s)
            return loop.extend(decided, limit_s, lambda run: say(f"{run.calls} calls, {run.duration_s:.1f} s"))

    def accuracy(
        self,
        *,
        score_floor: float | None = None,
        max_detections: int = 100,
        iou_thresholds: Sequence[float] | None = None,
    ) -> Accuracy:
        """Run over the dataset once; evaluate once for each protocol that is asked for."""
        run = self._accuracy_run()
        floor = run.score_floor if score_floor is None else max(score_floor, run.score_floor)
        thresholds = IOU_THRESHOLDS if iou_thresholds is None else tuple(iou_thresholds)
        if all(any(abs(asked - known) < 1e-9 for known in IOU_THRESHOLDS) for asked in thresholds):  # noqa: PLR2004 - float noise
            thresholds = IOU_THRESHOLDS
        key = (floor, max_detections, thresholds)
        if key not in self._evaluated:
            limits = tuple(sorted({1, min(10, max_detections), max_detections}))
            results = run.results.where(run.results.scores >= floor)
            names = tuple(category.name for category in self.dataset.categories)
            try:
                records = match(
                    self.dataset.truth, results, len(names), iou_thresholds=thresholds, max_detections=max_detections
                )
            except ValueError as error:
                msg = f"{self.where} cannot be evaluated: {error}"
                raise DatasetError(msg) from error
            files = tuple(image.path.name for image in self.dataset.images)
            found = accumulate(records, max_detections=limits)
            self._evaluated[key] = Accuracy(run, records, found, names, files, floor)
        return self._evaluated[key]

    def baseline_accuracy(self) -> BaselineAccuracy | None:
        """The newest recorded accuracy pass of this case; None where there is none and this session records one."""
        if self.baseline is None:
            self.baseline = baseline_accuracy(self)
        return self.baseline

    def packed_records(self) -> str:
        """Match records of the default protocol as base64, packed once."""
        if not self._packed:
            self._packed = base64.b64encode(packed_records(self.accuracy())).decode("ascii")
        return self._packed

    def resampled(self, accuracy: Accuracy, part: Part, *, certainty: float | None) -> Resampled:
        """Average precision over redrawn images; its deviation alone without a certainty."""
        with self._resampling():
            return resampled_ap(accuracy.records, accuracy.run.images, part, certainty=certainty)

    def resampled_change(self, accuracy: Accuracy, baseline: BaselineAccuracy, part: Part) -> Resampled:
        """What the accuracy is more than the baseline's, over the same redrawn images."""
        with self._resampling():
            return resampled_difference(baseline.records, accuracy.records, accuracy.run.images, part)

    def opponent(self, against: str) -> Opponent | StoredNumbers | None:
        """The model of that name, size or path, or the baseline; None where this session records the first one.

        A session that records measures the model alone too, by which a later one can judge where the artefact is gone.
        """
        if against not in self._opponents:
            if against == BASELINE and self.session.settings.record:
                self.latency(LoadShape(), lambda run: run.calls >= _RECORDED_CALLS)
            found = self._baseline() if against == BASELINE else self._other(against)
            if found is None or isinstance(found, StoredNumbers):
                return found
            self._opponents[against] = found
        return self._opponents[against]

    def stored_medians(self, shape: LoadShape) -> tuple[float, ...]:
        """Clean medians in ns of the comparable recorded runs, newest first."""
        return stored_medians(self, shape, latency_protocol(self, shape))

    def close(self) -> None:
        """Close the sessions in which this model took turns with files that no other bench knows."""
        for opponent in self._opponents.values():
            if isinstance(opponent, FirstSide):
                opponent.turns.close()

    def _baseline(self) -> Opponent | StoredNumbers | None:
        with self.session.showing(f"{self.where}: baseline") as say:
            found = baseline_artifact(self, say)
        if found is None or isinstance(found, StoredNumbers):
            return found
        return self._turns_with(other_model(self, found, BASELINE), found.said)

    def _other(self, against: str) -> Opponent:
        settings, own = self.session.settings, self.model.name
        found = model_at(self, against)
        if found is not None and against not in settings.models:
            return self._turns_with(*found)
        try:
            other = settings.model_named(against)
        except UsageError as error:
            msg = f"{error}; nor is there a file '{against}'"
            raise UsageError(msg) from None
        if own == other:
            msg = f"'{own}' cannot be compared with itself; let the test run for other models only: @sizes(...)"
            raise UsageError(msg)
        return self.session.pair(self.case, other).opponent_of(self)

    def _turns_with(self, model: Model, said: str) -> Opponent:
        return FirstSide(Turns(self, Contender(self.model, self.python), Contender(model, self.python)), said)

    def training_s(self, name: str) -> float:
        """Wall seconds that the model of that name or size trained."""
        return training_s(self.session.settings.model_named(name), self.session.settings)

    def calls(self, shape: LoadShape, detector: Detector) -> tuple[Callable[[Any], object], Sequence[Any]]:
        """What a loop of that shape calls, and with what."""
        pool = self.images()
        if shape.scope == "model-only":
            return detector.run, _prepared(detector, pool)
        return detector.detect, pool

    def cold_starts(self, decided: Callable[[Sequence[ColdStart]], bool], most: int) -> Sequence[ColdStart]:
        """Start fresh processes until `decided`, `most`, or four times the cap."""
        with self.session.measuring(f"{self.where}: cold start") as say:
            say("opening")
            target, image = self._fresh(), self.images()[0]
            limit_s = self.session.granted_s(COLD_CAP_FACTOR * self.cap_s, 0.0)
            while len(self.starts) < most and not (self.starts and decided(self.starts)):
                say(f"start {len(self.starts) + 1}")
                self.starts.append(target.cold_start(self.model, image))
                if sum(start.duration_ns for start in self.starts) / 1e9 > limit_s:
                    break
        return self.starts

    def memory(self) -> MemoryUse:
        """Read the peak memory of fresh processes over 20 calls."""
        if self.memory_use is None:
            with self.session.measuring(f"{self.where}: memory") as say:
                say("opening, then four fresh processes")
                target, pool = self._fresh(), self.images()
                images = [pool[i % len(pool)] for i in range(MEMORY_CALLS)]
                self.memory_use = target.memory(self.model, images)
        return self.memory_use

    @contextlib.contextmanager
    def _resampling(self) -> Iterator[None]:
        """Hold the lock of measuring: work of this size would disturb what another process measures."""
        with self.session.measuring(f"{self.where}: accuracy") as say:
            say("redrawing images")
            yield

    def _loop(self, shape: LoadShape) -> ClosedLoop:
        detector, seed = self.detector, self.session.settings.run.seed
        call, items = self.calls(shape, detector)
        return ClosedLoop(
            call,
            items,
            shape,
            self.session.clock,
            one_thread=detector.one_thread,
            seed=seed,
            calm=CalmWait(self.session.clock),
        )

    def _accuracy_run(self) -> AccuracyRun:
        if self.accuracy_run is None:
            names = (self._named(self.case.model, "model"), self._named(self.case.dataset, "dataset"))
            keys = self.session.settings.datasets[names[1]]
            with self.session.measuring(f"{self.where}: accuracy") as say:
                say("opening")
                self.category_of_label = category_of_label(self.detector.labels, self.dataset, keys, names)
                self.accuracy_run = accuracy_pass(
                    self.detector,
                    self.dataset,
                    self.category_of_label,
                    self.session.clock,
                    lambda n, of: say(f"{n}/{of} images"),
                )
        return self.accuracy_run

    def images(self) -> list[bytes]:
        """Encoded images that requests are made of, read once."""
        if not self._pool:
            self._pool = image_pool(self.dataset.images, self.session.settings.run.seed)
            self.pool_sha256 = hashlib.sha256(
                b"".join(hashlib.sha256(image).digest() for image in self._pool)
            ).hexdigest()
        return self._pool

    def _fresh(self) -> FreshProcesses:
        target: Any = self.session.target(self._named(self.case.target, "target"))
        if not hasattr(target, "cold_start"):
            msg = f"target '{self.case.target}' cannot start a detector in a fresh process"
            raise TargetError(msg)
        _ = self.detector  # opened here too, which attests that the target runs it where it was asked to
        return target  # type: ignore[no-any-return]

    def _named(self, name: str | None, kind: str) -> str:
        if name is None:
            msg = f"this test has no {kind}: ask for the fixture `{kind}`, or add a marker that needs it"
            raise UsageError(msg)
        return name


def _prepared(detector: Detector, pool: list[bytes]) -> list[object]:
    """Inputs of model-only calls, made beforehand from the first images of the pool."""
    return [detector.prepare(image) for image in pool[:_POOL_TENSORS]]
