from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.errors import ImageError
from pytest_rfperf.image_header import MAX_PIXELS, ImageHeader, read_header
from pytest_rfperf.preprocess import decode_image

WIDTH, HEIGHT = 30, 20


def encoded(suffix: str, *options: int) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


JPEG = encoded(".jpg")
PROGRESSIVE = encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
PNG = encoded(".png")
LOSSY = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)
LOSSLESS = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)
FILES = {"jpeg": JPEG, "progressive": PROGRESSIVE, "png": PNG, "webp": LOSSY, "lossless webp": LOSSLESS}
SIGNATURE_BYTES = {"jpeg": 2, "progressive": 2, "png": 8, "webp": 12, "lossless webp": 12}
every_format = pytest.mark.parametrize("kind", FILES)


def tiff(orientation: int, order: str = "<", *, before: int = 0) -> bytes:
    """An image directory with `before` other tags and the orientation."""
    entries = [struct.pack(f"{order}HHIHxx", 0x0100 + i, 3, 1, 1) for i in range(before)]
    entries.append(struct.pack(f"{order}HHIHxx", 0x0112, 3, 1, orientation))
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(f"{order}HI", 42, 8)
    return header + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)


def jpeg_with_exif(directory: bytes) -> bytes:
    payload = b"Exif\0\0" + directory
    return JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + JPEG[2:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with_exif(directory: bytes) -> bytes:
    return PNG[:33] + png_chunk(b"eXIf", directory) + PNG[33:]


def extended_webp(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP"
    for kind, data in ((b"VP8X", bytes([0x08, 0, 0, 0]) + sizes), *chunks):
        body += kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_with_exif(directory: bytes) -> bytes:
    return extended_webp(WIDTH, HEIGHT, (b"VP8 ", LOSSY[20:]), (b"EXIF", directory))


@every_format
def test_every_format_gives_the_size_of_its_pixels(kind):
    assert read_header(FILES[kind], "it") == ImageHeader(WIDTH, HEIGHT, 1)


@every_format
def test_a_file_cut_anywhere_after_its_signature_is_refused(kind):
    whole = FILES[kind]
    for cut in range(SIGNATURE_BYTES[kind], len(whole)):
        with pytest.raises(ImageError, match=f"^it: the image is cut short after {cut} bytes; copy the file again$"):
            read_header(whole[:cut], "it")


def test_an_empty_file_is_refused_by_name():
    with pytest.raises(ImageError, match=r"^image 3: a\.jpg: the file is empty$"):
        read_header(b"", "image 3: a.jpg")


@pytest.mark.parametrize("content", [encoded(".bmp"), b"GIF89a" + bytes(40), b"hello", b"\xff"])
def test_another_format_is_left_to_the_decoder(content):
    assert read_header(content, "it") is None


@every_format
@pytest.mark.parametrize("count", [1, 1000, 5000])
def test_bytes_after_the_end_are_allowed(kind, count):
    assert read_header(FILES[kind] + bytes(count), "it") == ImageHeader(WIDTH, HEIGHT, 1)


def test_fill_bytes_before_a_marker_are_skipped():
    assert read_header(JPEG[:2] + b"\xff\xff\xff" + JPEG[2:], "it") == ImageHeader(WIDTH, HEIGHT, 1)


def png_claiming(width: int, height: int) -> bytes:
    return PNG[:8] + png_chunk(b"IHDR", struct.pack(">II", width, height) + PNG[24:29]) + PNG[33:]


def jpeg_claiming(width: int, height: int) -> bytes:
    frame = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:frame] + struct.pack(">HH", height, width) + JPEG[frame + 4 :]


def webp_claiming(width: int, height: int) -> bytes:
    return extended_webp(width, height, (b"VP8 ", LOSSY[20:]))


@pytest.mark.parametrize("claiming", [png_claiming, jpeg_claiming, webp_claiming])
def test_a_header_that_claims_too_many_pixels_is_refused(claiming):
    limit = f"the header claims 50000 x 40000 pixels; the limit is {MAX_PIXELS} pixels"
    with pytest.raises(ImageError, match=f"^it: {limit}$"):
        read_header(claiming(50_000, 40_000), "it")


@pytest.mark.parametrize("claiming", [png_claiming, jpeg_claiming, webp_claiming])
def test_the_limit_itself_is_allowed(claiming):
    assert read_header(claiming(40, 25), "it", max_pixels=1000) == ImageHeader(40, 25, 1)
    with pytest.raises(ImageError, match="the limit is 999 pixels"):
        read_header(claiming(40, 25), "it", max_pixels=999)


@pytest.mark.parametrize("claiming", [png_claiming, jpeg_claiming])
def test_a_side_of_no_pixels_is_refused(claiming):
    with pytest.raises(ImageError, match=r"^it: the image is cut short"):
        read_header(claiming(0, 20), "it")


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("before", [0, 3])
def test_the_orientation_is_read_in_both_byte_orders(order, orientation, before):
    header = read_header(jpeg_with_exif(tiff(orientation, order, before=before)), "it")
    assert header == ImageHeader(WIDTH, HEIGHT, orientation)


@pytest.mark.parametrize("with_exif", [jpeg_with_exif, png_with_exif, webp_with_exif])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_shown_size_is_that_of_the_decoded_pixels(with_exif, orientation):
    image = with_exif(tiff(orientation))
    height, width = decode_image(image).shape[:2]
    assert read_header(image, "it").shown_size_px == (width, height)


@pytest.mark.parametrize(
    "directory",
    [tiff(0), tiff(9), tiff(6)[:-8], b"", b"II*\0", b"XX*\0" + tiff(6)[4:], b"II*\0\xff\xff\xff\xff", tiff(6)[:12]],
)
def test_a_broken_orientation_counts_as_upright(directory):
    assert read_header(jpeg_with_exif(directory), "it") == ImageHeader(WIDTH, HEIGHT, 1)


def test_the_orientation_is_found_behind_other_segments():
    comment = b"\xff\xfe" + struct.pack(">H", 7) + b"hello"
    turned = jpeg_with_exif(tiff(8))
    assert read_header(turned[:2] + comment + turned[2:], "it").orientation == 8


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_image():
    """A thumbnail is a whole JPEG in the first segments, with an end marker of its own."""
    image = jpeg_with_exif(tiff(1) + JPEG)
    assert read_header(image, "it") == ImageHeader(WIDTH, HEIGHT, 1)
    with pytest.raises(ImageError, match="cut short"):
        read_header(image[:-100], "it")


def header_or_refusal(content: bytes) -> ImageHeader | None:
    try:
        return read_header(content, "it", max_pixels=10_000)
    except ImageError as error:
        assert str(error).startswith("it: ")  # noqa: PT017 - either answer is right; the message has one form
        return None


signatures = st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", PNG[:8], b"RIFF....WEBP", b"RIFF....WEBPVP8X"])


@settings(deadline=None, max_examples=300)
@given(signatures, st.binary(max_size=200))
def test_random_bytes_end_in_an_image_error_or_a_header(signature, content):
    header_or_refusal(signature + content)


@st.composite
def damaged(draw) -> bytes:
    """A sound file with bytes overwritten, removed and cut off."""
    turned = [jpeg_with_exif(tiff(6)), jpeg_with_exif(tiff(6, ">")), png_with_exif(tiff(6)), webp_with_exif(tiff(6))]
    content = bytearray(draw(st.sampled_from([*FILES.values(), *turned])))
    position = st.integers(0, 150) | st.integers(0, len(content) - 1)
    for at, value in draw(st.lists(st.tuples(position, st.integers(0, 255)), max_size=8)):
        content[min(at, len(content) - 1)] = value
    at = draw(position)
    del content[at : at + draw(st.integers(0, 20))]
    return bytes(content[: draw(st.just(len(content)) | position)])


@settings(deadline=None, max_examples=300)
@given(damaged())
def test_a_damaged_file_ends_in_an_image_error_or_in_pixels(content):
    if header_or_refusal(content) is None:
        return
    try:
        pixels = decode_image(content)
    except ImageError as error:
        assert str(error).startswith("cannot decode the image of")  # noqa: PT017 - either answer is right
    else:
        assert pixels.ndim == 3
