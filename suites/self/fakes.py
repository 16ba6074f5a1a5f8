"""Stand-ins for time, detectors, targets and benches, and short ways to make facts."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np

from pytest_rfperf.core.resampling import resampled_ap, resampled_difference
from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.environment import Environment
from pytest_rfperf.data.runs import FAILED_NS, ColdStart, HostSignals, LatencyRun, LoadShape, MemoryUse, WarmUp
from pytest_rfperf.data.timing import Timing
from pytest_rfperf.errors import RequestError
from pytest_rfperf.measure.closed_loop import ClosedLoop
from pytest_rfperf.measure.paired_loop import LocalSide, PairedLoop
from pytest_rfperf.session.facts import (
    AccuracyFacts,
    CaseFacts,
    ComparisonFacts,
    EstimateFacts,
    LatencyFacts,
    VerdictFacts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_rfperf.core.resampling import Part
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.data.runs import PairedRun

MS = 10**6
S = 10**9


class FakeClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.cpu_ns = 0
        self.slept_s: list[float] = []

    def wall_ns(self) -> int:
        return self.now_ns

    def thread_cpu_ns(self) -> int:
        return self.cpu_ns

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_ns += round(seconds * 1e9)

    def spend(self, wall_ns: int, cpu_ns: int) -> None:
        self.now_ns += wall_ns
        self.cpu_ns += cpu_ns


class FakeDetector:
    """Takes the latencies that it was given, over and over; `FAILED_NS` is a request that fails after 1 ms."""

    labels = ("square", "disc")
    score_floor = 0.01
    protocol = {"runtime": "fake 1.0"}

    def __init__(
        self, clock: FakeClock, latencies_ns: Iterable[int] = (MS,), *, cpu_ratio: float = 1.0, one_thread: bool = True
    ) -> None:
        self.clock = clock
        self.latencies_ns = itertools.cycle(latencies_ns)
        self.cpu_ratio = cpu_ratio
        self.one_thread = one_thread
        self.images: list[Any] = []
        self.runs: list[Any] = []
        self.closed = False

    def _spend(self) -> int:
        latency_ns = next(self.latencies_ns)
        if latency_ns == FAILED_NS:
            self.clock.spend(MS, 0)
            msg = "no answer"
            raise RequestError(msg)
        self.clock.spend(latency_ns, round(latency_ns * self.cpu_ratio))
        return latency_ns

    def detect(self, image: Any) -> tuple[Detections, Timing]:
        self.images.append(image)
        latency_ns = self._spend()
        return found([(1.0, 1.0, 5.0, 5.0)], [0.9], [0]), Timing(infer_ns=latency_ns)

    def prepare(self, image: bytes) -> str:
        return f"tensor of {len(image)} bytes"

    def run(self, prepared: Any) -> None:
        self.runs.append(prepared)
        self._spend()

    def close(self) -> None:
        self.closed = True


def found(boxes: Sequence[Sequence[float]], scores: Sequence[float], labels: Sequence[int]) -> Detections:
    """Detections from plain lists."""
    return Detections(
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(scores, dtype=np.float64),
        np.array(labels, dtype=np.int64),
    )


class FakeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of the fake target."""

    latency_ms: float = 1.0


class SlimTarget:
    """All that a target must have; `events` and `clock` are set by the test."""

    options = FakeOptions
    latencies: dict[str, Sequence[int]] = {}
    """By the name of a model, where a test gives it its own."""
    events: list[str] = []
    clock = FakeClock()

    def __init__(self, name: str, options: FakeOptions) -> None:
        self.name, self.latency_ns = name, round(options.latency_ms * MS)
        self.events.append(f"make {name}")

    def open(self, model: Any) -> FakeDetector:
        self.events.append(f"open {model.name} on {self.name}")
        detector = FakeDetector(self.clock, self.latencies.get(model.name, [self.latency_ns]))
        detector.close = lambda: self.events.append(f"close {model.name} on {self.name}")
        return detector

    def environment(self) -> Environment:
        self.events.append(f"environment of {self.name}")
        return Environment({"cpu": "fake"})

    def close(self) -> None:
        self.events.append(f"close {self.name}")


class FakeTarget(SlimTarget):
    """A target that can also start fresh processes: 2 s each, 100 MB."""

    def cold_start(self, model: Any, image: bytes) -> ColdStart:
        self.events.append(f"cold start of {model.name}")
        return ColdStart(2 * S)

    def memory(self, model: Any, images: Sequence[bytes]) -> MemoryUse:
        self.events.append(f"memory of {model.name} over {len(images)} images")
        return MemoryUse((150 * MS, 140 * MS, 145 * MS), 50 * MS)


