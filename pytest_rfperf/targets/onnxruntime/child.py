"""The fresh process itself: read a task, detect in each image, print the peak memory, leave at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from pytest_rfperf.data.model import DecoderSettings
from pytest_rfperf.registry import Adapter
from pytest_rfperf.targets.onnxruntime.detector import OnnxruntimeDetector
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions
from pytest_rfperf.targets.onnxruntime.session import open_session, signature_of


class Task(msgspec.Struct, frozen=True):
    """What a fresh process is asked to do; without images it only makes its imports."""

    target: str
    options: OnnxruntimeOptions
    artifact: str
    decoder: str
    labels: tuple[str, ...]
    preprocess: dict[str, Any]
    decode: dict[str, Any]
    images: tuple[str, ...] = ()


def perform(task: Task) -> None:
    """Open the model and detect in each image."""
    decoder_class = Adapter("rfperf.decoders", task.decoder, task.decoder).load()
    if not task.images:
        return
    session = open_session(Path(task.artifact), task.target, task.options)
    settings = DecoderSettings(task.labels, task.preprocess, task.decode)
    decoder = decoder_class.bind(signature_of(session), settings)
    detector = OnnxruntimeDetector(session, decoder, one_thread=False, protocol={})
    for path in task.images:
        detector.detect(Path(path).read_bytes())


def peak_bytes() -> int:
    """Highest resident memory of this process since its own start.

    On Linux getrusage would report the peak of the parent, which a child inherits across exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - needed on Windows only

        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - not there on Windows

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main() -> None:
    """Answer one task and exit without tearing the session down: its cost is not part of a start."""
    perform(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))
    sys.stdout.write(f"{peak_bytes()}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
