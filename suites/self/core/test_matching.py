"""COCO matching: which detection takes which object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import given, settings

from pytest_rfperf.core.matching import AREA_RANGES, IOU_THRESHOLDS, MAX_BITS, match
from pytest_rfperf.core.records import bit_set
from pytest_rfperf.data.coco import CocoResults, GroundTruth


def objects(*boxes, crowd=(), ignore=(), areas=None, images=None):
    """Objects of category 0, by default of image 0; crowd and ignore name rows."""
    boxes = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    count = len(boxes)
    rows = np.arange(count)
    return GroundTruth(
        np.zeros(count, dtype=np.int64) if images is None else np.array(images),
        np.zeros(count, dtype=np.int64),
        boxes,
        boxes[:, 2] * boxes[:, 3] if areas is None else np.array(areas, dtype=np.float64),
        np.isin(rows, crowd),
        np.isin(rows, ignore),
    )


def detections(*rows, images=None):
    """Detections of category 0, a row a box and its score."""
    boxes = np.array([row[:4] for row in rows], dtype=np.float64).reshape(-1, 4)
    count = len(boxes)
    scores = np.array([row[4] for row in rows], dtype=np.float64)
    where = np.zeros(count, dtype=np.int64) if images is None else np.array(images)
    return CocoResults(where, np.zeros(count, dtype=np.int64), boxes, scores)


def taken(truth, results, iou=0.5, **options):
    """For each detection, surest first: "true", "ignored" or "false", in the range of all areas."""
    records = match(truth, results, 1, iou_thresholds=[iou], **options)
    states = ["false"] * len(records.scores)
    for slot, row in enumerate(records.contenders):
        if records.matched[slot, 0]:
            states[row] = "ignored" if records.ignored[slot, 0] else "true"
    return states


def test_thresholds_come_from_linspace():
    """0.5 + 0.05 i is one unit in the last place off for some i, and decides exact overlaps differently."""
    assert np.array(IOU_THRESHOLDS).tobytes() == np.linspace(0.5, 0.95, 10).tobytes()
    assert list(IOU_THRESHOLDS) != [0.5 + 0.05 * i for i in range(10)]


def test_an_overlap_of_exactly_the_threshold_matches():
    truth = objects((0, 0, 10, 10))
    assert taken(truth, detections((0, 0, 5, 10, 0.9)), iou=0.5) == ["true"]
    assert taken(truth, detections((0, 0, 5, 10, 0.9)), iou=np.nextafter(0.5, 1)) == ["false"]


def test_a_threshold_of_1_asks_for_almost_1():
    truth = objects((0, 0, 1000, 1000))
    assert taken(truth, detections((0, 0, 1000, 1000 - 5e-8, 0.9)), iou=1.0) == ["true"]
    assert taken(truth, detections((0, 0, 1000, 1000 - 5e-7, 0.9)), iou=1.0) == ["false"]


def test_an_object_is_taken_once_and_by_the_surest():
    truth = objects((0, 0, 10, 10))
    found = detections((0, 0, 10, 10, 0.5), (0, 0, 10, 6, 0.9))
    assert taken(truth, found) == ["true", "false"]


def test_a_detection_takes_the_object_that_it_overlaps_most():
    """Were the first detection to take the left object, the second would find none."""
    truth = objects((0, 0, 10, 10), (2, 0, 10, 10))
    found = detections((2, 0, 10, 10, 0.9), (-1, 0, 10, 10, 0.8))
    assert taken(truth, found) == ["true", "true"]


def test_among_equal_overlaps_the_later_object_is_taken():
    """The second detection reaches only the later object, which the first has taken."""
    truth = objects((0, 0, 10, 10), (4, 0, 10, 10))
    found = detections((2, 0, 10, 10, 0.9), (5, 0, 10, 10, 0.8))
    assert taken(truth, found) == ["true", "false"]
    assert taken(truth, detections((2, 0, 10, 10, 0.9), (-1, 0, 10, 10, 0.8))) == ["true", "true"]


def test_equal_scores_take_part_in_the_order_made():
    truth = objects((0, 0, 10, 10))
    records = match(truth, detections((0, 0, 10, 6, 0.5), (0, 0, 10, 10, 0.5)), 1, iou_thresholds=[0.5])
    assert records.contenders.tolist() == [0, 1]
    assert records.matched[:, 0].tolist() == [1, 0]


def test_an_object_that_counts_goes_before_one_that_is_ignored():
    truth = objects((0, 0, 10, 10), (0, 0, 10, 8), ignore=[0])
    found = detections((0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8))
    assert taken(truth, found) == ["true", "ignored"]


def test_a_crowd_may_be_taken_again_and_an_ignored_object_only_once():
    found = detections((0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8), (0, 0, 10, 10, 0.7))
    assert taken(objects((0, 0, 10, 10), crowd=[0]), found) == ["ignored", "ignored", "ignored"]
    assert taken(objects((0, 0, 10, 10), ignore=[0]), found) == ["ignored", "false", "false"]


def test_overlap_with_a_crowd_is_measured_on_the_detection_alone():
    within = detections((10, 10, 10, 10, 0.9))
    assert taken(objects((0, 0, 100, 100), crowd=[0]), within) == ["ignored"]
    assert taken(objects((0, 0, 100, 100), ignore=[0]), within) == ["false"]


def test_crowds_and_ignored_objects_do_not_count():
    truth = objects((0, 0, 10, 10), (50, 0, 10, 10), (0, 50, 10, 10), crowd=[0], ignore=[1])
    assert match(truth, detections(), 1).object_counts[0].tolist() == [1]


@pytest.mark.parametrize(
    ("area", "ranges"),
    [
        (1023.999, {"small"}),
        (1024.0, {"small", "medium"}),
        (1024.001, {"medium"}),
        (9215.999, {"medium"}),
        (9216.0, {"medium", "large"}),
        (9216.001, {"large"}),
    ],
)
def test_area_ranges_include_both_edges(area, ranges):
    """For objects by their annotated area, for detections by the area of their box."""
    truth = objects((0, 0, 50, 50), areas=[area])
    records = match(truth, detections((500, 500, area, 1, 0.9)), 1)
    by_objects = {name for name, count in zip(records.areas, records.object_counts[:, 0], strict=True) if count}
    by_detections = {name for a, name in enumerate(records.areas) if bit_set(records.in_area, a)[0]}
    assert by_objects == by_detections == ranges | {"all"}


def test_an_object_outside_the_range_is_ignored_there_and_still_taken():
    truth = objects((0, 0, 50, 50))
    records = match(truth, detections((0, 0, 50, 50, 0.9)), 1, iou_thresholds=[0.5])
    assert records.areas == ("all", "small", "medium", "large")
    assert records.matched[0].tolist() == [1, 1, 1, 1]
    assert records.ignored[0].tolist() == [0, 1, 0, 1]


def test_area_ranges_may_be_named_by_the_caller():
    records = match(objects((0, 0, 10, 10)), detections(), 1, area_ranges={"all": (0, 1e10), "tiny": (0, 99)})
    assert records.areas == ("all", "tiny")
    assert records.object_counts[:, 0].tolist() == [1, 0]


def test_default_area_ranges_are_those_of_coco():
    edges = {"all": (0, 1e10), "small": (0, 1024), "medium": (1024, 9216), "large": (9216, 1e10)}
    assert edges == AREA_RANGES


def test_objects_of_another_image_or_category_are_never_taken():
    truth = objects((0, 0, 10, 10), images=[1])
    assert taken(truth, detections((0, 0, 10, 10, 0.9))) == ["false"]
    elsewhere = replace(truth, images=np.array([0]), categories=np.array([1]))
    records = match(elsewhere, detections((0, 0, 10, 10, 0.9)), 2)
    assert not len(records.contenders)


def test_detections_beyond_the_limit_are_cut_by_image_and_by_class():
    scores = [0.1, 0.9, 0.5, 0.7, 0.3, 0.2]
    found = detections(*[(0, 0, 5, 5, score) for score in scores], images=[0, 0, 0, 1, 1, 1])
    records = match(objects(), found, 1, max_detections=2)
    assert records.scores.tolist() == [0.9, 0.7, 0.5, 0.3]
    assert records.ranks.tolist() == [0, 0, 1, 1]
    by_class = match(objects(), replace(found, categories=np.array([0, 0, 0, 1, 1, 1])), 2, max_detections=2)
    assert by_class.scores.tolist() == [0.9, 0.5, 0.7, 0.3]
    assert by_class.categories.tolist() == [0, 0, 1, 1]


def test_a_cut_among_equal_scores_keeps_those_made_first():
    found = detections(*[(i, 0, 5, 5, 0.5) for i in range(4)])
    truth = objects((2, 0, 5, 5))
    assert taken(truth, found, iou=0.9, max_detections=2) == ["false", "false"]
    assert taken(truth, found, iou=0.9, max_detections=3) == ["false", "false", "true"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["score", "box"])
def test_a_score_or_box_that_is_not_finite_is_refused_with_its_image_named(column, value):
    found = detections((0, 0, 1, 1, 0.5), (0, 0, 1, 1, 0.5), images=[2, 7])
    (found.scores if column == "score" else found.boxes_xywh[:, 2])[1] = value
    with pytest.raises(ValueError, match=r"^match: a score or box of image 7 \(by rank\) is not finite$"):
        match(objects((0, 0, 1, 1)), found, 1)


def test_more_thresholds_than_a_state_has_bits_are_refused():
    with pytest.raises(ValueError, match=r"^match: 65 IoU thresholds; at most 64$"):
        match(objects(), detections(), 1, iou_thresholds=np.linspace(0, 1, MAX_BITS + 1))


def test_the_last_bit_of_a_state_is_a_threshold_like_the_first():
    thresholds = np.linspace(0.01, 0.64, MAX_BITS)
    records = match(objects((0, 0, 10, 10)), detections((0, 0, 10, 10, 0.5)), 1, iou_thresholds=thresholds)
    assert int(records.matched[0, 0]) == 2**64 - 1


def test_empty_sides_give_empty_records():
    truth, found = objects((0, 0, 10, 10)), detections((0, 0, 10, 10, 0.5))
    for records, count in ((match(objects(), detections(), 1), 0), (match(truth, detections(), 1), 1)):
        assert records.object_counts[0].tolist() == [count]
        assert len(records.scores) == len(records.contenders) == 0
    without_objects = match(objects(), found, 1)
    assert without_objects.object_counts[0].tolist() == [0]
    assert without_objects.ranks.tolist() == [0]


@settings(max_examples=100, deadline=None)
@given(strategies.coco_cases(), strategies.iou_lists())
def test_a_threshold_is_matched_as_if_it_were_the_only_one(case, thresholds):
    together = match(case.truth, case.results, case.category_count, iou_thresholds=thresholds)
    for bit, threshold in enumerate(thresholds):
        alone = match(case.truth, case.results, case.category_count, iou_thresholds=[threshold])
        expected = np.zeros((2, len(together.scores), len(together.areas)), dtype=np.uint64)
        expected[0][alone.contenders], expected[1][alone.contenders] = alone.matched, alone.ignored
        found = np.zeros_like(expected)
        found[0][together.contenders], found[1][together.contenders] = together.matched, together.ignored
        np.testing.assert_array_equal(found >> np.uint64(bit) & np.uint64(1), expected)


@settings(max_examples=100, deadline=None)
@given(strategies.coco_cases())
def test_no_more_detections_are_true_than_objects_count(case):
    records = match(case.truth, case.results, case.category_count)
    categories = records.categories[records.contenders]
    for bit in range(len(records.iou_thresholds)):
        true = records.matched & ~records.ignored & np.uint64(1 << bit) != 0
        for area in range(len(records.areas)):
            found = np.bincount(categories[true[:, area]], minlength=case.category_count)
            assert (found <= records.object_counts[area]).all()