class FakeBench:
    """Answers a gate with what it was made with, and remembers what was asked."""

    where = "fast on cpu/street"
    alpha = 0.05
    beta = 0.05
    cap_option = "--rfperf-cap"

    def __init__(self, *, cap_s: float = 30.0, artifact: Path | None = None, **answers: Any) -> None:
        self.cap_s = cap_s
        self.artifact = artifact
        self.answers = answers
        self.asked: list[Any] = []

    def latency(self, shape: LoadShape, decided: Callable[[LatencyRun], bool]) -> LatencyRun:
        self.asked.append(("latency", shape))
        run: LatencyRun = self.answers["run"]
        decided(run)
        return run

    def accuracy(self, **protocol: Any) -> Any:
        self.asked.append(("accuracy", protocol))
        return self.answers["accuracy"]

    def baseline_accuracy(self) -> Any:
        self.asked.append("baseline")
        return self.answers["baseline"]

    def opponent(self, against: str) -> Any:
        self.asked.append(("opponent", against))
        return self.answers["opponent"]

    def stored_medians(self, shape: LoadShape) -> tuple[float, ...]:
        self.asked.append(("stored medians", shape))
        return self.answers["stored_medians"]

    def resampled(self, accuracy: Any, part: Part, *, certainty: float | None) -> Resampled:
        return resampled_ap(accuracy.records, accuracy.run.images, part, certainty=certainty)

    def resampled_change(self, accuracy: Any, baseline: Any, part: Part) -> Resampled:
        return resampled_difference(baseline.records, accuracy.records, accuracy.run.images, part)

    def cold_starts(self, decided: Callable[[Sequence[ColdStart]], bool], most: int) -> Sequence[ColdStart]:
        starts: list[ColdStart] = []
        while len(starts) < most and not (starts and decided(starts)):
            starts.append(ColdStart(self.answers["starts"][len(starts) % len(self.answers["starts"])]))
        return starts

    def memory(self) -> MemoryUse:
        return self.answers["memory"]


