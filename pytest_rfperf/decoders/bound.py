"""What every decoder of one model holds: its preparation, labels, options and the names of its inputs."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Callable, Mapping

import numpy as np

from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.preparation import Preparation
from pytest_rfperf.decoders.labels import BUILT_IN
from pytest_rfperf.errors import ModelError, OutputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.model import DecoderSettings, ModelSignature
    from pytest_rfperf.data.preparation import Placement

_LABELS_SHOWN = 10
_RANGES: dict[str, Callable[[Any], bool]] = {
    "score_floor": lambda value: 0 <= value <= 1,
    "nms_iou": lambda value: 0 <= value <= 1,
    "candidates": lambda value: value >= 1,
    "max_detections": lambda value: value >= 1,
}
COMMON_OPTIONS: dict[str, Any] = {"score_floor": 0.01}


class BoundDecoder:
    """A decoder bound to one model: subclass it, set `name`, `options` and `preprocess`, write `decode`.

    Attributes
    ----------
    name : str
        As in the configuration.
    options : dict
        The decoder's own keys with their defaults.
    preprocess : dict
        Keys of `Preparation` by default; its size is read from the model.
    """

    name = ""
    options: dict[str, Any] = {}
    preprocess: dict[str, Any] = {}

    def __init__(self, signature: ModelSignature, settings: DecoderSettings) -> None:
        """Bind; raise ModelError or UsageError where model and settings do not fit."""
        self.signature = signature
        self.guesses: list[str] = []
        self.settings = self._options(settings.options)
        self.image_input = self._image_input()
        self.preparation = self._preparation(settings.preprocess)
        self.labels = self._labels(settings.labels)

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:  # noqa: ARG003 - the seam of a decoder
        """Why this decoder fits the model, in a few words; None where nothing says so."""
        return None

    @classmethod
    def bind(cls, signature: ModelSignature, settings: DecoderSettings) -> BoundDecoder:
        """Make the decoder of one model."""
        return cls(signature, settings)

    @property
    def score_floor(self) -> float:
        """Nothing below this score is returned."""
        return float(self.settings["score_floor"])

    @property
    def protocol(self) -> dict[str, str]:
        """What must be equal for the figures of two decoders to be comparable."""
        options = {f"decode.{key.replace('_', '-')}": str(value) for key, value in self.settings.items()}
        prepared = {
            f"preprocess.{field.name}": str(getattr(self.preparation, field.name)) for field in fields(self.preparation)
        }
        return {
            **options,
            **prepared,
            "decoder": self.name,
            "labels": ", ".join(self.labels)
            if len(self.labels) <= _LABELS_SHOWN
            else f"{len(self.labels)} labels, sha256 {hashlib.sha256(repr(self.labels).encode()).hexdigest()[:12]}",
        }

    def feeds(self, tensor: NDArray[np.float32], placement: Placement) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - the seam
        """Name the model's inputs: one image input unless a decoder says otherwise."""
        return {self.image_input: tensor}

    def decode(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> Detections:
        """Read detections in pixels of the original image."""
        raise NotImplementedError

    def class_count(self) -> int | None:
        """How many classes the outputs are shaped for; None where the shape does not say."""
        return None

    def embedded_labels(self) -> tuple[str, ...] | None:
        """Class names that the exporter wrote into the file."""
        return None

    def detections(
        self, boxes: NDArray[np.float64], scores: NDArray[np.float64], labels: NDArray[np.int64]
    ) -> Detections:
        """Check boxes, scores and labels; apply the score floor.

        Real models return a reversed box (x2 < x1) now and then. It overlaps nothing and is kept, a false positive.

        Raises
        ------
        OutputError
            If a box or score is not finite, or a label has no name.
        """
        if not len(boxes) == len(scores) == len(labels):
            msg = f"decoder '{self.name}': {len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels"
            raise OutputError(msg)
        if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
            what = "score" if not np.isfinite(scores).all() else "box"
            msg = f"decoder '{self.name}': a {what} is NaN or infinite; the model is broken or its input is wrong"
            raise OutputError(msg)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.labels):
            wrong = int(labels.max() if labels.max() >= len(self.labels) else labels.min())
            msg = (
                f"decoder '{self.name}': the model returned class {wrong}, but {len(self.labels)} labels are "
                f"given; set `labels` to the names of its classes"
            )
            raise OutputError(msg)
        kept = scores >= self.score_floor
        return Detections(boxes[kept], scores[kept], labels[kept])

    def output(self, outputs: Mapping[str, NDArray[Any]], name: str, columns: int | None) -> NDArray[np.float64]:
        """One output of batch size 1 as a float64 table, its batch axis removed where there is one.

        Raises
        ------
        OutputError
            If the output is missing or shaped otherwise.
        """
        if name not in outputs:
            msg = f"decoder '{self.name}': no output '{name}'; the model has {', '.join(outputs)}"
            raise OutputError(msg)
        table = np.asarray(outputs[name])
        depth = 1 if columns is None else 2
        if table.ndim == depth + 1 and table.shape[0] == 1:
            table = table[0]
        if table.ndim != depth or (columns is not None and table.shape[1] != columns):
            shape = "[1, N]" if columns is None else f"[1, N, {columns}]"
            msg = f"decoder '{self.name}': output '{name}' is {list(outputs[name].shape)}, expected {shape}"
            raise OutputError(msg)
        return table.astype(np.float64)

    def columns(self, outputs: Mapping[str, NDArray[Any]], name: str, rows: int) -> NDArray[np.float64]:
        """One output of shape [1, rows, N] as a float64 table of N rows; errors as for `output`."""
        raw = np.asarray(outputs.get(name, np.zeros(0)))
        if name in outputs and (raw.ndim not in (2, 3) or raw.shape[-2] != rows):
            msg = f"decoder '{self.name}': output '{name}' is {list(raw.shape)}, expected [1, {rows}, N]"
            raise OutputError(msg)
        turned = {key: np.swapaxes(raw, -1, -2) if key == name else array for key, array in outputs.items()}
        return self.output(turned, name, rows)

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        allowed = {**COMMON_OPTIONS, **self.options}
        for key in given:
            if key.replace("-", "_") not in allowed:
                known = ", ".join(name.replace("_", "-") for name in allowed)
                msg = f"decode: decoder '{self.name}' has no key '{key}'; known: {known}"
                raise UsageError(msg)
        options = {key.replace("-", "_"): value for key, value in given.items()}
        for key, value in options.items():
            if not _sound(value, allowed[key]) or not _RANGES.get(key, lambda _: True)(value):
                msg = f"decode.{key.replace('_', '-')} = {value!r} is impossible; the default is {allowed[key]!r}"
                raise UsageError(msg)
        return {**allowed, **options}

    def _image_input(self) -> str:
        images = [name for name, shape in self.signature.inputs.items() if len(shape) == 4]  # noqa: PLR2004 - NCHW
        if len(images) != 1 or self.signature.inputs[images[0]][1] not in (3, None):
            msg = f"decoder '{self.name}' needs one image input [1, 3, H, W]; the model has {self.signature}"
            raise ModelError(msg)
        return images[0]

    def _preparation(self, given: Mapping[str, Any]) -> Preparation:
        height, width = self.signature.inputs[self.image_input][2:]
        keys = {**self.preprocess, **given}
        if height and width:
            declared = Preparation(width, height).override(keys)
            if (declared.width, declared.height) != (width, height):
                msg = (
                    f"preprocess.size = [{declared.width}, {declared.height}], but the model's input "
                    f"'{self.image_input}' is fixed at {width} x {height} pixels"
                )
                raise ModelError(msg)
            return declared
        if "size" not in keys:
            msg = (
                f"the model's input '{self.image_input}' has no fixed size; "
                f"set preprocess.size = [width, height] of the model"
            )
            raise ModelError(msg)
        return Preparation(0, 0).override(keys)

    def _labels(self, given: tuple[str, ...] | None) -> tuple[str, ...]:
        count = self.class_count()
        labels = given or self.embedded_labels() or self._guessed_labels(count)
        if count is not None and len(labels) != count:
            msg = (
                f"decoder '{self.name}': the model is shaped for {count} classes, but {len(labels)} labels are "
                f"given ({self.signature})"
            )
            raise ModelError(msg)
        return labels

    def _guessed_labels(self, count: int | None) -> tuple[str, ...]:
        for name, labels in BUILT_IN.items():
            if count in (None, len(labels)):
                self.guesses.append(f"labels = '{name}' (nothing in the file names its classes)")
                return labels
        msg = f"the model has {count} classes and does not name them; set labels = [...] or a file of names"
        raise ModelError(msg)


def _sound(value: Any, default: Any) -> bool:  # noqa: ANN401 - whatever a configuration file holds
    """Whether a value is of its default's kind; a whole number may stand for a fraction."""
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)
