"""The process of a model apart: it opens the model with the packages of its own interpreter, and times calls there.

Run as a script: an interpreter that is too old or lacks a package can then say so itself. So nothing but Python's own
library is imported before it is known which Python this is.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import signal
import struct
import sys
import threading
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from pytest_rfperf.data.model import ModelSignature
    from pytest_rfperf.protocols import Decoder
    from pytest_rfperf.targets.onnxruntime.detector import OnnxruntimeDetector

OLDEST = (3, 11)
NEEDED = ("numpy", "onnxruntime", "cv2", "msgspec")
ITS_OWN = ("python", "onnxruntime", "numpy", "opencv")
"""The facts of an environment in which two interpreters of one host differ."""
_MARK = b"RFPF"
_HEADER = struct.Struct(">4sI")
_MOST_BYTES = 2**31


class GarbageError(Exception):
    """Bytes that are no frame, which somebody else wrote."""


def write_frame(sink: BinaryIO, body: bytes) -> None:
    """Write one frame: a mark, the length, the body."""
    sink.write(_HEADER.pack(_MARK, len(body)) + body)


def read_frame(source: BinaryIO) -> bytes | None:
    """Read one frame; None at the end of the stream.

    Raises
    ------
    GarbageError
        If anything else comes.
    """
    header = source.read(_HEADER.size)
    if not header:
        return None
    mark, size = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
    if mark != _MARK or size > _MOST_BYTES:
        raise GarbageError(repr(header))
    body = source.read(size)
    return body if len(body) == size else None


class Line:
    """Frames from and to the parent; without a parent this process ends, whatever it is doing."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        """Listen."""
        self._source, self._sink = source, sink
        self._frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def receive(self) -> bytes:
        """The next frame."""
        return self._frames.get()

    def send(self, answer: object) -> None:
        """Answer."""
        write_frame(self._sink, json.dumps(answer).encode())
        self._sink.flush()

    def _listen(self) -> None:
        try:
            for frame in iter(lambda: read_frame(self._source), None):
                self._frames.put(frame)
        finally:
            os._exit(0)


class Caller:
    """Answers the requests of the parent with one detector.

    Parameters
    ----------
    detector : OnnxruntimeDetector
    receive : callable
        The next frame, for images.
    """

    def __init__(self, detector: OnnxruntimeDetector, receive: Callable[[], bytes]) -> None:
        """Hold no image yet."""
        self._detector, self._receive = detector, receive
        self._held: dict[str, Sequence[Any]] = {}

    def answer(self, request: dict[str, Any]) -> object:
        """Do what is asked."""
        if request["do"] == "call":
            return self._timed(request["scope"], request["item"])
        images = [self._receive() for _ in range(request["images"])]
        if request["do"] == "detect":
            return self._detections(images[0])
        prepare = self._detector.prepare
        self._held[request["scope"]] = images if request["scope"] == "end-to-end" else [prepare(one) for one in images]
        return len(images)

    def _timed(self, scope: str, item: int) -> list[Any]:
        """Wall and CPU time of one call in ns, and its stages where it tells them apart."""
        from pytest_rfperf.data.runs import FAILED_NS  # noqa: PLC0415 - see the module
        from pytest_rfperf.errors import RequestError  # noqa: PLC0415 - see the module

        end_to_end = scope == "end-to-end"
        call: Callable[[Any], Any] = self._detector.detect if end_to_end else self._detector.run
        argument, one_thread = self._held[scope][item], self._detector.one_thread
        try:
            cpu_begin = thread_time_ns()
            begin = perf_counter_ns()
            answer = call(argument)
            end = perf_counter_ns()
            cpu_ns = thread_time_ns() - cpu_begin
        except RequestError:
            return [FAILED_NS, 0 if one_thread else None, None]
        return [end - begin, cpu_ns if one_thread else None, answer[1] if end_to_end else None]

    def _detections(self, image: bytes) -> list[Any]:
        found, timing = self._detector.detect(image)
        return [found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), timing]


def serve(line: Line, task: dict[str, Any]) -> None:
    """Open the model, then answer until the parent goes."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        line.send({"missing": missing})
        return
    caller = _attempt(line, lambda: _opened(line, task))
    while caller is not None:
        _attempt(line, lambda: line.send({"answer": caller.answer(json.loads(line.receive()))}))


def _attempt(line: Line, action: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the action returns
    """Do it; an error becomes an answer."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - the parent raises it
        cause = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        if isinstance(cause, ModuleNotFoundError):
            line.send({"missing": [str(cause.name).partition(".")[0]]})
        else:
            line.send({"error": type(error).__name__, "message": str(error)})


def _opened(line: Line, task: dict[str, Any]) -> Caller:
    """Open and attest as the target does; the parent, which knows the configuration, names the decoder."""
    from pathlib import Path  # noqa: PLC0415 - see the module

    import msgspec  # noqa: PLC0415 - see the module

    from pytest_rfperf.data.model import DecoderSettings  # noqa: PLC0415 - see the module
    from pytest_rfperf.protocols import Model  # noqa: PLC0415 - see the module
    from pytest_rfperf.registry import Adapter  # noqa: PLC0415 - see the module
    from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions  # noqa: PLC0415 - see the module
    from pytest_rfperf.targets.onnxruntime.target import OnnxruntimeTarget  # noqa: PLC0415 - see the module

    def bind(signature: ModelSignature) -> Decoder:
        line.send({"inputs": signature.inputs, "outputs": signature.outputs, "metadata": signature.metadata})
        told = json.loads(line.receive())
        sys.path.extend(told["paths"])
        kind = Adapter("rfperf.decoders", told["decoder"], told["decoder"]).load()
        settings = DecoderSettings(tuple(told["labels"]), told["preprocess"], told["decode"])
        decoder: Decoder = kind.bind(signature, settings)
        return decoder

    target = OnnxruntimeTarget(task["target"], msgspec.convert(task["options"], OnnxruntimeOptions))
    model = Model(task["name"], task["size"], Path(task["artifact"]), task["sha256"], DecoderSettings(), bind)
    detector = target.open(model)
    facts = target.environment().stable
    line.send(
        {
            "one_thread": detector.one_thread,
            "protocol": detector.protocol,
            "environment": {name: facts[name] for name in ITS_OWN},
        }
    )
    return Caller(detector, line.receive)


def main() -> None:
    """Say which Python this is, take the task, serve."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What packages print, or read, must not mix with the frames.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    write_frame(sink, json.dumps({"pid": os.getpid(), "python": sys.version_info[:3]}).encode())
    sink.flush()
    # The thread that listens starts after the parent has pinned this one, and inherits its core.
    task = read_frame(source)
    if task is not None and sys.version_info[:2] >= OLDEST:
        serve(Line(source, sink), json.loads(task))
    os._exit(0)


if __name__ == "__main__":
    main()
