"""The Ultralytics layouts: [1, 4 + C, N] before suppression, and end-to-end [1, N, 6] after it.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from pytest_rfperf.core.boxes import xyxy_from_cxcywh
from pytest_rfperf.data.detections import Detections
from pytest_rfperf.decoders.bound import BoundDecoder
from pytest_rfperf.decoders.suppression import suppress
from pytest_rfperf.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.model import DecoderSettings, ModelSignature
    from pytest_rfperf.data.preparation import Placement

_BOX = 4
_END_TO_END = 6
_MAX_METADATA_CHARACTERS = 1_000_000


class YoloDecoder(BoundDecoder):
    """One output: [1, 4 + C, N] (cx, cy, w, h in tensor pixels, C scores) or [1, N, 6] (xyxy, score, class).

    The exporter's metadata give class names and size. With `multi_label` every class above the floor is kept,
    as Ultralytics does when it validates; without it the best class of a box, as it does when it predicts.
    Boxes are clipped to the image, as there.
    """

    name = "yolo"
    options: dict[str, Any] = {
        "nms_iou": 0.7,
        "candidates": 30000,
        "max_detections": 300,
        "multi_label": False,
    }
    preprocess: dict[str, Any] = {"resize": "letterbox", "colour": "rgb", "scale": 255, "pad": 114}

    def __init__(self, signature: ModelSignature, settings: DecoderSettings) -> None:
        """Tell the layouts apart."""
        self.output_name = next(iter(signature.outputs))
        shape = signature.outputs[self.output_name]
        if len(shape) != 3:  # noqa: PLR2004 - both layouts have three axes
            msg = f"decoder 'yolo' needs [1, 4 + classes, N] or [1, N, 6]; the model has {signature}"
            raise ModelError(msg)
        self.end_to_end = shape[2] == _END_TO_END and shape[1] != _END_TO_END
        self.preprocess = {**self.preprocess, **_from_metadata(signature)}
        super().__init__(signature, settings)

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:
        """By the metadata that the exporter writes."""
        wanted = {"names", "stride"} <= set(signature.metadata)
        return "Ultralytics metadata" if wanted and len(signature.outputs) == 1 else None

    def class_count(self) -> int | None:
        """The middle axis less the box; the end-to-end layout does not say."""
        channels = self.signature.outputs[self.output_name][1]
        return None if self.end_to_end or not channels else channels - _BOX

    def embedded_labels(self) -> tuple[str, ...] | None:
        """The `names` of the metadata, a Python or JSON dictionary from index to name."""
        names = _literal(self.signature.metadata.get("names", ""))
        if isinstance(names, dict):
            by_index = {str(key): name for key, name in names.items()}
            if set(by_index) != {str(index) for index in range(len(by_index))}:
                msg = f"decoder 'yolo': the metadata's names are not numbered from 0: {str(names)[:200]}"
                raise ModelError(msg)
            names = [by_index[str(index)] for index in range(len(by_index))]
        return tuple(map(str, names)) if isinstance(names, list) and names else None

    def decode(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> Detections:
        """Read the layout, then suppress unless the graph did."""
        if self.end_to_end:
            table = self.output(outputs, self.output_name, _END_TO_END)
            boxes = _clipped(placement.to_original(table[:, :4]), placement)
            known = np.where(np.isfinite(table[:, 5]), table[:, 5], -1.0).astype(np.int64)
            return self.detections(boxes, table[:, 4], known)
        table = self.columns(outputs, self.output_name, _BOX + len(self.labels))
        rows, labels, scores = self._candidates(table[:, _BOX:])
        boxes = placement.to_original(xyxy_from_cxcywh(table[rows, :_BOX]))
        found = self.detections(boxes, scores, labels)
        kept = suppress(
            found,
            iou=self.settings["nms_iou"],
            candidates=self.settings["candidates"],
            keep=self.settings["max_detections"],
        )
        return Detections(_clipped(kept.boxes, placement), kept.scores, kept.labels)

    def _candidates(
        self, scores: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Rows, classes and scores above the floor; NaN passes here and is refused later."""
        if self.settings["multi_label"]:
            rows, labels = np.nonzero(~(scores < self.score_floor))
            return rows, labels, scores[rows, labels]
        best = scores.argmax(axis=1)
        top = scores[np.arange(len(scores)), best]
        rows = np.flatnonzero(~(top < self.score_floor))
        return rows, best[rows], top[rows]


def _clipped(boxes: NDArray[np.float64], placement: Placement) -> NDArray[np.float64]:
    limit = np.array([placement.image_width, placement.image_height] * 2, dtype=np.float64)
    return np.clip(boxes, 0.0, limit)


def _from_metadata(signature: ModelSignature) -> dict[str, Any]:
    """The size of a free input, and the `preprocess` that an exporter may declare, such as {"resize": "stretch"}."""
    keys: dict[str, Any] = {}
    size = _literal(signature.metadata.get("imgsz", ""))
    fixed = all(all(shape[2:]) for shape in signature.inputs.values() if len(shape) == 4)  # noqa: PLR2004 - NCHW
    if not fixed and isinstance(size, list) and len(size) == 2:  # noqa: PLR2004 - height, width
        keys["size"] = [size[1], size[0]]
    declared = _literal(signature.metadata.get("preprocess", ""))
    if isinstance(declared, dict):
        keys.update(declared)
    return keys


def _literal(text: str) -> Any:  # noqa: ANN401 - whatever an exporter wrote
    """Parse JSON or a Python literal, both of which exporters write; None for anything else."""
    if not text or len(text) > _MAX_METADATA_CHARACTERS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
