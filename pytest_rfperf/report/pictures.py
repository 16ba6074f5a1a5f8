"""Pictures of images that lost most: truth, the detections before and now, in three colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pytest_rfperf.errors import ImageError, StoreError
from pytest_rfperf.preprocess import decode_image
from pytest_rfperf.store.atomic import write_atomically
from pytest_rfperf.store.baseline import baseline_path, safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.session.facts import CaseFacts, DrawnBox, PictureFacts

    Pixels = NDArray[np.uint8]

_SHORT_SIDE_PX, _LONG_SIDE_PX = 480, 1600
_LINE_PX, _LEGEND_PX, _OUTSIDE_PX = 2, 26, 20
_WHITE = 255
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_TRUTH, _BEFORE, _NOW = (80, 200, 60), (220, 140, 30), (40, 40, 230)
"""Blue, green, red."""
_QUALITY = 90


def write_pictures(cases: Sequence[CaseFacts], folder: Path) -> list[Path]:
    """Draw the pictures that facts describe, `<target>/<dataset>/<model>/<image>.jpg` below a folder.

    Those that an earlier run left of the same case go.

    Raises
    ------
    StoreError
        If one cannot be written.
    """
    written = []
    for case in cases:
        if case.pictures:
            place = baseline_path(folder, case.target, case.dataset, case.model).with_suffix("")
            for old in place.glob("*.jpg"):
                old.unlink(missing_ok=True)
            written += [_written(picture, place) for picture in case.pictures]
    return written


def drawn(picture: PictureFacts, pixels: Pixels) -> Pixels:
    """The image, scaled to be read, with its boxes and a legend above.

    Parameters
    ----------
    picture : PictureFacts
    pixels : (H, W, 3) uint8
        Blue, green, red.
    """
    height, width = pixels.shape[:2]
    scale = min(max(1.0, _SHORT_SIDE_PX / min(height, width)), _LONG_SIDE_PX / max(height, width))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.asarray(cv2.resize(pixels, size, interpolation=smooth), dtype=np.uint8)
    layers = [(picture.truth, _TRUTH, "truth"), (picture.now, _NOW, "now")]
    if picture.before is not None:
        layers.insert(1, (picture.before, _BEFORE, "before"))
    for boxes, colour, _ in layers:
        for box in boxes:
            _draw(canvas, box, colour, scale)
    canvas = _wide_enough(canvas)
    return np.concatenate([_legend(picture.caption, layers, canvas.shape[1]), canvas])


def _written(picture: PictureFacts, folder: Path) -> Path:
    image = Path(picture.image)
    path = folder / f"{safe_name(picture.name)}.jpg"
    try:
        pixels = decode_image(image.read_bytes())
    except (OSError, ImageError) as error:
        msg = f"{path} cannot be drawn: {image.name}: {error}"
        raise StoreError(msg) from error
    _, encoded = cv2.imencode(".jpg", drawn(picture, pixels), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    write_atomically(path, encoded.tobytes())
    return path


def _draw(canvas: Pixels, box: DrawnBox, colour: tuple[int, int, int], scale: float) -> None:
    left, top, width, height = (value * scale for value in box.xywh)
    left, right = (_inside(value, canvas.shape[1]) for value in (left, left + width))
    top, bottom = (_inside(value, canvas.shape[0]) for value in (top, top + height))
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, _LINE_PX)
    text = box.name if box.score is None else f"{box.name} {box.score:.2f}"
    _write(canvas, text, (left + _LINE_PX, top + 12 if box.score is None else bottom - 4), colour)


def _inside(value: float, side: int) -> int:
    """A place on the canvas, or one just outside for all that lie further: OpenCV's integers are small."""
    return round(min(max(value, -_OUTSIDE_PX), side + _OUTSIDE_PX))


def _wide_enough(canvas: Pixels) -> Pixels:
    """White beside an image that is too narrow for the legend."""
    missing = _SHORT_SIDE_PX - canvas.shape[1]
    return np.pad(canvas, ((0, 0), (0, max(0, missing)), (0, 0)), constant_values=_WHITE)


def _legend(caption: str, layers: Sequence[tuple[list[DrawnBox], tuple[int, int, int], str]], width: int) -> Pixels:
    strip = np.full((2 * _LEGEND_PX, width, 3), _WHITE, dtype=np.uint8)
    cv2.putText(strip, _plain(caption), (6, 18), _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    left = 6
    for boxes, colour, name in layers:
        text = f"{name} ({len(boxes)})"
        cv2.rectangle(strip, (left, 32), (left + 14, 44), colour, -1)
        cv2.putText(strip, text, (left + 20, 43), _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
        left += 40 + cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)[0][0]
    return strip


def _write(canvas: Pixels, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Text with a white rim, to be read on any image."""
    for rim, thickness in (((255, 255, 255), 3), (colour, 1)):
        cv2.putText(canvas, _plain(text), place, _FONT, _FONT_SCALE, rim, thickness, cv2.LINE_AA)


def _plain(text: str) -> str:
    """OpenCV's letters are those of ASCII."""
    return text.encode("ascii", "replace").decode()
