"""ONNX Runtime in this process as a target."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, ClassVar

import cv2
import msgspec
import numpy as np
import onnxruntime

from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.environment import Environment
from pytest_rfperf.errors import AttestationError, ModelError
from pytest_rfperf.targets.onnxruntime.attestation import CPU, asked_providers, attest, node_placement, precision_of
from pytest_rfperf.targets.onnxruntime.detector import OnnxruntimeDetector
from pytest_rfperf.targets.onnxruntime.fresh import FreshProcess
from pytest_rfperf.targets.onnxruntime.host_facts import host_facts
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions
from pytest_rfperf.targets.onnxruntime.session import open_session, signature_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.data.runs import ColdStart, MemoryUse
    from pytest_rfperf.protocols import Model
    from pytest_rfperf.targets.onnxruntime.apart import ApartDetector


class OnnxruntimeTarget:
    """Opens sessions, attests their placement, and can start them in fresh processes."""

    options: ClassVar[type[OnnxruntimeOptions]] = OnnxruntimeOptions

    def __init__(self, name: str, options: OnnxruntimeOptions) -> None:
        """Keep the options; nothing is opened yet."""
        self.name = name
        self._options = options
        self._fresh_processes: dict[str, FreshProcess] = {}

    def open(self, model: Model) -> OnnxruntimeDetector:
        """Open a session, attest its placement, bind the decoder and try it once on a grey image.

        Raises
        ------
        ModelError
            If the file is no model, or the decoder does not fit it.
        AttestationError
            If nodes run off the asked providers.
        """
        cv2.setNumThreads(1)
        options = self._options
        session = open_session(model.artifact, self.name, options)
        asked = asked_providers(options.providers)
        placement = node_placement(session, asked)
        if placement is not None:
            attest(placement, self.name, asked, options.max_fallback)
        elif asked != (CPU,):
            msg = (
                f"target '{self.name}' asked for {', '.join(asked)}; ONNX Runtime "
                f"{onnxruntime.__version__} does not tell where nodes run; install 1.24 or later"
            )
            raise AttestationError(msg)
        decoder = model.bind(signature_of(session))
        protocol = {
            **decoder.protocol,
            "providers": ", ".join(options.providers),
            "threads": str(options.threads),
            "spinning": str(options.spinning),
            "graph level": options.graph_level,
            "provider options": str(options.provider_options) if options.provider_options else "none",
            "nodes": str(placement) if placement else "placement not told",
            "precision": precision_of(session, placement),
        }
        ticking = sys.platform == "win32"  # thread CPU time comes in ticks of 16 ms there, useless for one call
        one_thread = not ticking and options.threads == 1 and tuple(options.providers) == (CPU,)
        detector = OnnxruntimeDetector(session, decoder, one_thread=one_thread, protocol=protocol)
        _, encoded = cv2.imencode(".png", np.full((64, 64, 3), 114, dtype=np.uint8))
        found, _ = detector.detect(encoded.tobytes())
        if not isinstance(found, Detections):
            msg = f"decoder {type(decoder).__name__} returned {type(found).__name__}, expected Detections"
            raise ModelError(msg)
        return detector

    def open_apart(self, model: Model, *, python: Path | None, core: int | None) -> ApartDetector:
        """Open it in a process of its own: of another interpreter, or of this one without; pinned to a core.

        Raises
        ------
        TargetError
            If that interpreter is not there, too old or without the packages, or its process dies or hangs.
        ModelError, AttestationError
            As `open`.
        """
        from pytest_rfperf.targets.onnxruntime.apart import open_apart  # noqa: PLC0415 - psutil is not in that process

        one = core if self._options.threads == 1 else None
        return open_apart(self.name, self._options, model, python=python, core=one)

    def for_turns(self) -> OnnxruntimeTarget:
        """The same target for two models in turns: idle threads of one disturb the other where they spin."""
        if self._options.threads == 1 or not self._options.spinning:
            return self
        return OnnxruntimeTarget(self.name, msgspec.structs.replace(self._options, spinning=False))

    def environment(self) -> Environment:
        """Versions and hardware as seen from this process."""
        stable = host_facts() | {
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        }
        return Environment(stable, {"kernel": platform.release()})

    def cold_start(self, model: Model, image: bytes) -> ColdStart:
        """Time one fresh process from its spawn to its first detections."""
        return self._fresh(model).cold_start(image)

    def memory(self, model: Model, images: Sequence[bytes]) -> MemoryUse:
        """Read the peak memory of fresh processes that detect in each image."""
        return self._fresh(model).memory(images)

    def close(self) -> None:
        """Nothing is held."""

    def _fresh(self, model: Model) -> FreshProcess:
        if model.sha256 not in self._fresh_processes:
            self._fresh_processes[model.sha256] = FreshProcess(self.name, self._options, model)
        return self._fresh_processes[model.sha256]
