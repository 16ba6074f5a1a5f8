"""Declared image preparation: from encoded bytes to the tensor that a model expects, and back for boxes.

Kept to Python 3.8, numpy and OpenCV: devices import this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from pytest_rfperf.data.preparation import Placement
from pytest_rfperf.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.preparation import Preparation

_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}


def decode_image(image: bytes) -> NDArray[np.uint8]:
    """Decode to (height, width, 3) uint8 in BGR order, upright by EXIF.

    Raises
    ------
    ImageError
        If OpenCV cannot decode it.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(image, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        pixels, reason = None, str(error).strip()
    else:
        reason = "not an image that OpenCV knows"
    if pixels is None:
        msg = f"cannot decode the image of {len(image)} bytes: {reason}"
        raise ImageError(msg)
    return pixels  # type: ignore[return-value]


def prepare(pixels: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[np.float32], Placement]:
    """Resize and normalise.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        BGR.
    preparation : Preparation

    Returns
    -------
    (1, 3, height, width) float32, Placement
    """
    resized, placement = _resize(pixels, preparation)
    order = (2, 1, 0) if preparation.colour == "rgb" else (0, 1, 2)
    tensor = np.empty((1, 3, preparation.height, preparation.width), dtype=np.float32)
    planes = cv2.split(resized)
    levels = np.arange(256, dtype=np.float32) / np.float32(preparation.scale)
    for channel, source in enumerate(order):
        mean, std = np.float32(preparation.mean[channel]), np.float32(preparation.std[channel])
        cv2.LUT(planes[source], (levels - mean) / std, dst=tensor[0, channel])
    return tensor, placement


def _resize(pixels: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[np.uint8], Placement]:
    height, width = pixels.shape[:2]
    target_width, target_height = preparation.width, preparation.height
    how = _INTERPOLATIONS[preparation.interpolation]
    if preparation.resize == "stretch":
        stretched = cv2.resize(pixels, (target_width, target_height), interpolation=how)
        placement = Placement(width, height, target_width / width, target_height / height, 0.0, 0.0)
        return np.asarray(stretched, dtype=np.uint8), placement
    ratio = min(target_height / height, target_width / width)
    centred = preparation.resize == "letterbox"
    fit = round if centred else int
    inner_width, inner_height = max(1, fit(width * ratio)), max(1, fit(height * ratio))
    left = round((target_width - inner_width) / 2 - 0.1) if centred else 0
    top = round((target_height - inner_height) / 2 - 0.1) if centred else 0
    canvas = np.full((target_height, target_width, 3), preparation.pad, dtype=np.uint8)
    inner = cv2.resize(pixels, (inner_width, inner_height), interpolation=how)
    canvas[top : top + inner_height, left : left + inner_width] = inner
    return canvas, Placement(width, height, ratio, ratio, float(left), float(top))
