"""The bootstrap over images: weights instead of copies."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import coco_results, ground_truth
from scipy.stats import norm, t

from pytest_rfperf.core import resampling
from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.resampling import (
    WHOLE,
    Part,
    _drawn,
    _left_out,
    _redrawn,
    ap_difference,
    images_needed,
    resampled_ap,
    resampled_difference,
    weighted_ap,
)
from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.data.estimate import Resampled

relaxed = settings(max_examples=50, deadline=None)


def records_of(case):
    return match(case.truth, case.results, case.category_count)


def parts_of(case):
    """Every part of which there is an average precision, also those where nothing counts."""
    categories = (None, *range(case.category_count))
    areas = ("all", "small", "medium", "large")
    return [Part(iou, area, category) for iou in (None, 0.5, 0.75) for area in areas for category in categories]


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
    for part in parts_of(case):
        assert weighted_ap(records, ones, **part._asdict())[0] == plain.ap(**part._asdict())


@relaxed
@given(strategies.coco_cases(), st.data())
def test_a_weight_is_that_many_copies_of_the_image(case, data):
    """Where no scores tie: of two that do, a weight counts the first twice, then the second."""
    case = case._replace(
        results=replace(case.results, scores=case.results.scores + np.arange(len(case.results.scores)) / 1e6)
    )
    weights = np.array([data.draw(st.integers(0, 3)) for _ in range(case.image_count)], dtype=np.int64)
    copies = duplicated(case, weights)
    part = data.draw(st.sampled_from(parts_of(case)))
    expected = accumulate(records_of(copies)).ap(**part._asdict())
    assert weighted_ap(records_of(case), weights[None], **part._asdict())[0] == expected


@relaxed
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


@pytest.mark.parametrize("weights", [[[1, 1]], [[1, 1, -1]]], ids=["too few", "negative"])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match=r"expected one for each image, 0 to 2\^31 - 1$"):
        weighted_ap(generated(0, images=3), np.array(weights))


def population(seed, images=40):
    """Images with objects of two categories, of which the second is in a few images only, medium and large."""
    random = np.random.default_rng(seed)
    objects, rows = [], []
    for image in range(images):
        for category in (0, 1) if image % 6 == 0 else (0,):
            side = float(random.choice((60, 120)))
            objects.append((image, category, 300 * category, 0, side, side))
            if random.random() < 0.7:
                rows.append((image, category, 300 * category, 0, side, side, random.random()))
        rows.append((image, 0, 0, 500, 60, 60, random.random() / 2))
    return strategies.CocoCase(ground_truth(objects), coco_results(rows), images, 2)


PARTS = [WHOLE, Part(0.5), Part(None, "large"), Part(0.75, "medium", 0), Part(None, "all", 1)]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_value_of_a_part_is_the_plain_one_between_its_limits(part):
    records = records_of(population(3))
    found = resampled_ap(records, 40, part)
    assert found.value == accumulate(records).ap(**part._asdict())
    assert found.low < found.value < found.high
    assert (found.images, found.certainty) == (40, 0.95)
    assert found == resampled_ap(records, 40, part)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_difference_is_that_of_the_plain_values_between_its_limits(part):
    first, second = population(3), population(3)
    halved = second._replace(results=second.results.where(second.results.images % 4 > 0))
    before, now = records_of(first), records_of(halved)
    found = resampled_difference(before, now, 40, part)
    assert found.value == accumulate(now).ap(**part._asdict()) - accumulate(before).ap(**part._asdict())
    assert found.low < found.value < found.high


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_equal_models_differ_by_exactly_nothing(part):
    records = records_of(population(4))
    found = resampled_difference(records, records, 40, part)
    assert (found.value, found.low, found.high, found.sd) == (0.0, 0.0, 0.0, 0.0)


def left_out_by_hand(case):
    """Average precision without each of the images, matched anew."""
    weights = 1 - np.eye(case.image_count, dtype=np.int64)
    return np.array([accumulate(records_of(duplicated(case, row))).ap() for row in weights])


def limits(drawn, left, centre, certainty):
    """The redrawn values about a centre, stretched to the deviation over images, with the tails of so few of them."""
    count = len(left)
    sd = np.sqrt((count - 1) / count * ((left - left.mean()) ** 2).sum())
    stretched = (drawn - drawn.mean()) / drawn.std() * sd * t.ppf(certainty, count - 1) / norm.ppf(certainty)
    return pytest.approx((*(centre + np.quantile(stretched, (1 - certainty, certainty))), sd), rel=1e-9)


def as_carried_by_many(found):
    """Limits without what few images make them wider by."""
    return replace(found, low=found.low + found.unseen, high=found.high - found.unseen)


def in_one(blocks):
    return np.concatenate(list(blocks))


def test_the_shape_is_that_of_redrawing_and_the_scale_that_of_leaving_out_each_image():
    """A single figure is corrected for what redrawing adds to it."""
    case = population(5, images=25)
    records = records_of(case)
    drawn = weighted_ap(records, in_one(_redrawn(25, 1000, 0)))
    found = as_carried_by_many(resampled_ap(records, 25, certainty=0.9))
    unbiased = 2 * accumulate(records).ap() - drawn.mean()
    assert (found.low, found.high, found.sd) == limits(drawn, left_out_by_hand(case), unbiased, 0.9)


def test_a_difference_is_not_corrected_since_both_sides_rise_alike():
    cases = population(5, images=25), population(5, images=25)
    cases = cases[0], cases[1]._replace(results=cases[1].results.where(cases[1].results.images % 3 > 0))
    first, second = map(records_of, cases)
    weights = in_one(_redrawn(25, 1000, 0))
    drawn = weighted_ap(second, weights) - weighted_ap(first, weights)
    left = left_out_by_hand(cases[1]) - left_out_by_hand(cases[0])
    found = as_carried_by_many(resampled_difference(first, second, 25, certainty=0.9))
    assert (found.low, found.high, found.sd) == limits(drawn, left, found.value, 0.9)


def test_a_higher_certainty_gives_wider_limits_about_the_same_value():
    records = records_of(population(6))
    found = [resampled_ap(records, 40, certainty=certainty) for certainty in (0.6, 0.8, 0.95, 0.99)]
    lows, highs = [one.low for one in found], [one.high for one in found]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    assert len({one.value for one in found}) == len({one.sd for one in found}) == 1


def test_limits_of_many_images_are_those_of_a_normal_distribution():
    records = records_of(population(7, images=400))
    found = resampled_ap(records, 400, Part(0.5))
    assert (found.value - found.low) / found.sd == pytest.approx(1.645, abs=0.45)
    assert (found.high - found.value) / found.sd == pytest.approx(1.645, abs=0.45)


def test_four_times_the_images_halve_the_deviation():
    few, many = (
        resampled_ap(records_of(population(8, images=images)), images, Part(0.5, "all", 0)) for images in (60, 960)
    )
    assert few.sd / many.sd == pytest.approx(4, rel=0.35)


@pytest.mark.parametrize("images", [1, 2, 11, 199, 200, 201, 450])
def test_every_image_is_left_out_once_and_groups_are_of_one_size(images):
    weights = in_one(_left_out(images, 0))
    assert weights.shape == (min(images, 200), images)
    assert ((weights == 0).sum(axis=0) == 1).all()
    assert set((weights == 0).sum(axis=1).tolist()) <= {images // len(weights), -(-images // len(weights))}


def test_as_many_images_are_redrawn_as_there_are():
    weights = in_one(_redrawn(17, 300, 0))
    assert weights.shape == (300, 17)
    assert (weights.sum(axis=1) == 17).all()
    assert (weights == 0).mean() == pytest.approx((1 - 1 / 17) ** 17, abs=0.02)


def test_draws_without_an_object_of_the_part_are_left_out():
    """Of 12 images one has the object; about a third of all draws miss it."""
    box = (5, 0, 0, 0, 60, 60)
    records = match(ground_truth([box]), coco_results([(*box, 0.9), (7, 0, 0, 500, 60, 60, 0.95)]), 1)
    value, drawn = _drawn((records,), 12, WHOLE, _redrawn(12, 1000, 0))
    assert value == accumulate(records).ap()
    assert len(drawn) == pytest.approx(1000 * (1 - (11 / 12) ** 12), abs=60)
    assert drawn.min() > 0
    found = resampled_ap(records, 12)
    assert np.isfinite([found.low, found.high, found.sd]).all()


def test_a_difference_needs_draws_that_both_sides_have():
    """Of other ground truths, which no gate compares: the draw must hold an object of each."""
    one, other = ((image, 0, 0, 0, 60, 60) for image in (5, 7))
    sides = [match(ground_truth([box]), coco_results([(*box, 0.9)]), 1) for box in (one, other)]
    _, drawn = _drawn(sides, 12, WHOLE, _redrawn(12, 1000, 0))
    assert 300 < len(drawn) < 500


@pytest.mark.parametrize(("images", "draws"), [(1, 1000), (9, 1000), (40, 99)], ids=["one", "nine", "few draws"])
def test_too_few_images_or_draws_leave_the_limits_open(images, draws, monkeypatch):
    monkeypatch.setattr(resampling, "REPLICATES", draws)
    records = records_of(population(9, images=images))
    found = resampled_ap(records, images)
    assert (found.low, found.high, found.sd) == (-np.inf, np.inf, np.inf)
    assert found.value == accumulate(records).ap()


def test_without_a_certainty_the_deviation_is_the_same_and_the_limits_are_open():
    records = records_of(population(9))
    bare, full = resampled_ap(records, 40, certainty=None), resampled_ap(records, 40)
    assert (bare.value, bare.sd, bare.low, bare.high) == (full.value, full.sd, -np.inf, np.inf)


def test_ten_images_are_enough_for_limits():
    found = resampled_ap(records_of(population(9, images=10)), 10)
    assert np.isfinite([found.low, found.high]).all()


def test_a_part_that_does_not_exist_has_no_value_and_no_limits():
    records = records_of(population(9))
    for found in (
        resampled_ap(records, 40, Part(None, "small")),
        resampled_ap(match(ground_truth([]), coco_results([]), 2), 40),
    ):
        assert (found.value, found.low, found.high) == (-1, -np.inf, np.inf)


def test_each_limit_is_wrong_about_as_seldom_as_it_says():
    """Both sides are draws from one population, so the truth is 0; each side may miss it once in 20."""
    above = below = 0
    for seed in range(40):
        found = resampled_difference(generated(seed), generated(1000 + seed), 40, Part(0.5))
        above, below = above + (found.low > 0), below + (found.high < 0)
    assert max(above, below) <= 7  # 2 are expected of 40; more than 7 have a chance of 1 in 1,000 at 5 %


def resampled(value, sd, images=100, certainty=0.95):
    return Resampled(value, -np.inf, np.inf, sd, images, certainty)


@pytest.mark.parametrize(("value", "certainty"), [(0.52, 0.95), (0.48, 0.95), (0.55, 0.8)])
def test_with_the_images_that_are_needed_four_of_five_datasets_decide(value, certainty):
    limit, found = 0.5, resampled(value, 0.05, certainty=certainty)
    needed = images_needed(found, limit)
    sd = found.sd * (found.images / needed) ** 0.5
    values = np.random.default_rng(0).normal(value, sd, 100_000)
    margin = NormalDist().inv_cdf(certainty) * sd
    decided = values - margin >= limit if value > limit else values + margin < limit
    assert needed > found.images
    assert decided.mean() == pytest.approx(0.8, abs=0.01)


def test_more_images_are_needed_the_closer_the_limit():
    near, far = images_needed(resampled(0.51, 0.05), 0.5), images_needed(resampled(0.52, 0.05), 0.5)
    assert near == pytest.approx(4 * far, rel=0.01)


def test_one_more_image_is_needed_at_the_least():
    assert images_needed(resampled(0.9, 0.01), 0.5) == 101


def test_no_number_of_images_tells_a_value_from_itself():
    assert images_needed(resampled(0.5, 0.05), 0.5) is None


@pytest.mark.parametrize("missed", [0, 1, 3])
def test_where_few_images_carry_a_difference_the_limits_allow_for_kinds_that_are_not_there(missed):
    """Of 100 images with one object each the second model misses a few; 3 % of all images may be of another kind."""
    boxes = [(image, 0, 0, 0, 60, 60) for image in range(100)]
    first = match(ground_truth(boxes), coco_results([(*box, 0.9) for box in boxes]), 1)
    second = match(ground_truth(boxes), coco_results([(*box, 0.8) for box in boxes[missed:]]), 1)
    found = resampled_difference(first, second, 100)
    assert found.unseen == pytest.approx(1 - 0.05 ** (1 / 100))
    assert found.low <= found.value - found.unseen
    assert missed or images_needed(found, -0.005) == 598


def test_a_class_that_lies_in_one_image_is_never_sure():
    records = match(ground_truth([(3, 0, 0, 0, 60, 60)]), coco_results([(3, 0, 0, 0, 60, 60, 0.9)]), 1)
    found = resampled_ap(records, 30)
    assert found.low <= found.value - 0.95
