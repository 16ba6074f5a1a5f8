"""Boxes and their overlap."""

from __future__ import annotations

import numpy as np
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from pytest_rfperf.core.boxes import coco_pair_iou, iou_matrix, xywh_from_xyxy, xyxy_from_cxcywh

ANY_BOXES = strategies.grid_boxes() | strategies.float_boxes()
relaxed = settings(max_examples=100, deadline=None)


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@relaxed
@given(ANY_BOXES, ANY_BOXES)
def test_iou_is_symmetric(a, b):
    np.testing.assert_array_equal(iou_matrix(a, b), iou_matrix(b, a).T)


@relaxed
@given(ANY_BOXES, ANY_BOXES)
def test_iou_lies_between_0_and_1(a, b):
    found = iou_matrix(a, b)
    assert found.shape == (len(a), len(b))
    assert ((found >= 0) & (found <= 1)).all()


@relaxed
@given(strategies.grid_boxes(least_side=1) | strategies.float_boxes())
def test_iou_of_equal_boxes_of_positive_area_is_1(a):
    area = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    np.testing.assert_array_equal(np.diag(iou_matrix(a, a)), np.where(area > 0, 1.0, 0.0))


@relaxed
@given(strategies.grid_boxes(), strategies.grid_boxes(), st.integers(-(2**20), 2**20), st.integers(-(2**20), 2**20))
def test_iou_is_invariant_to_translation_on_integer_coordinates(a, b, dx, dy):
    shift = np.array([dx, dy, dx, dy], dtype=np.float64)
    np.testing.assert_array_equal(iou_matrix(a + shift, b + shift), iou_matrix(a, b))


@relaxed
@given(strategies.grid_boxes(), strategies.grid_boxes(), st.integers(-60, 60))
def test_iou_is_invariant_to_scaling_by_powers_of_two(a, b, exponent):
    scale = 2.0**exponent
    np.testing.assert_array_equal(iou_matrix(a * scale, b * scale), iou_matrix(a, b))


def test_iou_counts_no_extra_pixel():
    assert iou_matrix(boxes((0, 0, 10, 10)), boxes((0, 5, 10, 15))).item() == 50 / 150


def test_iou_of_touching_boxes_is_0():
    touching = boxes((10, 0, 20, 10), (0, 10, 10, 20), (10, 10, 20, 20))
    assert not iou_matrix(boxes((0, 0, 10, 10)), touching).any()


def test_iou_of_boxes_without_area_is_0():
    flat = boxes((5, 5, 5, 5), (0, 5, 10, 5))
    assert not iou_matrix(flat, flat).any()
    assert not iou_matrix(flat, boxes((0, 0, 10, 10))).any()


def test_iou_of_no_boxes_is_an_empty_matrix():
    assert iou_matrix(boxes(), boxes((0, 0, 1, 1), (0, 0, 1, 1))).shape == (0, 2)


def test_iou_keeps_float64_where_float32_would_merge_boxes():
    far = 2.0**30
    found = iou_matrix(boxes((far, far, far + 3, far + 1)), boxes((far + 1, far, far + 4, far + 1)))
    assert found.item() == 0.5


def test_xywh_holds_left_top_width_and_height():
    np.testing.assert_array_equal(xywh_from_xyxy(boxes((1, 2, 4, 8))), boxes((1, 2, 3, 6)))


def test_cxcywh_corners_lie_half_a_side_from_the_centre():
    np.testing.assert_array_equal(xyxy_from_cxcywh(boxes((10, 20, 4, 6))), boxes((8, 17, 12, 23)))


@relaxed
@given(ANY_BOXES, ANY_BOXES, st.booleans())
def test_pair_overlap_is_that_of_pycocotools_bit_for_bit(a, b, crowd):
    a, b = xywh_from_xyxy(a), xywh_from_xyxy(b)
    first, second = np.repeat(np.arange(len(a)), len(b)), np.tile(np.arange(len(b)), len(a))
    crowds = np.full(len(first), crowd)
    if not len(first):
        assert coco_pair_iou(a[first], b[second], crowds).shape == (0,)
        return
    expected = mask.iou(a, b, [int(crowd)] * len(b))
    np.testing.assert_array_equal(coco_pair_iou(a[first], b[second], crowds), expected.ravel())


def test_overlap_with_a_crowd_is_the_share_of_the_detection_that_it_covers():
    detection, truth = boxes((0, 0, 10, 10)), boxes((0, 0, 5, 100))
    assert coco_pair_iou(detection, truth, np.array([True])).item() == 0.5
    assert coco_pair_iou(detection, truth, np.array([False])).item() == 50 / 550
