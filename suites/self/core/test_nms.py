"""Greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.core.nms import nms

relaxed = settings(max_examples=150, deadline=None)


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def plain_iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0 or width * height == 0:
        return 0.0
    return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)


def plain_nms(all_boxes, scores, iou_threshold, labels):
    kept = []
    surest_first = sorted(range(len(scores)), key=lambda i: (np.isnan(scores[i]), -np.nan_to_num(scores[i]), i))
    rows = all_boxes.tolist()
    for i in surest_first:
        rivals = (j for j in kept if labels[j] == labels[i])
        if not any(plain_iou(rows[j], rows[i]) > iou_threshold for j in rivals):
            kept.append(i)
    return kept


@relaxed
@given(strategies.suppression_cases())
def test_equals_a_plain_greedy_loop(case):
    found = nms(case.boxes, case.scores, case.iou_threshold, case.labels)
    assert found.tolist() == plain_nms(case.boxes, case.scores, case.iou_threshold, case.labels)


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("count", [256, 257, 700])
def test_equals_a_plain_greedy_loop_beyond_one_block_of_boxes(count, threshold):
    """One class, more boxes than are compared at once, so that survivors of one block drop boxes of the next."""
    random = np.random.default_rng(count)
    corners = random.integers(0, 60, (count, 2))
    crowded = np.concatenate([corners, corners + random.integers(0, 40, (count, 2))], axis=1).astype(np.float64)
    scores = random.integers(0, 50, count) / 50
    found = nms(crowded, scores, threshold)
    assert found.tolist() == plain_nms(crowded, scores, threshold, np.zeros(count))
    assert threshold == 0.9 or len(found) < count


def test_a_survivor_suppresses_in_every_later_block():
    count = 1000
    same = np.tile([0.0, 0.0, 10.0, 10.0], (count, 1))
    assert nms(same, np.linspace(1, 0, count), 0.5).tolist() == [0]


@relaxed
@given(strategies.suppression_cases())
def test_is_idempotent(case):
    kept = nms(case.boxes, case.scores, case.iou_threshold, case.labels)
    again = nms(case.boxes[kept], case.scores[kept], case.iou_threshold, case.labels[kept])
    assert again.tolist() == list(range(len(kept)))


@relaxed
@given(strategies.suppression_cases())
def test_kept_boxes_of_a_class_overlap_by_no_more_than_the_threshold(case):
    kept = nms(case.boxes, case.scores, case.iou_threshold, case.labels)
    overlap = iou_matrix(case.boxes[kept], case.boxes[kept])
    same_class = case.labels[kept][:, None] == case.labels[kept]
    np.fill_diagonal(same_class, val=False)
    assert (overlap[same_class] <= case.iou_threshold).all()


@relaxed
@given(strategies.suppression_cases())
def test_every_dropped_box_overlaps_a_surer_kept_one_of_its_class(case):
    kept = nms(case.boxes, case.scores, case.iou_threshold, case.labels)
    for dropped in np.setdiff1d(np.arange(len(case.boxes)), kept):
        surer = (case.scores[kept] > case.scores[dropped]) | (
            (case.scores[kept] == case.scores[dropped]) & (kept < dropped)
        )
        rivals = kept[surer & (case.labels[kept] == case.labels[dropped])]
        assert (iou_matrix(case.boxes[rivals], case.boxes[[dropped]]) > case.iou_threshold).any()


@relaxed
@given(strategies.suppression_cases(distinct_scores=True), st.randoms(use_true_random=False))
def test_is_invariant_to_input_order_where_no_scores_tie(case, random):
    order = list(range(len(case.boxes)))
    random.shuffle(order)
    order = np.array(order, dtype=np.int64)
    shuffled = nms(case.boxes[order], case.scores[order], case.iou_threshold, case.labels[order])
    assert order[shuffled].tolist() == nms(case.boxes, case.scores, case.iou_threshold, case.labels).tolist()


@relaxed
@given(strategies.suppression_cases())
def test_by_class_equals_each_class_on_its_own(case):
    alone = []
    for label in np.unique(case.labels):
        members = np.flatnonzero(case.labels == label)
        alone += members[nms(case.boxes[members], case.scores[members], case.iou_threshold)].tolist()
    together = nms(case.boxes, case.scores, case.iou_threshold, case.labels)
    assert sorted(together.tolist()) == sorted(alone)


@relaxed
@given(strategies.suppression_cases())
def test_without_labels_all_boxes_are_of_one_class(case):
    found = nms(case.boxes, case.scores, case.iou_threshold)
    one_class = np.full(len(case.boxes), 7)
    assert found.tolist() == nms(case.boxes, case.scores, case.iou_threshold, one_class).tolist()


@relaxed
@given(strategies.suppression_cases())
def test_threshold_1_keeps_all(case):
    assert sorted(nms(case.boxes, case.scores, 1.0).tolist()) == list(range(len(case.boxes)))


@relaxed
@given(strategies.suppression_cases())
def test_kept_indices_come_by_descending_score_then_ascending_index(case):
    kept = nms(case.boxes, case.scores, case.iou_threshold, case.labels).tolist()
    assert kept == sorted(kept, key=lambda i: (-case.scores[i], i))


def test_suppresses_only_strictly_above_the_threshold():
    half = boxes((0, 0, 10, 10), (0, 0, 10, 5))
    scores = np.array([0.9, 0.8])
    assert nms(half, scores, 0.5).tolist() == [0, 1]
    assert nms(half, scores, np.nextafter(0.5, 0)).tolist() == [0]


def test_among_equal_scores_the_lowest_index_wins():
    same = np.tile([0.0, 0.0, 10.0, 10.0], (3, 1))
    assert nms(same, np.array([0.5, 0.5, 0.5]), 0.5).tolist() == [0]


def test_equal_scores_stay_in_index_order_in_a_long_input():
    """An unstable sort keeps the order of short inputs by luck."""
    count = 2000
    apart = np.arange(count)[:, None] * 20.0 + np.array([0.0, 0.0, 10.0, 10.0])
    scores = np.tile([0.5, 0.25], count // 2)
    expected = [*range(0, count, 2), *range(1, count, 2)]
    assert nms(apart, scores, 0.5).tolist() == expected


def test_a_nan_score_sorts_last():
    apart = boxes((0, 0, 1, 1), (10, 0, 11, 1), (20, 0, 21, 1), (30, 0, 31, 1))
    scores = np.array([np.nan, 0.1, -np.inf, np.nan])
    assert nms(apart, scores, 0.5).tolist() == [1, 2, 0, 3]


def test_a_box_with_a_nan_score_is_suppressed_by_any_other():
    same = np.tile([0.0, 0.0, 10.0, 10.0], (2, 1))
    assert nms(same, np.array([np.nan, 0.0]), 0.5).tolist() == [1]


@pytest.mark.parametrize("labels", [None, np.array([0, 0])])
@pytest.mark.parametrize(
    ("box", "shown"),
    [
        ((0, np.nan, 1, 1), "[0.0, nan, 1.0, 1.0]"),
        ((0, 0, np.inf, 1), "[0.0, 0.0, inf, 1.0]"),
        ((2, 0, 1, 1), "[2.0, 0.0, 1.0, 1.0]"),
        ((0, 2, 1, 1), "[0.0, 2.0, 1.0, 1.0]"),
    ],
)
def test_a_box_that_is_reversed_or_not_finite_is_refused_by_index_and_value(box, shown, labels):
    with pytest.raises(ValueError) as refusal:
        nms(boxes((0, 0, 1, 1), box), np.array([0.5, 0.5]), 0.5, labels)
    assert str(refusal.value) == f"nms: box 1 is {shown}; corners must be finite with x1 <= x2 and y1 <= y2"


@pytest.mark.parametrize("threshold", [-0.01, 1.01, np.nan])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ValueError) as refusal:
        nms(boxes((0, 0, 1, 1)), np.array([0.5]), threshold)
    assert str(refusal.value) == f"nms: iou_threshold={threshold!r} lies outside [0, 1]"


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_boxes_without_area_suppress_nothing_and_are_never_suppressed(threshold):
    flat = boxes((5, 5, 5, 5), (5, 5, 5, 5), (0, 5, 10, 5), (0, 0, 10, 10))
    assert nms(flat, np.array([0.9, 0.8, 0.7, 0.6]), threshold).tolist() == [0, 1, 2, 3]


def test_classes_do_not_suppress_each_other():
    same = np.tile([0.0, 0.0, 10.0, 10.0], (3, 1))
    scores = np.array([0.5, 0.7, 0.9])
    assert nms(same, scores, 0.5, np.array([4, 9, 9])).tolist() == [2, 0]
    assert nms(same, scores, 0.5).tolist() == [2]


def test_a_dropped_box_suppresses_nothing():
    chain = boxes((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10))
    assert nms(chain, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_classes_stay_apart_at_large_coordinates():
    """Offsetting classes in float32, as some do, merges boxes here."""
    far = 2.0**26
    near = boxes((far, far, far + 3, far + 1), (far + 1, far, far + 4, far + 1))
    assert nms(near, np.array([0.9, 0.8]), 0.5, np.array([0, 79])).tolist() == [0, 1]
    assert nms(near, np.array([0.9, 0.8]), 0.5, np.array([79, 79])).tolist() == [0, 1]
    assert nms(near, np.array([0.9, 0.8]), 0.49, np.array([79, 79])).tolist() == [0]


def test_no_boxes_keep_none():
    for labels in (None, np.zeros(0, dtype=np.int64)):
        kept = nms(boxes(), np.zeros(0), 0.5, labels)
        assert kept.shape == (0,)
        assert np.issubdtype(kept.dtype, np.integer)


@pytest.mark.parametrize("side", [float(np.finfo(np.float32).max), 1e150])
def test_equal_boxes_suppress_each_other_at_any_finite_size(side):
    """The largest float32 that a model can answer, and a float64 whose square overflows."""
    huge = np.tile([0.0, 0.0, side, side], (2, 1))
    assert nms(huge, np.array([0.9, 0.8]), 0.5).tolist() == [0]
