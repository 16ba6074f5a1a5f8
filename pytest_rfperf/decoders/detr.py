"""DETR families that select their boxes inside the graph: DEIMv2, RT-DETR, D-FINE.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from pytest_rfperf.decoders.bound import BoundDecoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.detections import Detections
    from pytest_rfperf.data.model import ModelSignature
    from pytest_rfperf.data.preparation import Placement

_OUTPUTS = frozenset({"labels", "boxes", "scores"})
_SIZES = "orig_target_sizes"


class DetrDecoder(BoundDecoder):
    """Outputs labels [1, N], boxes [1, N, 4] as xyxy and scores [1, N]; one object may have several classes.

    With the input `orig_target_sizes` the graph scales boxes to the original image itself, which a stretched
    preparation needs; without it boxes are in pixels of the tensor.
    """

    name = "detr"
    preprocess: dict[str, Any] = {"resize": "stretch", "colour": "rgb", "scale": 255}

    @classmethod
    def recognises(cls, signature: ModelSignature) -> str | None:
        """By the names of its outputs."""
        return "outputs labels, boxes and scores" if set(signature.outputs) >= _OUTPUTS else None

    def feeds(self, tensor: NDArray[np.float32], placement: Placement) -> dict[str, NDArray[Any]]:
        """Image and, where the graph asks for it, the (width, height) to scale boxes to."""
        feeds: dict[str, NDArray[Any]] = {self.image_input: tensor}
        if _SIZES in self.signature.inputs:
            stretched = self.preparation.resize == "stretch"
            size = placement[:2] if stretched else (self.preparation.width, self.preparation.height)
            feeds[_SIZES] = np.array([size], dtype=np.int64)
        return feeds

    def decode(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> Detections:
        """Read the three outputs by name."""
        boxes = self.output(outputs, "boxes", 4)
        scores = self.output(outputs, "scores", None)
        labels = self.output(outputs, "labels", None).astype(np.int64)
        if _SIZES not in self.signature.inputs or self.preparation.resize != "stretch":
            boxes = placement.to_original(boxes)
        return self.detections(boxes, scores, labels)
