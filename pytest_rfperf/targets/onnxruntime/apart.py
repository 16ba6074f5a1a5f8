"""A model in a process of its own: for two models that need different packages and are measured in turns."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.model import ModelSignature
from pytest_rfperf.data.runs import Call
from pytest_rfperf.data.timing import Timing
from pytest_rfperf.targets.onnxruntime.apart_process import OPEN_S, ApartProcess, Interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.protocols import Decoder, Model
    from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions


class ApartSide:
    """The images that were held for one scope, and calls with them.

    Parameters
    ----------
    detector : ApartDetector
    scope : str
    items : int
    """

    def __init__(self, detector: ApartDetector, scope: str, items: int) -> None:
        """Call nothing yet."""
        self._detector, self._scope = detector, scope
        self.items = items

    @property
    def one_thread(self) -> bool:
        """Whether one thread does all the work of a call, so that its CPU time is known."""
        return self._detector.one_thread

    def timed(self, item: int) -> Call:
        """Call once there, timed there."""
        return self._detector.call(self._scope, item)


class ApartDetector:
    """A detector in a process of another interpreter; one side of a paired loop after `hold`.

    Attributes
    ----------
    one_thread : bool
        Whether one thread does all the work of a call, so that its CPU time is known.
    protocol : dict of str to str
        As the detector says it there, and how the process runs.
    environment : dict of str to str
        Versions of python, onnxruntime, numpy and opencv there.
    """

    def __init__(self, process: ApartProcess, told: dict[str, Any]) -> None:
        """Take a process that has opened its model, and what it told of it."""
        self._process = process
        self._side = ApartSide(self, "end-to-end", 0)
        self.one_thread: bool = told["one_thread"]
        own = "its own, on one core" if process.pinned else "its own"
        self.protocol: dict[str, str] = told["protocol"] | {"process": own}
        self.environment: dict[str, str] = told["environment"]

    @property
    def items(self) -> int:
        """How many images were held last."""
        return self._side.items

    def hold(self, images: Sequence[bytes], scope: str) -> ApartSide:
        """Send the images there, and make them ready for calls.

        Parameters
        ----------
        images : sequence of bytes
            Encoded.
        scope : str
            "end-to-end" or "model-only".

        Returns
        -------
        ApartSide
            Calls of this scope, also after another one was held.
        """
        request = {"do": "hold", "scope": scope, "images": len(images)}
        self._side = ApartSide(self, scope, self._process.ask(request, images, limit_s=OPEN_S))
        return self._side

    def timed(self, item: int) -> Call:
        """Call once with an image that was held last, timed there; a failed request is an infinite time."""
        return self._side.timed(item)

    def call(self, scope: str, item: int) -> Call:
        """Call once with an image that was held for a scope."""
        wall_ns, cpu_ns, stages = self._process.ask({"do": "call", "scope": scope, "item": item})
        return Call(wall_ns, cpu_ns, Timing(*stages) if stages else None)

    def detect(self, image: bytes) -> tuple[Detections, Timing]:
        """Encoded image in, detections out, as the detector there finds them."""
        boxes, scores, labels, stages = self._process.ask({"do": "detect", "images": 1}, [image])
        found = Detections(
            np.array(boxes, dtype=np.float64).reshape(-1, 4),
            np.array(scores, dtype=np.float64),
            np.array(labels, dtype=np.int64),
        )
        return found, Timing(*stages)

    def close(self) -> None:
        """End the process."""
        self._process.close()


def open_apart(
    target: str, options: OnnxruntimeOptions, model: Model, *, python: Path | None, core: int | None
) -> ApartDetector:
    """Open a model in a process of its own, as the target would here.

    Parameters
    ----------
    target : str
        Name of the target.
    options : OnnxruntimeOptions
    model : Model
        Its decoder is chosen here, from what the other process reads of the file.
    python : Path or None
        The interpreter; this process's own without it.
    core : int or None
        The core that it is pinned to.

    Raises
    ------
    TargetError
        If the interpreter is not there, too old or without the packages, or its process dies or hangs.
    ModelError, AttestationError
        As `OnnxruntimeTarget.open`.
    """
    process = ApartProcess(Interpreter(model.name, python), core)
    try:
        task = {
            "target": target,
            "options": msgspec.to_builtins(options),
            "name": model.name,
            "size": model.size,
            "artifact": str(model.artifact.absolute()),
            "sha256": model.sha256,
        }
        read = process.ask(task, limit_s=OPEN_S)
        decoder = model.bind(ModelSignature(_shapes(read["inputs"]), _shapes(read["outputs"]), read["metadata"]))
        return ApartDetector(process, process.ask(_binding(decoder, model), limit_s=OPEN_S))
    except BaseException:
        process.close()
        raise


def _shapes(read: dict[str, list[int | None]]) -> dict[str, tuple[int | None, ...]]:
    return {name: tuple(shape) for name, shape in read.items()}


def _binding(decoder: Decoder, model: Model) -> dict[str, Any]:
    """What the other process needs to bind the same decoder; one around another names the class that bound that one."""
    kind = getattr(decoder, "bound_by", type(decoder))
    module = kind.__module__
    return {
        "decoder": f"{module}:{kind.__qualname__}",
        "labels": decoder.labels,
        "preprocess": dict(model.settings.preprocess),
        "decode": dict(model.settings.options),
        "paths": [] if module.startswith("pytest_rfperf.") else _project_paths(),
    }


def _project_paths() -> list[str]:
    """Where this process imports from but for Python's own library and installed packages: a user's own folders."""
    library = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found = [Path(os.path.abspath(entry)) for entry in sys.path if entry and os.path.isdir(entry)]  # noqa: PTH100, PTH112 - as sys.path names it
    installed = {"site-packages", "dist-packages"}
    return [
        str(path)
        for path in found
        if not installed & set(path.parts) and not any(path.is_relative_to(place) for place in library)
    ]
