"""Average precision and recall: bit for bit those of pycocotools."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
import strategies
from hypothesis import given, settings

from pytest_rfperf.core.average_precision import RECALL_THRESHOLDS, accumulate
from pytest_rfperf.core.matching import IOU_THRESHOLDS, match
from pytest_rfperf.data.coco import CocoResults, GroundTruth

ULP = float(np.spacing(1.0))
COCO_LIMITS = (1, 10, 100)
relaxed = settings(max_examples=100, deadline=None)


def case_of(truth_rows, result_rows, image_count=1, category_count=1):
    """Build a case from rows of (image, category, x, y, w, h, ...).

    An object may add a dict of area, crowd and ignore; a detection adds its score.
    """
    options = [row[6] if len(row) > 6 else {} for row in truth_rows]
    boxes = np.array([row[2:6] for row in truth_rows], dtype=np.float64).reshape(-1, 4)
    truth = GroundTruth(
        np.array([row[0] for row in truth_rows], dtype=np.int64),
        np.array([row[1] for row in truth_rows], dtype=np.int64),
        boxes,
        np.array([o.get("area", b[2] * b[3]) for o, b in zip(options, boxes, strict=True)], dtype=np.float64),
        np.array([o.get("crowd", False) for o in options], dtype=bool),
        np.array([o.get("ignore", False) for o in options], dtype=bool),
    )
    results = CocoResults(
        np.array([row[0] for row in result_rows], dtype=np.int64),
        np.array([row[1] for row in result_rows], dtype=np.int64),
        np.array([row[2:6] for row in result_rows], dtype=np.float64).reshape(-1, 4),
        np.array([row[6] for row in result_rows], dtype=np.float64),
    )
    return strategies.CocoCase(truth, results, image_count, category_count)


def evaluated(case, *, iou_thresholds=IOU_THRESHOLDS, max_detections=COCO_LIMITS):
    records = match(
        case.truth,
        case.results,
        case.category_count,
        iou_thresholds=iou_thresholds,
        max_detections=max_detections[-1],
    )
    return accumulate(records, max_detections=max_detections)


def ap_at(case, **options):
    return evaluated(case).ap(**options)


def with_detection(results, image, category, box, score):
    return CocoResults(
        np.append(results.images, image),
        np.append(results.categories, category),
        np.concatenate([results.boxes_xywh, [box]]),
        np.append(results.scores, score),
    )


def twelve_numbers(found):
    return [
        found.ap(),
        found.ap(iou=0.5),
        found.ap(iou=0.75),
        *(found.ap(area=area) for area in ("small", "medium", "large")),
        *(found.ar(max_detections=limit) for limit in COCO_LIMITS),
        *(found.ar(area=area) for area in ("small", "medium", "large")),
    ]


def assert_same_bits(case, *, iou_thresholds=None, max_detections=COCO_LIMITS):
    """Compare with pycocotools: every entry of the three tensors, and the twelve numbers where it makes them."""
    dataset = oracle.coco_dataset(case.truth, case.image_count, case.category_count)
    rows = oracle.coco_rows(case.results)
    expected = oracle.evaluate(dataset, rows, iou_thresholds=iou_thresholds, max_detections=max_detections)
    found = evaluated(case, iou_thresholds=iou_thresholds or IOU_THRESHOLDS, max_detections=max_detections)
    for name in ("precision", "recall", "scores"):
        ours, theirs = getattr(found, name), expected.eval[name]
        np.testing.assert_array_equal(ours, theirs, err_msg=name, strict=True)
    if len(expected.stats):
        assert twelve_numbers(found) == list(expected.stats)


@settings(max_examples=120, deadline=None)
@given(strategies.coco_cases())
def test_equals_pycocotools(case):
    assert_same_bits(case)


@settings(max_examples=60, deadline=None)
@given(strategies.coco_cases(), strategies.iou_lists())
def test_equals_pycocotools_at_any_iou_thresholds(case, thresholds):
    assert_same_bits(case, iou_thresholds=thresholds)


@settings(max_examples=60, deadline=None)
@given(strategies.coco_cases(), strategies.detection_limits())
def test_equals_pycocotools_at_any_limits_on_detections(case, limits):
    assert_same_bits(case, max_detections=limits)


@pytest.mark.parametrize("seed", range(3))
def test_equals_pycocotools_on_a_larger_dataset(seed):
    """Forty images and five classes with float boxes, tied scores, crowds and ignored objects."""
    random = np.random.default_rng(seed)
    count, found = 300, 1500
    boxes = np.concatenate([random.uniform(0, 400, (count, 2)), random.uniform(4, 200, (count, 2))], axis=1)
    areas = boxes[:, 2] * boxes[:, 3] * random.uniform(0.5, 1.0, count)
    images, categories = random.integers(0, 40, count), random.integers(0, 5, count)
    truth = GroundTruth(images, categories, boxes, areas, random.random(count) < 0.1, random.random(count) < 0.1)
    source = random.integers(0, count, found)
    near = boxes[source] + random.normal(0, 6, (found, 4))
    near[:, 2:] = np.maximum(near[:, 2:], 0.5)
    results = CocoResults(images[source], categories[source], near, np.round(random.random(found), 2))
    assert_same_bits(strategies.CocoCase(truth, results, 40, 5))


FROZEN = {
    "tied scores across images": case_of(
        [(0, 0, 0, 0, 10, 10), (1, 0, 0, 0, 10, 10)],
        [(1, 0, 0, 0, 10, 10, 0.5), (0, 0, 50, 0, 10, 10, 0.5), (0, 0, 0, 0, 10, 10, 0.5)],
        image_count=2,
    ),
    "tied overlaps": case_of(
        [(0, 0, 0, 0, 10, 10), (0, 0, 4, 0, 10, 10)], [(0, 0, 2, 0, 10, 10, 0.9), (0, 0, 5, 0, 10, 10, 0.8)]
    ),
    "crowd": case_of(
        [(0, 0, 0, 0, 100, 100, {"crowd": True}), (0, 0, 10, 10, 20, 20)],
        [(0, 0, 10, 10, 20, 20, 0.9), (0, 0, 40, 40, 20, 20, 0.8), (0, 0, 60, 60, 20, 20, 0.7)],
    ),
    "ignored object": case_of(
        [(0, 0, 0, 0, 20, 20, {"ignore": True}), (0, 0, 50, 50, 20, 20)],
        [(0, 0, 0, 0, 20, 20, 0.9), (0, 0, 0, 0, 20, 20, 0.8), (0, 0, 50, 50, 20, 20, 0.7)],
    ),
    "exact thresholds": case_of(
        [(0, 0, 0, 0, 20, 20), (0, 0, 100, 0, 20, 20), (0, 0, 200, 0, 20, 20)],
        [(0, 0, 0, 0, 20, 10, 0.9), (0, 0, 100, 0, 20, 19, 0.8), (0, 0, 200, 0, 20, 15, 0.7)],
    ),
    "area edges": case_of(
        [
            (0, 0, 0, 0, 32, 32),
            (0, 0, 100, 0, 96, 96),
            (0, 0, 300, 0, 40, 40, {"area": 1024.0}),
            (0, 0, 0, 300, 100, 100, {"area": 9216.5}),
        ],
        [
            (0, 0, 0, 0, 32, 32, 0.9),
            (0, 0, 100, 0, 96, 96, 0.8),
            (0, 0, 300, 0, 40, 40, 0.7),
            (0, 0, 600, 300, 96, 96, 0.6),
            (0, 0, 600, 0, 32, 32, 0.5),
        ],
    ),
    "more than 100 detections": case_of(
        [(0, 0, 20 * i, 0, 10, 10) for i in range(130)],
        [(0, 0, 20 * i, 0, 10, 10 - i % 3, 0.5 + (i * 37 % 130) / 260) for i in range(130)],
    ),
    "no objects": case_of([], [(0, 0, 0, 0, 10, 10, 0.9)]),
    "no detections": case_of([(0, 0, 0, 0, 10, 10)], []),
    "neither": case_of([], [], image_count=2, category_count=2),
    "a class without objects and one without detections": case_of(
        [(0, 0, 0, 0, 10, 10)], [(1, 1, 0, 0, 10, 10, 0.9)], image_count=2, category_count=3
    ),
    "only objects that do not count": case_of(
        [(0, 0, 0, 0, 10, 10, {"crowd": True}), (0, 0, 30, 0, 10, 10, {"ignore": True})],
        [(0, 0, 0, 0, 10, 10, 0.9), (0, 0, 90, 0, 10, 10, 0.8)],
    ),
}


@pytest.mark.parametrize("max_detections", [COCO_LIMITS, (1, 2, 300)])
@pytest.mark.parametrize("case", FROZEN.values(), ids=FROZEN.keys())
def test_equals_pycocotools_on_frozen_cases(case, max_detections):
    assert_same_bits(case, max_detections=max_detections)


def test_stock_pycocotools_takes_annotation_id_0_for_unmatched():
    """Intended difference: 0 is a legal id, so a match to it counts here."""
    case = case_of([(0, 0, 0, 0, 10, 10)], [(0, 0, 0, 0, 10, 10, 0.9)])
    dataset, rows = oracle.coco_dataset(case.truth, 1, 1), oracle.coco_rows(case.results)
    assert oracle.evaluate(dataset, rows, stock=True).stats[0] == ap_at(case) > 0.99
    dataset["annotations"][0]["id"] = 0
    stock = oracle.evaluate(dataset, rows, stock=True)
    assert stock.stats[0] == 0.0
    assert not stock.evalImgs[0]["dtMatches"].any()


def test_stock_pycocotools_overwrites_ignore_with_iscrowd():
    """Intended difference: an ignored object that is no crowd stays ignored here."""
    case = case_of([(0, 0, 0, 0, 10, 10, {"ignore": True}), (0, 0, 50, 0, 10, 10)], [(0, 0, 50, 0, 10, 10, 0.9)])
    rows = oracle.coco_rows(case.results)
    stock = oracle.evaluate(oracle.coco_dataset(case.truth, 1, 1), rows, stock=True)
    kept = oracle.evaluate(oracle.coco_dataset(case.truth, 1, 1), rows)
    assert stock.stats[8] == 0.5
    assert kept.stats[8] == evaluated(case).ar() == 1.0
    assert stock.stats[0] < 0.6 < ap_at(case)


@settings(max_examples=40, deadline=None)
@given(strategies.coco_cases(plain=True))
def test_equals_stock_pycocotools_where_nothing_is_ignored_and_ids_begin_at_1(case):
    dataset = oracle.coco_dataset(case.truth, case.image_count, case.category_count)
    stock = oracle.evaluate(dataset, oracle.coco_rows(case.results), stock=True)
    assert twelve_numbers(evaluated(case)) == list(stock.stats)


@relaxed
@given(strategies.coco_cases())
def test_ap_and_ar_lie_between_0_and_1_or_are_minus_1(case):
    for value in twelve_numbers(evaluated(case)):
        assert value == -1 or 0 <= value <= 1


@relaxed
@given(strategies.coco_cases())
def test_precision_never_rises_with_recall(case):
    precision = evaluated(case).precision
    assert (np.diff(precision, axis=1) <= 0).all()


@relaxed
@given(strategies.coco_cases())
def test_minus_1_stands_exactly_where_no_object_counts(case):
    records = match(case.truth, case.results, case.category_count)
    found = accumulate(records)
    nothing_counts = records.object_counts.T == 0
    assert ((found.recall == -1) == nothing_counts[None, :, :, None]).all()
    assert ((found.precision == -1) == nothing_counts[None, None, :, :, None]).all()


@relaxed
@given(strategies.perfect_cases())
def test_perfect_detections_give_1_within_2_ulp(case):
    found = evaluated(case)
    assert found.ar() == 1.0
    assert abs(found.ap() - 1.0) <= 2 * ULP
    for area in ("small", "medium", "large"):
        assert found.ap(area=area) == -1 or abs(found.ap(area=area) - 1.0) <= 2 * ULP


def test_one_perfect_detection_falls_short_of_1_by_the_guard_against_0_over_0():
    found = ap_at(case_of([(0, 0, 0, 0, 10, 10)], [(0, 0, 0, 0, 10, 10, 0.9)]))
    assert 1 - 2 * ULP <= found < 1


@relaxed
@given(strategies.isolated_cases())
def test_a_duplicate_lowers_or_keeps_ap_where_no_other_object_is_near(case):
    before = evaluated(case).precision[:, :, :, 0, -1]
    for row in range(len(case.results.images)):
        twin = with_detection(case.results, 0, 0, case.results.boxes_xywh[row], case.results.scores[row])
        assert (evaluated(case._replace(results=twin)).precision[:, :, :, 0, -1] <= before).all()


def test_a_surer_duplicate_of_the_only_true_positive_changes_nothing_but_one_between_two_lowers_ap():
    objects = [(0, 0, 0, 0, 10, 10), (0, 0, 50, 0, 10, 10)]
    found = [(0, 0, 0, 0, 10, 10, 0.9), (0, 0, 50, 0, 10, 10, 0.5)]
    plain = ap_at(case_of(objects, found))
    assert ap_at(case_of(objects, [*found, (0, 0, 50, 0, 10, 10, 0.4)])) == plain
    assert ap_at(case_of(objects, [*found, (0, 0, 0, 0, 10, 10, 0.6)])) < plain - 0.1


@relaxed
@given(strategies.isolated_cases())
def test_a_false_positive_below_every_other_score_keeps_ap(case):
    nowhere = (5000.0, 5000.0, 10.0, 10.0)
    more = with_detection(case.results, 0, 0, nowhere, 0.0)
    found, before = evaluated(case._replace(results=more)), evaluated(case)
    np.testing.assert_array_equal(found.precision, before.precision)
    np.testing.assert_array_equal(found.recall, before.recall)


def test_a_false_positive_above_a_true_positive_lowers_ap():
    case = case_of([(0, 0, 0, 0, 10, 10)], [(0, 0, 0, 0, 10, 10, 0.5)])
    more = with_detection(case.results, 0, 0, (500.0, 0.0, 10.0, 10.0), 0.9)
    assert ap_at(case._replace(results=more)) == pytest.approx(0.5)


@relaxed
@given(strategies.coco_cases())
def test_a_strictly_monotone_transform_of_the_scores_changes_nothing(case):
    moved = replace(case.results, scores=np.exp(3 * case.results.scores) - 7)
    assert len(np.unique(moved.scores)) == len(np.unique(case.results.scores))
    found, before = evaluated(case._replace(results=moved)), evaluated(case)
    np.testing.assert_array_equal(found.precision, before.precision)
    np.testing.assert_array_equal(found.recall, before.recall)


def test_false_positives_of_images_without_objects_count():
    objects = [(0, 0, 0, 0, 10, 10)]
    found = [(0, 0, 0, 0, 10, 10, 0.5), (1, 0, 0, 0, 10, 10, 0.9)]
    assert ap_at(case_of(objects, found, image_count=2)) == pytest.approx(0.5)


@pytest.mark.parametrize("limits", [(1, 10, 300), (7,), (5, 50)])
def test_limits_other_than_100_do_not_give_minus_1(limits):
    found = evaluated(FROZEN["area edges"], max_detections=limits)
    assert found.ap() > 0
    assert found.ar() == found.ar(max_detections=limits[-1]) > 0


def test_a_limit_cuts_by_image_and_class_and_not_over_all():
    objects = [(image, category, 0, 0, 10, 10) for image in (0, 1) for category in (0, 1)]
    found = [(*row, 0.9) for row in objects]
    assert evaluated(case_of(objects, found, 2, 2)).ar(max_detections=1) == 1.0


def test_recall_thresholds_are_the_101_of_coco():
    assert RECALL_THRESHOLDS.tobytes() == np.linspace(0.0, 1.0, 101).tobytes()


def test_ap_of_one_category_leaves_the_others_out():
    case = case_of([(0, 0, 0, 0, 10, 10), (0, 1, 50, 0, 10, 10)], [(0, 1, 50, 0, 10, 10, 0.9)], category_count=3)
    found = evaluated(case)
    assert [round(found.ap(category=k), 9) for k in range(3)] == [0.0, 1.0, -1.0]
    assert found.ap() == pytest.approx(0.5)


def test_an_iou_that_was_not_matched_is_refused_with_those_that_were():
    found = evaluated(FROZEN["crowd"], iou_thresholds=(0.5, 0.75))
    with pytest.raises(ValueError, match=r"^IoU 0\.6 was not matched; matched were 0\.5, 0\.75$"):
        found.ap(iou=0.6)


@pytest.mark.parametrize("iou", [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_every_coco_threshold_can_be_asked_for_by_its_decimal(iou):
    """The thresholds of linspace differ from some of these decimals in the last bit."""
    found = evaluated(FROZEN["exact thresholds"])
    place = round((iou - 0.5) / 0.05)
    assert found.ap(iou=iou) == np.mean(found.precision[place, :, :, 0, -1])
