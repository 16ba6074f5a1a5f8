"""Declared image preparation: from encoded bytes to the tensor that a model expects, and back for boxes.

Kept to Python 3.8, numpy and OpenCV: devices import this file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Tuple

import cv2
import numpy as np

from pytest_rfperf.errors import ImageError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}
_CHOICES = {
    "resize": ("stretch", "letterbox", "letterbox-top-left"),
    "interpolation": tuple(_INTERPOLATIONS),
    "colour": ("rgb", "bgr"),
}
Triple = Tuple[float, float, float]


@dataclass(frozen=True)
class Preparation:
    """How an image becomes a [1, 3, height, width] float32 tensor.

    Attributes
    ----------
    width, height : int
        Size of the tensor in pixels.
    resize : str
        "stretch"; "letterbox" keeps the aspect ratio, rounds to the nearest pixel and centres, as Ultralytics
        does; "letterbox-top-left" rounds down and pads right and below, as YOLOX does.
    interpolation : str
        "linear", "area", "cubic" or "nearest".
    colour : str
        Channel order, "rgb" or "bgr".
    scale : float
        A pixel is divided by this first: 255 or 1.
    mean, std : (3,) tuple of float
        Then (pixel - mean) / std, in the order of the channels.
    pad : int
        Grey level of the letterbox, 0 to 255.
    """

    width: int
    height: int
    resize: str = "stretch"
    interpolation: str = "linear"
    colour: str = "rgb"
    scale: float = 255.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    pad: int = 114

    def override(self, keys: Mapping[str, Any]) -> Preparation:
        """Replace fields by configuration keys; `size` is a number or [width, height].

        Raises
        ------
        UsageError
            If a key or a choice is unknown.
        """
        changes = dict(keys)
        if "size" in changes:
            size = changes.pop("size")
            changes["width"], changes["height"] = (size, size) if isinstance(size, int) else tuple(size)
        names = [field.name for field in fields(self)]
        for key, value in changes.items():
            if key not in names:
                msg = f"preprocess: unknown key '{key}'; known: size, {', '.join(names)}"
                raise UsageError(msg)
            if key in _CHOICES and value not in _CHOICES[key]:
                msg = f"preprocess.{key} = {value!r}; known: {', '.join(_CHOICES[key])}"
                raise UsageError(msg)
            if key in ("mean", "std"):
                changes[key] = _triple(key, value)
        return replace(self, **changes)

    def __str__(self) -> str:
        """Show every field on one line: two preparations are equal when their lines are."""
        return ", ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


class Placement(NamedTuple):
    """Where the original image lies in the tensor: tensor = original * scale + pad, in pixels."""

    image_width: int
    image_height: int
    scale_x: float
    scale_y: float
    pad_x: float
    pad_y: float

    def to_original(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move xyxy boxes (N, 4) from tensor pixels to pixels of the original image."""
        pad = np.array([self.pad_x, self.pad_y, self.pad_x, self.pad_y])
        scale = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        return (boxes - pad) / scale


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
        resized = cv2.resize(pixels, (target_width, target_height), interpolation=how)
        placement = Placement(width, height, target_width / width, target_height / height, 0.0, 0.0)
        return resized, placement  # type: ignore[return-value]
    ratio = min(target_height / height, target_width / width)
    centred = preparation.resize == "letterbox"
    fit = round if centred else int
    inner_width, inner_height = max(1, fit(width * ratio)), max(1, fit(height * ratio))
    left = round((target_width - inner_width) / 2 - 0.1) if centred else 0
    top = round((target_height - inner_height) / 2 - 0.1) if centred else 0
    resized = np.full((target_height, target_width, 3), preparation.pad, dtype=np.uint8)
    inner = cv2.resize(pixels, (inner_width, inner_height), interpolation=how)
    resized[top : top + inner_height, left : left + inner_width] = inner
    return resized, Placement(width, height, ratio, ratio, float(left), float(top))


def _triple(key: str, value: Any) -> Triple:  # noqa: ANN401 - whatever a configuration file holds
    numbers = tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
    if len(numbers) != 3 or not all(isinstance(n, (int, float)) for n in numbers):  # noqa: PLR2004 - channels
        msg = f"preprocess.{key} = {value!r}; expected one number or three"
        raise UsageError(msg)
    return (float(numbers[0]), float(numbers[1]), float(numbers[2]))
