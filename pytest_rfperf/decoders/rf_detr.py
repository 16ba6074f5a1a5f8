"""RF-DETR: normalised boxes and class logits, matched by output name since their shapes can collide.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from pytest_rfperf.core.boxes import xyxy_from_cxcywh
from pytest_rfperf.decoders.bound import BoundDecoder
from pytest_rfperf.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.detections import Detections
    from pytest_rfperf.data.model import ModelSignature
    from pytest_rfperf.data.preparation import Placement


class RfDetrDecoder(BoundDecoder):
    """Outputs `dets` [1, N, 4] as cxcywh in 0..1 and `labels` [1, N, C] logits.

    The surest `max_detections` of all N x C scores are kept, as RF-DETR's own post-processing does, so that one
    object may come back under several classes.
    """

    name = "rf-detr"
    options: dict[str, Any] = {"max_detections": 300}
    preprocess: dict[str, Any] = {
        "resize": "stretch",
        "colour": "rgb",
        "scale": 255,
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
    }

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:
        """By the names of its outputs."""
        return "outputs dets and labels" if set(signature.outputs) == {"dets", "labels"} else None

    def class_count(self) -> int | None:
        """The last axis of the logits."""
        shape = self.signature.outputs.get("labels", ())
        return shape[-1] if len(shape) == 3 else None  # noqa: PLR2004 - [1, N, C]

    def decode(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> Detections:
        """Sigmoid, then the surest pairs of query and class."""
        boxes = self.output(outputs, "dets", 4)
        logits = self.output(outputs, "labels", len(self.labels))
        if len(boxes) != len(logits):
            msg = f"decoder '{self.name}': {len(boxes)} boxes but {len(logits)} rows of logits"
            raise OutputError(msg)
        with np.errstate(over="ignore"):
            scores = 1 / (1 + np.exp(-logits.ravel()))
        if np.isnan(scores).any():
            msg = f"decoder '{self.name}': a score is NaN or infinite; the model is broken or its input is wrong"
            raise OutputError(msg)
        surest = np.argsort(-scores, kind="stable")[: self.settings["max_detections"]]
        size = np.array([placement.image_width, placement.image_height] * 2, dtype=np.float64)
        if self.preparation.resize != "stretch":
            size = np.array([self.preparation.width, self.preparation.height] * 2, dtype=np.float64)
        corners = xyxy_from_cxcywh(boxes)[surest // len(self.labels)] * size
        if self.preparation.resize != "stretch":
            corners = placement.to_original(corners)
        return self.detections(corners, scores[surest], surest % len(self.labels))
