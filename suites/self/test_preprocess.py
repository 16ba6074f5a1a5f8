from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.data.preparation import INTERPOLATIONS, Preparation
from pytest_rfperf.errors import ImageError
from pytest_rfperf.preprocess import decode_image, prepare

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CV2_NAMES = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(20, 30, 3) random pixels."""
    return np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def normalised(pixels: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Colour order, scale, mean and std, in float32 and in this order."""
    ordered = pixels[..., ::-1] if preparation.colour == "rgb" else pixels
    values = ordered.astype(np.float32) / np.float32(preparation.scale)
    values = (values - np.array(preparation.mean, dtype=np.float32)) / np.array(preparation.std, dtype=np.float32)
    return values.transpose(2, 0, 1)[None]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("keys", [{}, {"scale": 1.0}, IMAGENET], ids=["/255", "0..255", "ImageNet"])
def test_stretch_is_resize_and_normalise_bit_by_bit(photo, interpolation, colour, keys):
    preparation = Preparation(48, 36, interpolation=interpolation, colour=colour, **keys)
    tensor, placement = prepare(photo, preparation)
    resized = cv2.resize(photo, (48, 36), interpolation=CV2_NAMES[interpolation])
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor, normalised(resized, preparation))
    assert placement == (30, 20, 48 / 30, 36 / 20, 0.0, 0.0)


def test_a_letterbox_is_centred_with_the_odd_row_below(photo):
    """30 x 20 into 32 x 32: 32 x 21.3 pixels, so 21 rows, 5 above and 6 below."""
    preparation = Preparation(32, 32, resize="letterbox", **IMAGENET)
    tensor, placement = prepare(photo, preparation)
    canvas = np.full((32, 32, 3), 114, dtype=np.uint8)
    canvas[5:26] = cv2.resize(photo, (32, 21), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(tensor, normalised(canvas, preparation))
    assert placement == (30, 20, 32 / 30, 32 / 30, 0.0, 5.0)


def test_a_top_left_letterbox_rounds_down_and_pads_right_and_below(photo):
    """20 x 30 pixels upright into 32 x 16: 10.67 x 16, so 10 columns."""
    preparation = Preparation(32, 16, resize="letterbox-top-left", colour="bgr", scale=1, pad=7)
    upright = np.ascontiguousarray(photo.transpose(1, 0, 2))
    tensor, placement = prepare(upright, preparation)
    canvas = np.full((16, 32, 3), 7, dtype=np.uint8)
    canvas[:, :10] = cv2.resize(upright, (10, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(tensor, normalised(canvas, preparation))
    assert placement == (20, 30, 16 / 30, 16 / 30, 0.0, 0.0)


def test_an_image_of_the_right_size_keeps_its_pixels(photo):
    for resize in ("stretch", "letterbox", "letterbox-top-left"):
        tensor, _ = prepare(photo, Preparation(30, 20, resize=resize, colour="bgr", scale=1))
        np.testing.assert_array_equal(tensor[0], photo.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("colour", "expected"), [("rgb", [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8]), ("bgr", [4.5, 4.5, 3.375])]
)
def test_mean_and_std_are_in_the_order_of_the_channels(colour, expected):
    pixel = np.full((4, 4, 3), (10, 20, 30), dtype=np.uint8)
    preparation = Preparation(4, 4, colour=colour, scale=1, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    tensor, _ = prepare(pixel, preparation)
    assert tensor[0, :, 0, 0].tolist() == expected


def test_the_padding_is_normalised_like_a_pixel():
    tensor, _ = prepare(np.zeros((10, 20, 3), dtype=np.uint8), Preparation(20, 20, resize="letterbox", pad=51))
    assert tensor[0, :, 0, 0].tolist() == [np.float32(0.2)] * 3


def ultralytics_letterbox(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    """Left, top, width and height in a square as Ultralytics' LetterBox has them; it fails where a side is 0."""
    ratio = min(side / height, side / width)
    inner = max(1, round(width * ratio)), max(1, round(height * ratio))
    return round((side - inner[0]) / 2 - 0.1), round((side - inner[1]) / 2 - 0.1), *inner


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(8, 70))
def test_a_letterbox_lies_where_its_exporter_puts_it(width, height, side):
    white = np.full((height, width, 3), 255, dtype=np.uint8)
    tensor, placement = prepare(white, Preparation(side, side, resize="letterbox", pad=0))
    left, top, inner_width, inner_height = ultralytics_letterbox(width, height, side)
    expected = np.zeros((side, side), dtype=np.float32)
    expected[top : top + inner_height, left : left + inner_width] = 1
    np.testing.assert_array_equal(tensor[0, 0], expected)
    assert (placement.pad_x, placement.pad_y) == (left, top)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(8, 70),
    st.integers(8, 70),
    st.sampled_from(["stretch", "letterbox", "letterbox-top-left"]),
)
def test_the_corners_of_the_image_come_back_from_the_tensor(width, height, target_width, target_height, resize):
    _, placement = prepare(
        np.zeros((height, width, 3), dtype=np.uint8), Preparation(target_width, target_height, resize=resize)
    )
    whole = np.array([[0.0, 0.0, width, height]])
    scale = [placement.scale_x, placement.scale_y] * 2
    tensor = whole * scale + [placement.pad_x, placement.pad_y] * 2
    np.testing.assert_allclose(placement.to_original(tensor), whole, rtol=1e-12, atol=1e-9)
    assert tensor[0, 2] <= target_width + 1
    assert tensor[0, 3] <= target_height + 1


def test_a_sliver_keeps_at_least_one_pixel():
    for resize in ("letterbox", "letterbox-top-left"):
        tensor, _ = prepare(np.full((1, 500, 3), 255, dtype=np.uint8), Preparation(32, 32, resize=resize, pad=0))
        assert (tensor[0, 0] == 1).sum() == 32


def test_pixels_decode_as_bgr_upright():
    blue = np.zeros((4, 6, 3), dtype=np.uint8)
    blue[..., 0] = 255
    decoded = decode_image(cv2.imencode(".png", blue)[1].tobytes())
    np.testing.assert_array_equal(decoded, blue)


def test_grey_and_transparent_images_get_three_channels():
    for pixels in (np.full((4, 6), 9, dtype=np.uint8), np.full((4, 6, 4), 9, dtype=np.uint8)):
        assert decode_image(cv2.imencode(".png", pixels)[1].tobytes()).tolist() == [[[9, 9, 9]] * 6] * 4


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_what_cannot_be_decoded_is_an_image_error(content):
    with pytest.raises(ImageError, match=f"^cannot decode the image of {len(content)} bytes: "):
        decode_image(content)
