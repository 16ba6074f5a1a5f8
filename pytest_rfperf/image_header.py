"""What the first bytes of an encoded image say, read without decoding it.

Decoders of image libraries are lenient: OpenCV fills the missing half of a cut JPEG with grey and allocates
what a hostile header asks for. So files are judged here before any pixel is decoded. A format other than
JPEG, PNG and WebP is left to the decoder.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from pytest_rfperf.errors import ImageError

MAX_PIXELS = 100_000_000
"""The largest image that is decoded, in pixels: 100 megapixels are 300 MB of memory."""

_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FILL, _SOS, _APP1, _EXIF_ORIENTATION = 0xFF, 0xDA, 0xE1, 0x0112
_TURNED = (5, 6, 7, 8)


class ImageHeader(NamedTuple):
    """Size in pixels as stored, and the EXIF orientation (1 is upright)."""

    width_px: int
    height_px: int
    orientation: int = 1

    @property
    def shown_size_px(self) -> tuple[int, int]:
        """Width and height after the EXIF rotation, which every decoder here applies."""
        size = self.width_px, self.height_px
        return size[::-1] if self.orientation in _TURNED else size


def read_header(image: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> ImageHeader | None:
    """Read the header of a JPEG, PNG or WebP file; None for another format.

    Raises
    ------
    ImageError
        If the file is empty, cut short, or larger than `max_pixels`; the message starts with `name`.
    """
    if not image:
        msg = f"{name}: the file is empty"
        raise ImageError(msg)
    try:
        header = _parsed(image)
    except (struct.error, IndexError):
        header = ImageHeader(0, 0)
    if header is None:
        return None
    if not header.width_px or not header.height_px or not _complete(image):
        msg = f"{name}: the image is cut short after {len(image)} bytes; copy the file again"
        raise ImageError(msg)
    if header.width_px * header.height_px > max_pixels:
        msg = (
            f"{name}: the header claims {header.width_px} x {header.height_px} pixels; the limit is {max_pixels} pixels"
        )
        raise ImageError(msg)
    return header


def _parsed(image: bytes) -> ImageHeader | None:
    if image[:2] == b"\xff\xd8":
        return _jpeg(image)
    if image[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(image)
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return _webp(image)
    return None


def _complete(image: bytes) -> bool:
    """Whether the end that the format prescribes is there; bytes after it are allowed."""
    if image[:2] == b"\xff\xd8":
        scan = _jpeg_scan(image)
        return bool(scan) and image.rfind(b"\xff\xd9") > scan
    if image[:4] == b"\x89PNG":
        return b"IEND\xaeB`\x82" in image
    (size,) = struct.unpack_from("<I", image, 4)
    return len(image) >= int(size) + 8


def _jpeg(image: bytes) -> ImageHeader:
    """Walk the segments up to the frame header; 0 x 0 where it never comes."""
    at, orientation = 2, 1
    while True:
        while image[at] == image[at + 1] == _FILL:
            at += 1
        marker, length = struct.unpack_from(">xBH", image, at)
        if marker in _SOF_MARKERS:
            height, width = struct.unpack_from(">HH", image, at + 5)
            return ImageHeader(width, height, orientation)
        if marker == _SOS or image[at] != _FILL:
            return ImageHeader(0, 0)
        if marker == _APP1 and image[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(image[at + 10 : at + 2 + length])
        at += 2 + length


def _jpeg_scan(image: bytes) -> int:
    """Where the first scan starts, past every segment and the thumbnails inside them; 0 where it never comes."""
    at = 2
    while at + 4 <= len(image) and image[at] == _FILL:
        marker, length = struct.unpack_from(">xBH", image, at)
        if marker == _SOS:
            return at
        at += 1 if marker == _FILL else 2 + length
    return 0


def _png(image: bytes) -> ImageHeader:
    """Read IHDR, and eXIf where it comes before the end of the file."""
    width, height = struct.unpack_from(">II", image, 16)
    at = 8
    while at + 8 <= len(image):
        (length,) = struct.unpack_from(">I", image, at)
        if image[at + 4 : at + 8] == b"eXIf":
            return ImageHeader(width, height, _exif_orientation(image[at + 8 : at + 8 + length]))
        at += 12 + length
    return ImageHeader(width, height)


def _exif_orientation(tiff: bytes) -> int:
    """Read the orientation tag of the first image directory; 1 where there is none."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, value = struct.unpack_from(f"{order}H6xH", tiff, entry)
            if tag == _EXIF_ORIENTATION:
                return int(value) if 1 <= value <= 8 else 1  # noqa: PLR2004 - EXIF defines 1 to 8
    except (KeyError, struct.error):
        return 1
    return 1


def _webp(image: bytes) -> ImageHeader:
    kind = image[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(image[at : at + 3], "little") + 1 for at in (24, 27))
        return ImageHeader(width, height, _webp_orientation(image))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", image, 21)
        return ImageHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", image, 26)
    return ImageHeader(width & 0x3FFF, height & 0x3FFF)


def _webp_orientation(image: bytes) -> int:
    at = 12
    while at + 8 <= len(image):
        (length,) = struct.unpack_from("<I", image, at + 4)
        if image[at : at + 4] == b"EXIF":
            return _exif_orientation(image[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1