class FakeOpponent:
    """Takes turns in fake time, or answers with runs that the test made: the first, then those of fresh sessions."""

    def __init__(self, *runs: PairedRun, latencies_ns: Any = None, alike: bool = True, said: str = "accurate") -> None:
        self.runs, self.latencies_ns, self.alike, self.said = list(runs), latencies_ns, alike, said
        self.asked: list[tuple[str, LoadShape]] = []
        self.cap_s = 30.0

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        self.asked.append(("measure", shape))
        return self._answer(shape, decided)

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        self.asked.append(("again", shape))
        return self._answer(shape, decided)

    def _answer(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        if self.runs:
            run = self.runs.pop(0)
            decided(run)
            return run
        clock = FakeClock()
        sides = [local_side(FakeDetector(clock, some), clock) for some in self.latencies_ns]
        return PairedLoop(*sides, shape, clock, seed=0).extend(decided, self.cap_s, lambda _: None)


def local_side(
    detector: FakeDetector, clock: FakeClock, images: Sequence[Any] = ("image",), *, scope: str = "end-to-end"
) -> LocalSide:
    """One of two that take turns."""
    whole = scope == "end-to-end"
    call = detector.detect if whole else detector.run
    return LocalSide(call, images, clock, one_thread=detector.one_thread, has_timing=whole)


class LoopBench(FakeBench):
    """Answers latency with a real closed loop in fake time."""

    def __init__(self, latencies_ns: Iterable[int], *, cap_s: float = 30.0) -> None:
        super().__init__(cap_s=cap_s)
        self.clock = FakeClock()
        self.detector = FakeDetector(self.clock, latencies_ns)
        self.reports: list[LatencyRun] = []

    def latency(self, shape: LoadShape, decided: Callable[[LatencyRun], bool]) -> LatencyRun:
        loop = ClosedLoop(self.detector.detect, ["image"], shape, self.clock, one_thread=True, seed=0)
        return loop.extend(decided, self.cap_s, self.reports.append)


def latency_run(
    latencies_ns: Sequence[int],
    *,
    cpu_ns: Sequence[int] | None = None,
    duration_s: float = 4.0,
    steal_ratio: float | None = None,
) -> LatencyRun:
    """A run that happened as the test says."""
    return LatencyRun(
        shape=LoadShape(),
        latencies_ns=np.array(latencies_ns, dtype=np.int64),
        cpu_ns=None if cpu_ns is None else np.array(cpu_ns, dtype=np.int64),
        timings=[],
        warm_up=WarmUp(30, 0.3, True, 10 * MS),
        signals=HostSignals(steal_ratio=steal_ratio),
        duration_s=duration_s,
    )


def latency_facts(**changes: Any) -> LatencyFacts:
    """Facts of a run of 400 calls."""
    usual: dict[str, Any] = {
        "shape": "end-to-end",
        "calls": 400,
        "failed": 0,
        "p50_ms": 10.0,
        "p95_ms": 12.5,
        "successes_p95_ms": 12.5,
        "duration_s": 4.0,
        "warm_up_calls": 30,
        "warm_up_steady": True,
        "first_call_ms": 20.0,
        "stages_ms": {},
        "signals": {},
        "protocol": {"runtime": "fake 1.0"},
        "samples": "",
    }
    return LatencyFacts(**(usual | changes))


def accuracy_facts(**changes: Any) -> AccuracyFacts:
    """Facts of a pass over 50 images."""
    usual: dict[str, Any] = {
        "images": 50,
        "values": {"AP": 0.5, "AP50": 0.75},
        "duration_s": 1.0,
        "outside_classes": 0,
        "protocol": {"score floor": "0.01"},
    }
    return AccuracyFacts(**(usual | changes))


def case_facts(**changes: Any) -> CaseFacts:
    """Facts of one test on fast, cpu and street, without figures."""
    usual: dict[str, Any] = {
        "test": "test_release.py::test_release",
        "model": "fast",
        "size": "fast",
        "target": "cpu",
        "dataset": "street",
        "artifact": "fast.onnx",
        "artifact_sha256": hashlib.sha256(b"fast").hexdigest(),
        "environment": {"cpu": "fake"},
    }
    return CaseFacts(**(usual | changes))


def verdict_facts(outcome: str = "PASS", **changes: Any) -> VerdictFacts:
    """A verdict of a latency budget."""
    usual: dict[str, Any] = {
        "gate": "latency_budget",
        "measured": 12.5,
        "limit": 50.0,
        "unit": "ms",
        "message": "p95 12.5 ms",
        "metric": changes.get("gate", "latency_budget"),
    }
    return VerdictFacts(outcome=outcome, **(usual | changes))


def comparison_facts(**changes: Any) -> ComparisonFacts:
    """Facts of fast beside accurate on cpu and bees."""
    end, alone = "end-to-end", "model-only"
    usual: dict[str, Any] = {
        "small": "fast",
        "large": "accurate",
        "target": "cpu",
        "dataset": "bees",
        "images": 100,
        "small_ap": {"AP": 0.2, "AP50": 0.64},
        "large_ap": {"AP": 0.35, "AP50": 0.86},
        "gains": {"AP50": EstimateFacts(0.22, 0.2, 0.24)},
        "slow_downs": {end: EstimateFacts(2.0, 1.9, 2.1), alone: EstimateFacts(3.0, 2.9, 3.1)},
        "pairs": {end: 300, alone: 200},
        "small_ms": {f"{end} p50": EstimateFacts(2, 1.9, 2.1), f"{end} p95": EstimateFacts(2.5, 2.4, 2.6)},
        "large_ms": {f"{end} p50": EstimateFacts(4, 3.9, 4.1), f"{end} p95": EstimateFacts(5, 4.9, 5.1)},
    }
    return ComparisonFacts(**(usual | changes))


def write_project(root: Path, *, kind: str = "fakes:FakeTarget", more: str = "") -> None:
    """Two models, one dataset of two images, one fake target."""
    (root / "data").mkdir(parents=True)
    for name in ("fast", "accurate"):
        (root / f"{name}.onnx").write_bytes(name.encode())
    for shade in (1, 2):
        _, png = cv2.imencode(".png", np.full((8, 8, 3), shade, dtype=np.uint8))
        (root / "data" / f"{shade}.png").write_bytes(png.tobytes())
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 8, "height": 8} for i in (1, 2)],
        "categories": [{"id": 7, "name": "square"}, {"id": 9, "name": "disc"}],
        "annotations": [{"id": i, "image_id": i, "category_id": 7, "bbox": [1, 1, 4, 4], "area": 16} for i in (1, 2)],
    }
    (root / "data" / "annotations.json").write_text(json.dumps(content))
    (root / "rfperf.toml").write_text(
        f"""
        {more}
        [models.fast]
        artifact = "fast.onnx"
        [models.accurate]
        artifact = "accurate.onnx"
        [datasets.street]
        path = "data"
        [targets.cpu]
        kind = "{kind}"
        """
    )
