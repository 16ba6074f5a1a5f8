"""Declared image preparation, and where the image lies in the tensor afterwards.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, NamedTuple, Tuple

import numpy as np

from pytest_rfperf.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTERPOLATIONS = ("linear", "area", "cubic", "nearest")
_CHOICES = {
    "resize": ("stretch", "letterbox", "letterbox-top-left"),
    "interpolation": INTERPOLATIONS,
    "colour": ("rgb", "bgr"),
}


def _is_side(value: Any) -> bool:  # noqa: ANN401 - whatever a configuration file holds
    return type(value) is int and value > 0


_RANGES: Dict[str, Callable[[Any], bool]] = {
    "width": _is_side,
    "height": _is_side,
    "scale": lambda value: type(value) in (int, float) and value > 0,
    "pad": lambda value: type(value) is int and 0 <= value <= 255,  # noqa: PLR2004 - a grey level
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
            pair = [size, size] if isinstance(size, int) else size
            if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(_is_side, pair)):  # noqa: PLR2004 - a pair
                msg = f"preprocess.size = {size!r}; expected a number of pixels or [width, height]"
                raise UsageError(msg)
            changes["width"], changes["height"] = pair
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
            elif key in _RANGES and not _RANGES[key](value):
                msg = f"preprocess.{key} = {value!r} is impossible"
                raise UsageError(msg)
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
        moved: NDArray[np.float64] = (boxes - pad) / scale
        return moved


def _triple(key: str, value: Any) -> Triple:  # noqa: ANN401 - whatever a configuration file holds
    numbers = tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
    if len(numbers) != 3 or not all(isinstance(n, (int, float)) for n in numbers):  # noqa: PLR2004 - channels
        msg = f"preprocess.{key} = {value!r}; expected one number or three"
        raise UsageError(msg)
    if key == "std" and 0 in numbers:
        msg = f"preprocess.{key} = {value!r}; a channel cannot be divided by 0"
        raise UsageError(msg)
    return (float(numbers[0]), float(numbers[1]), float(numbers[2]))
