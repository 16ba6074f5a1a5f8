"""The bootstrap over images: weights instead of copies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.resampling import ap_difference, weighted_ap
from pytest_rfperf.data.coco import CocoResults, GroundTruth

relaxed = settings(max_examples=100, deadline=None)


def records_of(case):
    return match(case.truth, case.results, case.category_count)


def duplicated(case, weights):
    """Each image as often as its weight says, the copies next to one another."""
    first = np.cumsum(weights) - weights

    def rows(images):
        return np.array([(row, first[image] + copy) for row, image in enumerate(images) for copy in range(weights[image])], dtype=np.int64).reshape(-1, 2).T  # fmt: skip

    (objects, of_objects), (found, of_found) = rows(case.truth.images), rows(case.results.images)
    truth, results = case.truth, case.results
    return strategies.CocoCase(
        GroundTruth(
            of_objects, truth.categories[objects], truth.boxes_xywh[objects], truth.areas[objects],
            truth.crowd[objects], truth.ignore[objects],
        ),
        CocoResults(of_found, results.categories[found], results.boxes_xywh[found], results.scores[found]),
        int(weights.sum()),
        case.category_count,
    )  # fmt: skip


def generated(seed, images=40, found=0.7):
    """One object an image, found with a probability; a false positive in every second image."""
    random = np.random.default_rng(seed)
    rank, zeros = np.arange(images), np.zeros(images, dtype=np.int64)
    boxes = np.tile([10.0, 10.0, 30.0, 30.0], (images, 1))
    no = np.zeros(images, dtype=bool)
    truth = GroundTruth(rank, zeros, boxes, np.full(images, 900.0), no, no)
    moved = boxes + np.where(random.random(images) < found, 0.0, 100.0)[:, None] * [1, 1, 0, 0]
    more = rank[::2]
    results = CocoResults(
        np.concatenate([rank, more]),
        np.zeros(images + len(more), dtype=np.int64),
        np.concatenate([moved, boxes[more] + [60, 60, 0, 0]]),
        random.random(images + len(more)),
    )
    return match(truth, results, 1)


@relaxed
@given(strategies.coco_cases())
def test_weights_of_one_give_the_plain_value_bit_for_bit(case):
    records = records_of(case)
    ones = np.ones((1, case.image_count), dtype=np.int64)
    plain = accumulate(records)
    for iou in (None, 0.5, 0.75):
        assert weighted_ap(records, ones, iou=iou)[0] == plain.ap(iou=iou)
    for area in ("small", "medium", "large"):
        assert weighted_ap(records, ones, area=area)[0] == plain.ap(area=area)


@relaxed
@given(strategies.coco_cases(), st.data())
def test_a_weight_is_that_many_copies_of_the_image(case, data):
    """Where no scores tie: of two that do, a weight counts the first twice, then the second."""
    case = case._replace(
        results=replace(case.results, scores=case.results.scores + np.arange(len(case.results.scores)) / 1e6)
    )
    weights = np.array([data.draw(st.integers(0, 3)) for _ in range(case.image_count)], dtype=np.int64)
    copies = duplicated(case, weights)
    expected = accumulate(records_of(copies)).ap()
    assert weighted_ap(records_of(case), weights[None])[0] == expected


@given(strategies.coco_cases())
def test_replicates_do_not_know_of_each_other(case):
    records = records_of(case)
    weights = np.random.default_rng(1).integers(0, 3, size=(4, case.image_count))
    together = weighted_ap(records, weights)
    assert together.tolist() == [weighted_ap(records, row[None])[0] for row in weights]


def test_a_model_differs_from_itself_by_nothing():
    records = generated(0)
    estimate = ap_difference(records, records, 40, iou=0.5)
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_the_interval_holds_the_value_and_the_same_seed_gives_the_same_interval():
    first, second = generated(1, found=0.5), generated(2, found=0.95)
    estimate = ap_difference(first, second, 40, iou=0.5)
    assert estimate.low < estimate.value < estimate.high
    assert estimate == ap_difference(first, second, 40, iou=0.5)
    assert estimate != ap_difference(first, second, 40, iou=0.5, seed=1)
    assert estimate.value == accumulate(second).ap(iou=0.5) - accumulate(first).ap(iou=0.5)


def test_turning_the_sides_round_turns_the_interval_round():
    first, second = generated(1, found=0.5), generated(2, found=0.95)
    forth, back = ap_difference(first, second, 40, iou=0.5), ap_difference(second, first, 40, iou=0.5)
    assert (back.value, back.low, back.high) == (-forth.value, -forth.high, -forth.low)


def test_images_without_objects_are_drawn_too():
    """The same records among more images have a wider interval: fewer draws hold what there is."""
    first, second = generated(1, images=12, found=0.6), generated(2, images=12, found=0.9)
    few, many = ap_difference(first, second, 12), ap_difference(first, second, 200)
    assert few.value == many.value
    assert few != many


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Draws from one population: both sides find an object with equal probability, so the truth is 0."""
    covered = 0
    for seed in range(60):
        estimate = ap_difference(generated(seed), generated(1000 + seed), 40, iou=0.5)
        covered += estimate.low <= 0 <= estimate.high
    assert covered >= 50  # 57 are expected of 60; fewer than 50 have a chance below 1 in 1,000 at 92 % coverage
