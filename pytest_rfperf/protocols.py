"""What an adapter must implement: small seams, known by shape and not by inheritance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import GroundTruth
    from pytest_rfperf.data.dataset import Category, ImageRecord
    from pytest_rfperf.data.detections import Detections
    from pytest_rfperf.data.environment import Environment
    from pytest_rfperf.data.model import DecoderSettings, ModelSignature
    from pytest_rfperf.data.preparation import Placement, Preparation
    from pytest_rfperf.data.runs import ColdStart, MemoryUse
    from pytest_rfperf.data.timing import Timing

    Arrays = Mapping[str, NDArray[Any]]


class Clock(Protocol):
    """Where time comes from; tests pass their own."""

    @property
    def wall_ns(self) -> Callable[[], int]:
        """A monotonic wall clock in nanoseconds."""

    @property
    def thread_cpu_ns(self) -> Callable[[], int]:
        """CPU time of the calling thread in nanoseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Decoder(Protocol):
    """Turns the raw outputs of one model into detections; made by the `bind` of its class."""

    @property
    def preparation(self) -> Preparation:
        """How an image becomes the model's input."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by index."""

    @property
    def score_floor(self) -> float:
        """Nothing below this score is returned."""

    @property
    def protocol(self) -> dict[str, str]:
        """What must be equal for the figures of two decoders to be comparable."""

    def feeds(self, tensor: NDArray[np.float32], placement: Placement) -> dict[str, NDArray[Any]]:
        """Name the model's inputs."""

    def decode(self, outputs: Arrays, placement: Placement) -> Detections:
        """Read detections in pixels of the original image; raise OutputError where there are none to read."""


class DecoderClass(Protocol):
    """The entry point of a decoder, in the group rfperf.decoders."""

    name: ClassVar[str]

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:
        """Why this decoder fits the model, in a few words, or None."""

    @classmethod
    def bind(cls, signature: ModelSignature, settings: DecoderSettings) -> Decoder:
        """Make the decoder of one model; raise ModelError where they do not fit."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a target receives it.

    Attributes
    ----------
    name, size : str
        The name in the configuration, and the place in the ordered list of sizes that it stands for.
    artifact : Path
        The ONNX file.
    sha256 : str
        Hash of its bytes.
    settings : DecoderSettings
    bind : callable
        Turns the signature that the target read into a decoder, or raises ModelError.
    """

    name: str
    size: str
    artifact: Path
    sha256: str
    settings: DecoderSettings
    bind: Callable[[ModelSignature], Decoder]


class Detector(Protocol):
    """A model deployed on a target."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by index."""

    @property
    def score_floor(self) -> float:
        """Nothing below this score is returned."""

    @property
    def one_thread(self) -> bool:
        """Whether the calling thread does all the work, so that its CPU time is that of the call."""

    @property
    def protocol(self) -> dict[str, str]:
        """What must be equal for two figures of detectors to be comparable."""

    def detect(self, image: bytes) -> tuple[Detections, Timing]:
        """Encoded image in, detections out."""

    def prepare(self, image: bytes) -> object:
        """Make the input of a model-only call."""

    def run(self, prepared: Any) -> object:  # noqa: ANN401 - only the detector knows what it prepared
        """Make a model-only call: tensor in, tensor out."""

    def close(self) -> None:
        """Release what the detector holds."""


class Target(Protocol):
    """A named system under test: how a detector is reached and run."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    def open(self, model: Model) -> Detector:
        """Deploy a model and attest that it runs where it was asked to."""

    def environment(self) -> Environment:
        """Read the facts of the host and its runtime."""

    def close(self) -> None:
        """Release what the target holds."""


class FreshProcesses(Protocol):
    """A target that can also start its detector from nothing."""

    def cold_start(self, model: Model, image: bytes) -> ColdStart:
        """Time one fresh process from its spawn to its first detections."""

    def memory(self, model: Model, images: Sequence[bytes]) -> MemoryUse:
        """Read the peak memory of fresh processes that detect in each image."""


class TargetClass(Protocol):
    """The entry point of a target kind, in the group rfperf.targets."""

    options: ClassVar[type[Any]]

    def __call__(self, name: str, options: Any) -> Target:  # noqa: ANN401 - each kind has its own options
        """Make the target; nothing is opened yet."""


class Dataset(Protocol):
    """Images and what is in them, read strictly."""

    @property
    def images(self) -> Sequence[ImageRecord]:
        """Images by ascending id."""

    @property
    def categories(self) -> Sequence[Category]:
        """Classes by ascending id."""

    @property
    def truth(self) -> GroundTruth:
        """All annotated objects."""

    @property
    def sha256(self) -> str:
        """Hash of all that defines the ground truth."""

    @property
    def warnings(self) -> Sequence[str]:
        """What was set right or left out while reading, counted."""


class DatasetClass(Protocol):
    """The entry point of a dataset format, in the group rfperf.datasets.

    One that must make or fetch its images first may have a class method `fetch(options, progress)` too, called
    before `load`; `progress` takes the images done and all images.
    """

    name: ClassVar[str]
    options: ClassVar[type[Any]]

    @classmethod
    def recognises(cls, path: Path) -> dict[str, str] | None:
        """The keys that read the folder in this format, or None."""

    @classmethod
    def load(cls, name: str, options: Any) -> Dataset:  # noqa: ANN401 - each format has its own options
        """Read the annotations; images are read one at a time, when asked for."""
