"""Faults of `rfperf mutate`: what each does, to whom, and that nothing says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fakes import FakeDetector, FakeTarget, found, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.data.runs import FAILED_NS, Call
from pytest_rfperf.errors import RequestError, UsageError
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.reference import artifact
from pytest_rfperf.session import wrong_detectors
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.faults import FAULTS, Opened, faulty_detector, swapped_labels
from pytest_rfperf.session.session import Session
from pytest_rfperf.session.wrong_detectors import MORE, Faulty, FaultySide, dropping, longer, stale, swapping

MS = 10**6
SILENT = SimpleNamespace(show=lambda _: None, done=lambda: None)


@dataclass
class Ticking:
    """A clock that moves a microsecond whenever it is read, and by what is spent."""

    at: int = 0
    spent: list[int] = field(default_factory=list)

    def __call__(self):
        self.at += 1000
        return self.at

    def spend(self, item):
        self.at += item
        return f"answer to {item}"


@pytest.fixture
def clock(monkeypatch):
    ticking = Ticking()
    monkeypatch.setattr(wrong_detectors, "perf_counter_ns", ticking)
    return ticking


def session_of(root, fault=""):
    settings = load_settings(root, CommandLine(targets=("cpu",), fault=fault), {})
    return Session(settings, SILENT, lock=HostLock(root))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeTarget, "events", [])
    write_project(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def bundled(tmp_path):
    """A project of the bundled model and a few images of two tasks."""
    tasks = "".join(f'[datasets.{t}]\nformat = "reference"\ntask = "{t}"\nimages = 8\n' for t in ("chocolates", "bees"))
    (tmp_path / "rfperf.toml").write_text(f'[models.fast]\nartifact = "{artifact("fast").as_posix()}"\n{tasks}')
    return tmp_path


def took(clock, call, item):
    begin = clock.at
    assert call(item) == f"answer to {item}"
    return clock.at - begin


@pytest.mark.parametrize(("fault", "factor"), [("slow", 1.1), ("fallback", 3)])
def test_each_call_takes_longer_by_its_own_measure(clock, fault, factor):
    call = longer(clock.spend, MORE[fault]())
    for item in (10 * MS, 2 * MS, 50 * MS):
        assert took(clock, call, item) == pytest.approx(factor * item, rel=0.01)


def test_two_in_a_hundred_calls_take_five_times_as_long_and_the_same_ones_in_each_run(clock):
    calls = [longer(clock.spend, MORE["spike"]()) for _ in range(2)]
    runs = [[took(clock, call, MS) for _ in range(5000)] for call in calls]
    spikes = [[rank for rank, ns in enumerate(run) if ns > 2 * MS] for run in runs]
    assert spikes[0] == spikes[1]
    assert [rank // 50 for rank in spikes[0]] == list(range(100)), "one in each fifty, so that no stretch is without"
    assert len({rank % 50 for rank in spikes[0]}) > 30
    assert {round(ns / MS) for ns in runs[0]} == {1, 5}


def test_each_tenth_answer_is_the_one_before():
    call = stale(lambda item: item)
    assert [call(item) for item in range(1, 22)] == [*range(1, 10), 9, *range(11, 20), 19, 21]


def test_a_request_that_fails_fails():
    def fail(_item):
        raise RequestError

    for call in (stale(fail), longer(fail, MORE["slow"]())):
        for _ in range(12):
            with pytest.raises(RequestError):
                call(0)


def many(count):
    ranks = np.arange(count, dtype=np.float64)
    return found(np.stack([ranks, ranks, ranks + 5, ranks + 5], axis=1), np.linspace(1, 0.1, count), [0] * count)


def test_one_box_in_a_hundred_is_missing_and_the_same_one_in_each_run():
    real = many(300)
    first, again = (dropping(lambda _: (real, None)) for _ in range(2))
    images = [np.random.default_rng(seed).bytes(2000) for seed in range(200)]
    kept = [first(image)[0].boxes[:, 0] for image in images]
    assert 60_000 - sum(map(len, kept)) == pytest.approx(600, rel=0.2)
    assert all((first(image)[0].boxes[:, 0] == one).all() for image, one in zip(images, kept, strict=True))
    assert all((again(image)[0].boxes[:, 0] == one).all() for image, one in zip(images, kept, strict=True))
    missing = Counter(rank for one in kept for rank in set(range(300)) - {int(x) for x in one})
    assert len(missing) > 200, "which boxes are missing must depend on the image"


def test_labels_are_exchanged_and_nothing_else():
    real = found([(0, 0, 1, 1)] * 4, [0.9, 0.8, 0.7, 0.6], [0, 1, 2, 0])
    changed, timing = swapping(lambda _: (real, "timing"), [(0, 2)])(b"")
    assert changed.labels.tolist() == [2, 1, 0, 2]
    assert changed.boxes is real.boxes
    assert (changed.scores is real.scores, timing) == (True, "timing")
    assert real.labels.tolist() == [0, 1, 2, 0]


def test_the_two_most_frequent_classes_are_exchanged_each_label_once(bundled):
    """Bees have one class, which needs another label."""
    session = session_of(bundled, "swapped")
    labels = session.detector("fast", "cpu").labels
    pairs = [(labels[one], labels[other]) for one, other in swapped_labels(labels, session, "fast")]
    counts = np.bincount(session.dataset("chocolates").truth.categories)
    names = [category.name for category in session.dataset("chocolates").categories]
    assert set(pairs[0]) == {names[rank] for rank in np.argsort(-counts)[:2]}
    assert (pairs[1][0], len({*pairs[0], *pairs[1]})) == ("bee", 4)


def test_without_a_fault_the_detector_is_the_one_that_was_opened(project, monkeypatch):
    opened = FakeDetector(None)
    monkeypatch.setattr(FakeTarget, "open", lambda *_: opened)
    assert session_of(project).detector("fast", "cpu") is opened


@pytest.mark.parametrize("fault", FAULTS)
def test_no_field_of_any_protocol_changes(bundled, fault):
    sound, faulty = (session_of(bundled, name).detector("fast", "cpu") for name in ("", fault))
    for name in ("protocol", "labels", "score_floor", "one_thread"):
        assert getattr(sound, name) == getattr(faulty, name)
    faulty.close()
    with pytest.raises(Exception, match="closed"):
        faulty.detect(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())


def test_red_and_blue_are_exchanged_in_the_tensor_alone(bundled):
    sound, faulty = (session_of(bundled, name).detector("fast", "cpu") for name in ("", "bgr"))
    red = cv2.imencode(".png", np.full((64, 64, 3), (0, 0, 255), np.uint8))[1].tobytes()
    (one,), (other,) = (detector.prepare(red).feeds.values() for detector in (sound, faulty))
    assert (one[:, ::-1] == other).all()
    assert not (one == other).all()


def sides(opponent, judged):
    return [isinstance(detector, Faulty) for detector in opponent.turns._opened(judged)]


def test_of_two_that_take_turns_only_the_judged_one_is_faulty(project):
    fast, accurate = Case("fast", "cpu", "street"), Case("accurate", "cpu", "street")
    session = session_of(project, "slow")
    assert sides(session.bench(fast).opponent("accurate"), 0) == [True, False]
    session = session_of(project, "slow")
    assert sides(session.bench(accurate).opponent("fast"), 1) == [False, True]


def test_the_baseline_is_sound_and_the_second_look_is_faulty_too(project):
    (project / "rfperf.toml").write_text(
        (project / "rfperf.toml").read_text().replace('"fast.onnx"', '"fast.onnx"\nbaseline = "accurate.onnx"')
    )
    turns = session_of(project, "slow").bench(Case("fast", "cpu", "street")).opponent("baseline")
    assert sides(turns, 0) == [True, False]
    assert [isinstance(detector, Faulty) for detector in turns.turns._fresh(0, swapped=True)] == [True, False]


def test_a_fault_that_nobody_knows_is_named_with_the_known_ones(project):
    with pytest.raises(UsageError, match="--rfperf-fault=fast: known: slow, spike, dropped"):
        session_of(project, "fast").model("fast")


def test_a_target_that_asks_for_another_provider_is_really_opened_on_the_cpu(project):
    (project / "rfperf.toml").write_text(
        (project / "rfperf.toml")
        .read_text()
        .replace('"fakes:FakeTarget"', '"onnxruntime"\nproviders = ["FancyExecutionProvider"]')
        .replace("fast.onnx", artifact("fast").as_posix())
    )
    session, real = session_of(project, "fallback"), FakeDetector(None)
    real.protocol = {"providers": "FancyExecutionProvider"}
    faulty = faulty_detector(real, Opened(session.model("fast"), "cpu"), session)
    _, timing = faulty.detect(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    assert timing.infer_ns > 0
    assert real.images == []
    assert faulty.protocol == {"providers": "FancyExecutionProvider"}
    faulty.close()
    assert real.closed


def apart(fault, *calls):
    """A side in a process of its own, which answers with these calls."""
    answers = iter(calls)
    return FaultySide(SimpleNamespace(timed=lambda _item: next(answers), items=3), fault)


def test_a_side_in_a_process_of_its_own_tells_longer_times():
    side = apart("slow", Call(100, 50), Call(FAILED_NS), Call(1000, None))
    assert [side.timed(0)[:2] for _ in range(3)] == [(110, 55), (FAILED_NS, None), (1100, None)]
    assert side.items == 3
    side = apart("stale", *[Call(MS, MS)] * 10)
    assert [side.timed(0).wall_ns for _ in range(10)] == [*[MS] * 9, 1000]
    side = apart("dropped", Call(100, 50))
    assert side.timed(0) == Call(100, 50)
