from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.data.preparation import Placement, Preparation
from pytest_rfperf.errors import UsageError

PLAIN = Preparation(64, 48)


def test_keys_replace_fields_and_leave_the_rest():
    changed = PLAIN.override({"resize": "letterbox", "pad": 0})
    assert changed == Preparation(64, 48, resize="letterbox", pad=0)
    assert PLAIN.resize == "stretch"


@pytest.mark.parametrize(("size", "expected"), [(320, (320, 320)), ([320, 240], (320, 240)), ((320, 240), (320, 240))])
def test_size_is_a_number_or_width_and_height(size, expected):
    changed = PLAIN.override({"size": size})
    assert (changed.width, changed.height) == expected


def test_an_unknown_key_names_the_known_ones():
    known = "size, width, height, resize, interpolation, colour, scale, mean, std, pad"
    with pytest.raises(UsageError, match=f"^preprocess: unknown key 'color'; known: {known}$"):
        PLAIN.override({"color": "rgb"})


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [
        ("resize", "fill", "stretch, letterbox, letterbox-top-left"),
        ("interpolation", "lanczos", "linear, area, cubic, nearest"),
        ("colour", "RGB", "rgb, bgr"),
    ],
)
def test_an_unknown_choice_names_the_known_ones(key, value, known):
    with pytest.raises(UsageError, match=f"^preprocess.{key} = '{value}'; known: {known}$"):
        PLAIN.override({key: value})


@pytest.mark.parametrize("key", ["mean", "std"])
def test_one_number_holds_for_all_channels(key):
    assert getattr(PLAIN.override({key: 2}), key) == (2.0, 2.0, 2.0)
    assert getattr(PLAIN.override({key: [1, 2, 3]}), key) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("key", ["mean", "std"])
@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3, 4], "0.5", [1, 2, "3"], None])
def test_mean_and_std_are_one_number_or_three(key, value):
    message = re.escape(f"preprocess.{key} = {value!r}; expected one number or three")
    with pytest.raises(UsageError, match=f"^{message}$"):
        PLAIN.override({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", [320]),
        ("size", [320, 320, 3]),
        ("size", "320"),
        ("size", 320.5),
        ("size", 0),
        ("size", [320, -1]),
        ("width", "wide"),
        ("scale", 0),
        ("scale", "255"),
        ("std", 0),
        ("std", [1, 0, 1]),
        ("pad", 256),
        ("pad", -1),
    ],
)
def test_an_impossible_value_is_refused_by_its_key(key, value):
    with pytest.raises(UsageError, match=f"^preprocess.{key} = "):
        PLAIN.override({key: value})


def test_the_line_of_a_preparation_tells_any_two_apart():
    changes = [
        {"width": 65},
        {"height": 49},
        {"resize": "letterbox"},
        {"interpolation": "area"},
        {"colour": "bgr"},
        {"scale": 1.0},
        {"mean": 0.5},
        {"std": 2},
        {"pad": 0},
    ]
    lines = {str(PLAIN), *(str(PLAIN.override(change)) for change in changes)}
    assert len(lines) == len(changes) + 1


def test_a_preparation_is_frozen():
    with pytest.raises(FrozenInstanceError):
        PLAIN.width = 1


def test_a_placement_takes_away_the_padding_and_then_the_scale():
    placement = Placement(100, 50, 2.0, 4.0, 10.0, 20.0)
    moved = placement.to_original(np.array([[10.0, 20.0, 210.0, 220.0], [12.0, 24.0, 14.0, 28.0]]))
    assert moved.tolist() == [[0, 0, 100, 50], [1, 1, 2, 2]]


def test_no_boxes_stay_no_boxes():
    assert Placement(1, 1, 1.0, 1.0, 0.0, 0.0).to_original(np.zeros((0, 4))).shape == (0, 4)


scales = st.floats(0.01, 100)
pads = st.floats(0, 640)
corners = st.lists(st.floats(0, 10_000), min_size=4, max_size=4)


@settings(deadline=None)
@given(scales, scales, pads, pads, st.lists(corners, max_size=5))
def test_boxes_come_back_from_the_tensor(scale_x, scale_y, pad_x, pad_y, boxes):
    original = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    placement = Placement(640, 480, scale_x, scale_y, pad_x, pad_y)
    tensor = original * [scale_x, scale_y, scale_x, scale_y] + [pad_x, pad_y, pad_x, pad_y]
    np.testing.assert_allclose(placement.to_original(tensor), original, rtol=1e-12, atol=1e-9)
