"""YOLOX: raw predictions on the grids of strides 8, 16 and 32.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from pytest_rfperf.core.boxes import xyxy_from_cxcywh
from pytest_rfperf.decoders.bound import BoundDecoder
from pytest_rfperf.decoders.suppression import suppress
from pytest_rfperf.errors import ModelError, OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.detections import Detections
    from pytest_rfperf.data.model import DecoderSettings, ModelSignature
    from pytest_rfperf.data.preparation import Placement

_STRIDES = (8, 16, 32)
_BOX_AND_OBJECTNESS = 5


class YoloxDecoder(BoundDecoder):
    """One output [1, N, 5 + C]: cx, cy, w, h still to be decoded, objectness and C class scores.

    centre = (xy + cell) x stride, size = exp(wh) x stride, score = objectness x class; every class above the
    floor is kept, then class-aware suppression.

    References
    ----------
    Ge et al. (2021), YOLOX: Exceeding YOLO Series in 2021.
    """

    name = "yolox"
    options: dict[str, Any] = {"nms_iou": 0.65, "candidates": 3000, "max_detections": 300}
    preprocess: dict[str, Any] = {"resize": "letterbox-top-left", "colour": "bgr", "scale": 1, "pad": 114}

    def __init__(self, signature: ModelSignature, settings: DecoderSettings) -> None:
        """Lay out the grids once."""
        self.output_name = next(iter(signature.outputs))
        super().__init__(signature, settings)
        self.cells, self.strides = _grids(self.preparation.width, self.preparation.height)
        rows = signature.outputs[self.output_name][1]
        if rows not in (None, len(self.cells)):
            msg = (
                f"decoder 'yolox': {self.preparation.width} x {self.preparation.height} pixels make "
                f"{len(self.cells)} grid cells, but output '{self.output_name}' has {rows} rows ({signature})"
            )
            raise ModelError(msg)

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:
        """By the one output whose rows are the cells of three grids over the input."""
        shapes = list(signature.outputs.values())
        image = next(iter(signature.inputs.values()))
        if len(shapes) != 1 or len(shapes[0]) != 3 or len(image) != 4:  # noqa: PLR2004 - [1, N, 5 + C], NCHW
            return None
        height, width, rows = image[2], image[3], shapes[0][1]
        if not (height and width and rows) or rows != len(_grids(width, height)[0]):
            return None
        return f"one output of {rows} rows, the grid cells of strides 8, 16 and 32"

    def class_count(self) -> int | None:
        """The last axis less box and objectness."""
        shape = self.signature.outputs[self.output_name]
        if len(shape) != 3:  # noqa: PLR2004 - [1, N, 5 + C]
            msg = f"decoder 'yolox' needs one output [1, N, 5 + classes]; the model has {self.signature}"
            raise ModelError(msg)
        return shape[2] - _BOX_AND_OBJECTNESS if shape[2] else None

    def decode(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> Detections:
        """Decode the rows that can still reach the floor, then suppress."""
        raw = self.output(outputs, self.output_name, _BOX_AND_OBJECTNESS + len(self.labels))
        if len(raw) != len(self.cells):
            msg = f"decoder '{self.name}': {len(raw)} rows for {len(self.cells)} grid cells"
            raise OutputError(msg)
        scores = raw[:, 4:5] * raw[:, 5:]
        rows, labels = np.nonzero(~(scores < self.score_floor))
        centre = (raw[rows, :2] + self.cells[rows]) * self.strides[rows]
        with np.errstate(over="ignore"):
            size = np.exp(raw[rows, 2:4]) * self.strides[rows]
        boxes = xyxy_from_cxcywh(np.concatenate([centre, size], axis=1))
        found = self.detections(placement.to_original(boxes), scores[rows, labels], labels)
        return suppress(
            found,
            iou=self.settings["nms_iou"],
            candidates=self.settings["candidates"],
            keep=self.settings["max_detections"],
        )


def _grids(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cell (N, 2) as column and row, and stride (N, 1), of every prediction."""
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64))
        strides.append(np.full((rows.size, 1), float(stride)))
    return np.concatenate(cells), np.concatenate(strides)
