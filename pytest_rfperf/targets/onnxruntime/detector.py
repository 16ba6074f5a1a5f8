"""A model in an ONNX Runtime session: image bytes in, detections out, each stage timed apart."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_rfperf.data.timing import Timing
from pytest_rfperf.errors import OutputError
from pytest_rfperf.preprocess import decode_image, prepare

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

    from pytest_rfperf.data.detections import Detections
    from pytest_rfperf.data.preparation import Placement
    from pytest_rfperf.protocols import Decoder


class Prepared(NamedTuple):
    """The input of a model-only call."""

    feeds: dict[str, NDArray[Any]]
    placement: Placement


class OnnxruntimeDetector:
    """Decode, prepare, infer and decode outputs in the calling thread."""

    def __init__(
        self, session: onnxruntime.InferenceSession, decoder: Decoder, *, one_thread: bool, protocol: dict[str, str]
    ) -> None:
        """Take a session that was attested, and the decoder that was bound to it."""
        self.decoder = decoder
        self.one_thread = one_thread
        self.protocol = protocol
        self._session: onnxruntime.InferenceSession | None = session
        self._outputs = [output.name for output in session.get_outputs()]

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.decoder.labels

    @property
    def score_floor(self) -> float:
        """Nothing below this score is returned."""
        return self.decoder.score_floor

    def detect(self, image: bytes) -> tuple[Detections, Timing]:
        """Encoded image in, detections out."""
        begin = perf_counter_ns()
        pixels = decode_image(image)
        decoded = perf_counter_ns()
        prepared = self._prepared(pixels)
        ready = perf_counter_ns()
        outputs = self.run(prepared)
        inferred = perf_counter_ns()
        detections = self.decoder.decode(outputs, prepared.placement)
        end = perf_counter_ns()
        timing = Timing(
            decode_ns=decoded - begin,
            preprocess_ns=ready - decoded,
            infer_ns=inferred - ready,
            postprocess_ns=end - inferred,
        )
        return detections, timing

    def prepare(self, image: bytes) -> Prepared:
        """Make the input of a model-only call."""
        return self._prepared(decode_image(image))

    def run(self, prepared: Prepared) -> dict[str, NDArray[Any]]:
        """Make a model-only call.

        Raises
        ------
        OutputError
            If ONNX Runtime refuses the input.
        """
        if self._session is None:
            msg = "the detector is closed"
            raise OutputError(msg)
        try:
            arrays = self._session.run(self._outputs, prepared.feeds)
        except Exception as error:
            msg = f"ONNX Runtime failed while running the model: {error}"
            raise OutputError(msg) from error
        return dict(zip(self._outputs, arrays, strict=True))

    def close(self) -> None:
        """Let the session go."""
        self._session = None

    def _prepared(self, pixels: NDArray[np.uint8]) -> Prepared:
        tensor, placement = prepare(pixels, self.decoder.preparation)
        return Prepared(self.decoder.feeds(tensor, placement), placement)
