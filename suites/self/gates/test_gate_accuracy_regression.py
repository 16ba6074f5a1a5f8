"""no_regression: judged by the limits of the paired difference, explained where it fails."""

import re
from dataclasses import replace

import pytest
from fakes import FakeBench
from passes import accuracy_of, baseline_of, coco_results, even_accuracy, ground_truth, uneven_accuracy

from pytest_rfperf.core.resampling import WHOLE
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.accuracy_regression import AccuracyRegression

WHERE = "for fast on cpu/street (50 images, paired)"
SAID = "from the baseline of 2024-05-01 (fast.onnx, sha256 0123456789ab)"


def judge(now, before, tolerance=0.005):
    return AccuracyRegression(map=tolerance).judge(FakeBench(accuracy=now, baseline=baseline_of(before)))


def changed(before, now):
    """What the redrawn images say of the difference."""
    return FakeBench().resampled_change(now, baseline_of(before), WHOLE)


def better_and_worse():
    """Two passes over the same truth, of which the second finds less."""
    return uneven_accuracy(found=0.9), uneven_accuracy(found=0.6)


@pytest.mark.parametrize("tolerance", [0, 0.005])
def test_a_model_against_itself_passes_with_limits_of_nothing(tolerance):
    one = uneven_accuracy()
    verdict = judge(one, one, tolerance)
    ap = one.precision_recall.ap()
    assert str(verdict) == (
        f"no_regression: AP {ap:.4f}, +0.0000 (limits +0.0000..+0.0000, each 95%) {SAID}, tolerance {tolerance:g} "
        f"{WHERE}: PASS"
    )
    assert (verdict.measured, verdict.limit, verdict.unit) == (0.0, -tolerance, "")


def test_a_worse_model_fails_and_names_classes_and_images():
    before, now = better_and_worse()
    verdict = judge(now, before)
    change = changed(before, now)
    first, *details = str(verdict).splitlines()
    assert first == (
        f"no_regression: AP {now.precision_recall.ap():.4f}, {change.value:+.4f} (limits {change.low:+.4f}.."
        f"{change.high:+.4f}, each 95%) {SAID}, tolerance 0.005 {WHERE}: FAIL"
    )
    assert verdict.measured == change.value < change.high < -0.005
    car, disc = (
        f"{name} {before.precision_recall.ap(category=rank):.3f} -> {now.precision_recall.ap(category=rank):.3f}"
        for rank, name in enumerate(now.categories)
    )
    assert re.fullmatch(
        rf"  classes that lost most \(AP\): (?:{car} \(50 objects\)|{disc} \(50 objects\)|, )+", details[0]
    )
    assert re.fullmatch(
        r"  images that lost most \(errors at score 0\.\d+, IoU 0\.5\): (\d\d\.jpg \d -> \d(, )?){5}", details[1]
    )
    assert len(verdict.loss.images) == 5


def test_a_better_model_passes():
    before, now = better_and_worse()
    verdict = judge(before, now)
    assert (verdict.outcome, verdict.details, verdict.loss) == (Outcome.PASS, (), None)
    assert verdict.measured > 0.1


@pytest.mark.parametrize(
    ("tolerance", "move", "outcome"),
    [
        ("low", 0.0, Outcome.PASS),
        ("low", -1e-9, Outcome.INCONCLUSIVE),
        ("high", 0.0, Outcome.INCONCLUSIVE),
        ("high", -1e-9, Outcome.FAIL),
    ],
)
def test_the_tolerance_is_held_against_the_limits_and_not_against_the_difference(tolerance, move, outcome):
    """PASS where even the lower limit stays within the tolerance, FAIL where even the upper one does not."""
    before, now = better_and_worse()
    change = changed(before, now)
    assert judge(now, before, -getattr(change, tolerance) + move).outcome is outcome


def test_an_undecided_change_says_how_many_images_would_decide():
    before, now = better_and_worse()
    change = changed(before, now)
    tolerance = round(-change.value + change.sd / 4, 4)
    verdict = judge(now, before, tolerance)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert re.search(
        rf", tolerance {tolerance:g}, undecided with 50 images; about \d+ like these would decide for fast on cpu/street ",
        verdict.message,
    )
    assert verdict.details == ()


def test_too_few_images_for_limits_are_undecided_unless_nothing_changed_at_all():
    few = uneven_accuracy(images=9)
    assert judge(few, few).outcome is Outcome.PASS
    verdict = judge(few, replace(few, records=replace(few.records, scores=few.records.scores / 2)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "(limits -inf..+inf, each 95%)" in verdict.message
    assert "undecided: 9 images, or those with objects, are too few for limits" in verdict.message


def test_without_a_baseline_there_is_one_to_be():
    bench = FakeBench(accuracy=uneven_accuracy(), baseline=None)
    verdict = AccuracyRegression(map=0.005).judge(bench)
    assert str(verdict) == (
        "no_regression: no baseline yet for fast on cpu/street; this run becomes it, if all else passes: RECORDING"
    )
    assert (verdict.measured, verdict.limit) == (None, -0.005)


def test_the_usual_protocol_is_measured_before_the_baseline_is_asked_for():
    """The baseline names what is not comparable, for which the pass must be there."""
    one = uneven_accuracy()
    bench = FakeBench(accuracy=one, baseline=baseline_of(one))
    AccuracyRegression(map=0).judge(bench)
    assert bench.asked == [
        ("accuracy", {"score_floor": None, "max_detections": 100, "iou_thresholds": None}),
        "baseline",
    ]


def test_a_change_that_is_equal_in_every_image_may_still_be_another_in_images_that_are_not_there():
    """One more mistake before each object, in all of 50 images: up to 5.8 % of others may not have shown."""
    verdict = judge(even_accuracy(false=(1, 4)), even_accuracy(false=(1, 3)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "-0.0250 (limits -0.0832..+0.0332, each 95%)" in verdict.message
    assert "about 149 like these would decide" in verdict.message


def test_a_model_that_finds_nothing_any_more_is_explained():
    truth = ground_truth([(image, 0, 0, 0, 60, 60) for image in range(50)])
    found = coco_results([(image, 0, 0, 0, 60, 60, 1 - image / 100) for image in range(50)])
    verdict = judge(accuracy_of(truth, coco_results([])), accuracy_of(truth, found))
    assert verdict.details == (
        "classes that lost most (AP): car 1.000 -> 0.000 (50 objects)",
        (
            "images that lost most (errors where no detection is used, IoU 0.5): "
            "00.jpg 0 -> 1, 01.jpg 0 -> 1, 02.jpg 0 -> 1, 03.jpg 0 -> 1, 04.jpg 0 -> 1"
        ),
    )


def test_detections_cut_above_a_score_of_005_are_refused():
    one = uneven_accuracy(floor=0.25)
    with pytest.raises(UsageError) as caught:
        judge(one, one)
    assert str(caught.value) == (
        "no_regression: detections of fast on cpu/street are cut at score 0.25, which changes AP; set "
        "decode.score-floor of the model to 0.05 or less"
    )


def test_a_dataset_without_objects_is_never_a_pass():
    nothing = even_accuracy(known=False)
    verdict = judge(nothing, nothing)
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, None)
    assert verdict.message == "AP undefined for fast on cpu/street: no annotated object counts (50 images)"
