"""What a detector found in one image.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """The detections of one image, in any order.

    Attributes
    ----------
    boxes : (N, 4) float64
        xyxy corners in pixels of the original image.
    scores : (N,) float64
        In [0, 1].
    labels : (N,) int64
        Index into the labels of the model.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many boxes there are."""
        return len(self.scores)
