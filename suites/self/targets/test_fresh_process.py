"""The target in child processes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from time import perf_counter_ns

import cv2
import numpy as np
import pytest
from onnx_models import detr_model, nan_model, write

from pytest_rfperf.data.model import DecoderSettings
from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.errors import ModelError, TargetError
from pytest_rfperf.protocols import Model
from pytest_rfperf.targets.onnxruntime import OnnxruntimeTarget, fresh
from pytest_rfperf.targets.onnxruntime.child import Task, peak_bytes, perform
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions

IMAGE = cv2.imencode(".png", np.full((20, 40, 3), 127, dtype=np.uint8))[1].tobytes()


def made(folder, content: bytes) -> Model:
    keys = DecoderSettings(("a", "b"))
    path = write(folder / "tiny.onnx", content)
    return Model("tiny", "fast", path, hashlib.sha256(content).hexdigest(), keys, lambda s: DetrDecoder.bind(s, keys))


@pytest.fixture
def target() -> OnnxruntimeTarget:
    return OnnxruntimeTarget("here", OnnxruntimeOptions())


@pytest.fixture
def answered(monkeypatch):
    """Let every child process end as told, and keep the tasks that they were given."""
    tasks = []

    def end(code: int = 0, out: bytes = b"1000\n", err: bytes = b"") -> list:
        def run(command, *, input, **_):  # noqa: A002 - as subprocess names it
            tasks.append(fresh.msgspec.json.decode(input, type=Task))
            return subprocess.CompletedProcess(command, code, out, err)

        monkeypatch.setattr(fresh.subprocess, "run", run)
        return tasks

    return end


@pytest.mark.integration
def test_a_cold_start_is_a_whole_process(target, tmp_path):
    begin = perf_counter_ns()
    cold = target.cold_start(made(tmp_path, detr_model()), IMAGE)
    around = perf_counter_ns() - begin
    assert 0 < cold.duration_ns < around


@pytest.mark.integration
def test_memory_is_read_from_three_children_and_one_that_only_imports(target, tmp_path):
    memory = target.memory(made(tmp_path, detr_model()), [IMAGE, IMAGE])
    assert len(memory.peak_bytes) == 3
    assert 10**7 < memory.bare_bytes < min(memory.peak_bytes)


@pytest.mark.integration
def test_a_child_that_fails_gives_its_reason(target, tmp_path):
    """The model opens here, since binding runs nothing; the child meets the NaN."""
    with pytest.raises(
        TargetError, match=r"^target 'here': a fresh process ended with code 1: .*a score is NaN"
    ) as caught:
        target.cold_start(made(tmp_path, nan_model()), IMAGE)
    assert "\n" not in str(caught.value)


def test_a_child_is_told_all_that_it_needs(target, tmp_path, answered):
    tasks = answered()
    model = made(tmp_path, detr_model())
    target.cold_start(model, IMAGE)
    (task,) = tasks
    assert (task.target, task.artifact) == ("here", str(model.artifact))
    assert task.decoder == "pytest_rfperf.decoders.detr:DetrDecoder"
    assert task.labels == ("a", "b")
    assert len(task.images) == 1


def test_the_last_child_of_a_memory_run_has_no_images(target, tmp_path, answered):
    tasks = answered(out=b"a line of some library\n2000\n")
    memory = target.memory(made(tmp_path, detr_model()), [IMAGE] * 5)
    assert [len(task.images) for task in tasks] == [5, 5, 5, 0]
    assert (memory.peak_bytes, memory.bare_bytes) == ((2000,) * 3, 2000)


@pytest.mark.parametrize(
    ("code", "err", "reason"),
    [
        (1, b"Traceback\nValueError: broken\n", "code 1: ValueError: broken"),
        (-9, b"", "code -9: no message"),
        (3, b"\xff\n", "code 3: \ufffd"),
    ],
)
def test_the_reason_is_the_last_line_of_the_child(target, tmp_path, answered, code, err, reason):
    answered(code, b"", err)
    with pytest.raises(TargetError, match=f"^target 'here': a fresh process ended with {reason}$"):
        target.cold_start(made(tmp_path, detr_model()), IMAGE)


@pytest.mark.parametrize("out", [b"", b"\n", b"no number\n"])
def test_a_child_that_answers_nothing_is_a_target_error(target, tmp_path, answered, out):
    answered(out=out)
    with pytest.raises(TargetError, match=r"^target 'here': a fresh process"):
        target.cold_start(made(tmp_path, detr_model()), IMAGE)


def test_a_child_that_hangs_is_a_target_error(target, tmp_path, monkeypatch):
    def hang(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(fresh.subprocess, "run", hang)
    with pytest.raises(TargetError, match=r"^target 'here': a fresh process gave no detections within 300 s$"):
        target.cold_start(made(tmp_path, detr_model()), IMAGE)


def test_no_image_is_left_behind(target, tmp_path, answered):
    tasks = answered()
    target.cold_start(made(tmp_path, detr_model()), IMAGE)
    assert not Path(tasks[0].images[0]).parent.exists()


def test_a_broken_model_is_named_before_any_child_starts(target, tmp_path, answered):
    tasks = answered()
    with pytest.raises(ModelError, match="is no ONNX model"):
        target.cold_start(made(tmp_path, b"broken"), IMAGE)
    assert tasks == []


def test_a_task_without_images_does_not_open_the_model(tmp_path):
    perform(Task("here", OnnxruntimeOptions(), str(tmp_path / "gone"), "json:dumps", (), {}, {}))
    images = (str(tmp_path / "a.png"),)
    with pytest.raises(ModelError, match="does not exist"):
        perform(Task("here", OnnxruntimeOptions(), str(tmp_path / "gone"), "json:dumps", (), {}, {}, images))


def test_the_peak_never_falls():
    before = peak_bytes()
    assert before > 10**7
    assert peak_bytes() >= before
