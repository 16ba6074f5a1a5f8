"""What lost most: classes by average precision, images by errors, the worst first."""

from __future__ import annotations

from passes import coco_results, ground_truth

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.losses import loss_from_baseline, loss_from_limit
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.resampling import WHOLE, Part
from pytest_rfperf.data.loss import ClassLoss, ImageLoss

NAMES = ("ant", "bee", "cat", "dog", "elk")
AWAY = (900, 900, 30, 30)


def place(category):
    return (100 * category, 0, 40, 40)


def scene(found, *, objects=None, images=8, false=(), **protocol):
    """Each category has an object in each image; `found` has (image, category) pairs, `false` images with a mistake."""
    truth = [(i, k, *place(k)) for i in range(images) for k in range(len(NAMES))] if objects is None else objects
    rows = [(image, category, *place(category), 0.9) for image, category in found]
    rows += [(image, 0, *AWAY, 0.95) for image in false]
    return match(ground_truth(truth), coco_results(rows), len(NAMES), **protocol)


def every(*, but=(), images=8):
    return [(i, k) for i in range(images) for k in range(len(NAMES)) if (i, k) not in but]


def from_baseline(now, before, *, images=8, part=WHOLE):
    return loss_from_baseline(accumulate(now), before, images, NAMES, part)


def test_classes_that_lost_are_named_with_both_values_and_their_objects():
    before, now = scene(every()), scene(every(but=[(0, 2), (1, 2), (3, 4)]))
    lost = from_baseline(now, before)
    (cat, elk), after = lost.classes, accumulate(now)
    assert (cat.name, cat.before, cat.now, cat.objects) == (
        "cat",
        accumulate(before).ap(category=2),
        after.ap(category=2),
        8,
    )
    assert (elk.name, elk.now) == ("elk", after.ap(category=4))


def test_images_that_lost_are_named_with_their_errors_now_and_before():
    before = scene(every(but=[(5, 1)]))
    now = scene(every(but=[(5, 1), (5, 2), (5, 3), (2, 1)]), false=[2])
    assert from_baseline(now, before).images == (ImageLoss(2, 2, 0), ImageLoss(5, 3, 1))


def test_what_did_not_lose_is_not_named():
    worse, better = scene(every(but=[(0, 0), (1, 1)])), scene(every())
    lost = from_baseline(better, worse)
    assert (lost.classes, lost.images) == ((), ())
    assert (from_baseline(worse, worse).classes, from_baseline(worse, worse).images) == ((), ())


def test_the_worst_come_first_and_only_a_few_of_them():
    missing = [(i, k) for k in range(5) for i in range(k + 1)]
    lost = from_baseline(scene(every(but=missing)), scene(every()))
    assert [one.name for one in lost.classes] == ["elk", "dog", "cat"]
    assert [(one.rank, one.now, one.before) for one in lost.images] == [
        (0, 5, 0),
        (1, 4, 0),
        (2, 3, 0),
        (3, 2, 0),
        (4, 1, 0),
    ]
    more = scene(every(but=[(i, 0) for i in range(6)]))
    assert [one.rank for one in from_baseline(more, scene(every())).images] == [0, 1, 2, 3, 4]


def test_of_equal_losses_the_class_with_more_objects_comes_first():
    found = [(image, category) for category, count in ((0, 2), (1, 4), (2, 3)) for image in range(count)]
    objects = [(image, category, *place(category)) for image, category in found]
    lost = from_baseline(scene([], objects=objects), scene(found, objects=objects))
    assert [(one.name, one.objects) for one in lost.classes] == [("bee", 4), ("cat", 3), ("ant", 2)]
    assert {one.before - one.now for one in lost.classes} == {1.0}


def test_a_class_without_objects_loses_nothing():
    objects = [(0, 0, *place(0))]
    lost = from_baseline(scene([], objects=objects), scene([(0, 0)], objects=objects))
    assert [one.name for one in lost.classes] == ["ant"]
    limited = loss_from_limit(accumulate(scene([], objects=objects)), 1, NAMES, WHOLE, 0.5)
    assert [one.name for one in limited.classes] == ["ant"]


