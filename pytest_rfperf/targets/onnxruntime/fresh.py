"""A detector started from nothing in a child process: cold start and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.data.runs import ColdStart, MemoryUse
from pytest_rfperf.errors import TargetError
from pytest_rfperf.targets.onnxruntime.child import Task
from pytest_rfperf.targets.onnxruntime.session import open_session, signature_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.protocols import Model
    from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions

_LIMIT_S = 300
_MEMORY_CHILDREN = 3
_CHILD = "pytest_rfperf.targets.onnxruntime.child"


class FreshProcess:
    """Starts child processes that open one model as one target would."""

    def __init__(self, target: str, options: OnnxruntimeOptions, model: Model) -> None:
        """Resolve the decoder here, so that the child need not look for it."""
        decoder = model.bind(signature_of(open_session(model.artifact, target, options)))
        self._task = Task(
            target=target,
            options=options,
            artifact=str(model.artifact),
            decoder=f"{type(decoder).__module__}:{type(decoder).__qualname__}",
            labels=decoder.labels,
            preprocess=dict(model.settings.preprocess),
            decode=dict(model.settings.options),
        )

    def cold_start(self, image: bytes) -> ColdStart:
        """Time from the spawn to the first detections."""
        with tempfile.TemporaryDirectory(prefix="rfperf-") as folder:
            task = msgspec.structs.replace(self._task, images=_written(folder, [image]))
            begin = perf_counter_ns()
            _run(task)
            return ColdStart(perf_counter_ns() - begin)

    def memory(self, images: Sequence[bytes]) -> MemoryUse:
        """Peak resident memory of three children that detect in each image, less one that only imports."""
        with tempfile.TemporaryDirectory(prefix="rfperf-") as folder:
            task = msgspec.structs.replace(self._task, images=_written(folder, images))
            peaks = tuple(_run(task) for _ in range(_MEMORY_CHILDREN))
        return MemoryUse(peaks, _run(self._task))


def _written(folder: str, images: Sequence[bytes]) -> tuple[str, ...]:
    paths = tuple(Path(folder) / str(i) for i in range(len(images)))
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(image)
    return tuple(map(str, paths))


def _run(task: Task) -> int:
    """Run one child; its answer is its peak memory in bytes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-m", _CHILD]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and our own module
            command,
            input=msgspec.json.encode(task),
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"target '{task.target}': a fresh process gave no detections within {_LIMIT_S} s"
        raise TargetError(msg) from error
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip() or "no message").splitlines()[-1]
        msg = f"target '{task.target}': a fresh process ended with code {done.returncode}: {reason}"
        raise TargetError(msg)
    answer = done.stdout.split()
    if not answer or not answer[-1].isdigit():
        msg = f"target '{task.target}': a fresh process ended without an answer"
        raise TargetError(msg)
    return int(answer[-1])