def test_each_model_is_judged_at_its_own_best_score():
    """The new model's scores are half of the old one's; that alone is no loss."""
    rows = [(image, k, *place(k), 0.9) for image, k in every()]
    truth = ground_truth([(i, k, *place(k)) for i, k in every()])
    halved = [(*row[:-1], row[-1] / 2) for row in rows]
    high, low, worse = (match(truth, coco_results(found), len(NAMES)) for found in (rows, halved, rows[1:]))
    lost = from_baseline(low, high)
    assert (lost.images, lost.score) == ((), 0.45)
    assert from_baseline(worse, low).images == (ImageLoss(0, 1, 0),)


def test_a_limit_stands_in_for_the_baseline():
    now = accumulate(scene(every(but=[(0, 2), (1, 2), (1, 3)])))
    lost = loss_from_limit(now, 8, NAMES, WHOLE, 0.9)
    cat, dog = (now.ap(category=rank) for rank in (2, 3))
    assert lost.classes == (ClassLoss("cat", cat, 0.9, 8), ClassLoss("dog", dog, 0.9, 8))
    assert lost.images == (ImageLoss(1, 2, None), ImageLoss(0, 1, None))
    assert lost.score == 0.9


def test_classes_above_the_limit_are_not_named_but_images_with_errors_are():
    lost = loss_from_limit(accumulate(scene(every(but=[(0, 2)]))), 8, NAMES, WHOLE, 0.5)
    assert (lost.classes, [one.rank for one in lost.images]) == ((), [0])


def test_a_part_of_one_category_is_explained_by_that_category_alone():
    before, now = scene(every()), scene(every(but=[(0, 1), (3, 2), (4, 2), (4, 1), (4, 0)]))
    lost = from_baseline(now, before, part=Part(0.5, "all", 1))
    assert [one.name for one in lost.classes] == ["bee"]
    assert lost.images == (ImageLoss(0, 1, 0), ImageLoss(4, 1, 0))
    limited = loss_from_limit(accumulate(now), 8, NAMES, Part(0.5, "all", 2), 0.99)
    assert [one.name for one in limited.classes] == ["cat"]
    assert [one.rank for one in limited.images] == [3, 4]


def test_a_loss_says_at_what_overlap_and_of_which_category_it_is():
    now, before = scene(every(but=[(0, 1)])), scene(every())
    for part, told in ((WHOLE, (0.5, None)), (Part(0.75), (0.75, None)), (Part(None, "all", 1), (0.5, 1))):
        for lost in (from_baseline(now, before, part=part), loss_from_limit(accumulate(now), 8, NAMES, part, 0.99)):
            assert (lost.iou, lost.category) == told


def test_a_part_of_one_area_does_not_count_objects_of_others():
    """Objects of category 0 are 40 by 40 and medium; one of category 1 is large."""
    objects = [(0, 0, *place(0)), (1, 1, 0, 0, 200, 200)]
    now = scene([], objects=objects, images=2)
    lost = loss_from_limit(accumulate(now), 2, NAMES, Part(None, "large", None), 0.5)
    assert [(one.name, one.objects) for one in lost.classes] == [("bee", 1)]
    assert lost.images == (ImageLoss(1, 1, None),)


def test_errors_are_counted_at_the_threshold_asked_for_and_next_to_one_half_for_a_mean():
    """A box that overlaps by 0.7 is found at 0.6 and lost at 0.9."""
    objects, rows = [(0, 0, 0, 0, 10, 10)], [(0, 0, 0, 0, 10, 7, 0.9)]
    now = match(ground_truth(objects), coco_results(rows), len(NAMES), iou_thresholds=(0.6, 0.9))
    for iou, images in ((None, ()), (0.6, ()), (0.9, (ImageLoss(0, 1, None),))):
        lost = loss_from_limit(accumulate(now), 1, NAMES, Part(iou), 0.99)
        assert (lost.images, lost.iou) == (images, iou or 0.6)
