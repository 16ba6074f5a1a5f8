"""min_map and min_ap: plain comparisons, comparisons with a certainty, and what may not be compared."""

import re

import pytest
from fakes import FakeBench
from passes import accuracy_of, coco_results, even_accuracy, ground_truth, uneven_accuracy

from pytest_rfperf.core.resampling import WHOLE, Part, images_needed
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.min_ap import MinAp
from pytest_rfperf.gates.min_map import MinMap, shown_metric

SAMPLE = "(50 images, score floor 0.01, 100 detections)"
WHERE = "for fast on cpu/street"


def accuracy(**changes):
    """A pass in which cars have a precision of 0.5, discs half of it, and small objects do not exist."""
    return even_accuracy(**changes)


def test_a_pass_shows_value_limit_and_sample():
    verdict = MinMap(0.3).judge(FakeBench(accuracy=accuracy()))
    assert (verdict.outcome, verdict.unit, verdict.limit) == (Outcome.PASS, "", 0.3)
    assert verdict.measured == pytest.approx(0.375)
    assert str(verdict) == f"min_map: AP 0.3750 >= 0.3 {WHERE} {SAMPLE}: PASS"


def test_a_fail_shows_value_and_limit_and_what_is_worst():
    verdict = MinMap(0.8).judge(FakeBench(accuracy=accuracy()))
    assert str(verdict).splitlines() == [
        f"min_map: AP 0.3750 < 0.8 {WHERE} {SAMPLE}: FAIL",
        "  classes furthest below 0.8 (AP): disc 0.250 (50 objects), car 0.500 (50 objects)",
        "  images with most errors (at score 0.51, IoU 0.5): 00.jpg 4, 01.jpg 4, 02.jpg 4, 03.jpg 4, 04.jpg 4",
    ]
    assert [image.rank for image in verdict.loss.images] == [0, 1, 2, 3, 4]


def test_only_a_fail_is_explained():
    passed = MinMap(0.3).judge(FakeBench(accuracy=accuracy()))
    undecided = MinMap(0, certainty=0.95).judge(FakeBench(accuracy=accuracy(known=False)))
    assert [(verdict.details, verdict.loss) for verdict in (passed, undecided)] == [((), None)] * 2


def test_the_classes_of_a_part_are_those_of_its_metric():
    verdict = MinAp(0.8, category="car", iou=0.5).judge(FakeBench(accuracy=accuracy()))
    assert verdict.details[0] == "classes furthest below 0.8 (AP50): car 0.500 (50 objects)"


def test_a_detector_that_finds_nothing_misses_every_object():
    nothing = accuracy_of(ground_truth([(image, 0, 0, 0, 60, 60) for image in range(2)]), coco_results([]), images=2)
    verdict = MinMap(0.8).judge(FakeBench(accuracy=nothing))
    assert verdict.details == (
        "classes furthest below 0.8 (AP): car 0.000 (2 objects)",
        "images with most errors (where no detection is used, IoU 0.5): 00.jpg 1, 01.jpg 1",
    )


def test_a_value_that_equals_the_limit_passes():
    assert MinAp(0.5, category="car").judge(FakeBench(accuracy=accuracy())).outcome is Outcome.PASS


def test_a_perfect_precision_of_one_object_reaches_1():
    """COCO divides by the count plus the spacing of 1, which leaves a single true positive just below 1."""
    box = (0, 0, 0, 0, 60, 60)
    verdict = MinMap(1).judge(FakeBench(accuracy=accuracy_of(ground_truth([box]), coco_results([(*box, 0.9)]))))
    assert (verdict.outcome, verdict.measured < 1) == (Outcome.PASS, True)


def test_nothing_annotated_is_inconclusive_and_never_a_pass():
    verdict = MinMap(0).judge(FakeBench(accuracy=accuracy(known=False)))
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, None)
    assert verdict.message == f"AP undefined {WHERE}: no annotated object counts {SAMPLE}"


@pytest.mark.parametrize(("iou", "shown"), [(0.5, "AP50"), (0.75, "AP75"), (0.55, "AP55")])
def test_one_threshold_is_asked_for_and_named(iou, shown):
    bench = FakeBench(accuracy=accuracy())
    assert MinMap(0.1, iou=iou).judge(bench).message.startswith(f"{shown} ")
    assert bench.asked == [("accuracy", {"score_floor": None, "max_detections": 100, "iou_thresholds": (iou,)})]


@pytest.mark.parametrize(
    ("iou", "shown"), [(None, "AP"), (0.5, "AP50"), (0.29, "AP29"), (0.58, "AP58"), (0.625, "AP@0.625"), (1, "AP100")]
)
def test_a_threshold_is_named_as_coco_does_or_in_full(iou, shown):
    assert shown_metric(iou) == shown


def test_the_protocol_of_the_marker_is_what_is_measured():
    bench = FakeBench(accuracy=accuracy())
    MinMap(0.1, score_floor=0.3, max_detections=10).judge(bench)
    assert bench.asked == [("accuracy", {"score_floor": 0.3, "max_detections": 10, "iou_thresholds": None})]


@pytest.mark.parametrize("gate", [MinMap(0.1), MinAp(0.1, category="car")])
def test_detections_cut_above_a_score_of_005_are_refused(gate):
    with pytest.raises(UsageError) as caught:
        gate.judge(FakeBench(accuracy=accuracy(floor=0.25)))
    assert str(caught.value) == (
        f"{gate.name}: score_floor=None: detections of fast on cpu/street are cut at score 0.25, which changes AP; set "
        f"decode.score-floor of the model to 0.05 or less, or name score_floor=0.25 in the marker"
    )


def test_a_score_floor_of_005_is_low_enough():
    assert MinMap(0.1).judge(FakeBench(accuracy=accuracy(floor=0.05))).outcome is Outcome.PASS


def test_a_higher_score_floor_is_accepted_where_the_marker_names_it():
    verdict = MinMap(0.1, score_floor=0.25).judge(FakeBench(accuracy=accuracy(floor=0.25)))
    assert verdict.message.endswith("(50 images, score floor 0.25, 100 detections)")


def test_a_score_floor_below_that_of_the_model_is_refused():
    with pytest.raises(UsageError) as caught:
        MinMap(0.1, score_floor=0.1).judge(FakeBench(accuracy=accuracy(floor=0.25)))
    assert str(caught.value) == (
        "min_map: score_floor=0.1: detections of fast on cpu/street are already cut at score 0.25; lower "
        "decode.score-floor of the model"
    )


@pytest.mark.parametrize(
    ("part", "value", "shown"),
    [
        ({"category": "car"}, 0.5, "'car'"),
        ({"category": "disc"}, 0.25, "'disc'"),
        ({"area": "large"}, 0.375, "large"),
        ({"category": "disc", "area": "medium"}, 0.25, "medium 'disc'"),
    ],
)
def test_a_part_of_the_dataset_is_measured_and_named(part, value, shown):
    verdict = MinAp(0.2, **part).judge(FakeBench(accuracy=accuracy()))
    assert verdict.measured == pytest.approx(value)
    assert verdict.message == f"AP of {shown} {value:.4f} >= 0.2 {WHERE} {SAMPLE}"


def test_a_part_without_an_annotated_object_is_inconclusive():
    verdict = MinAp(0, area="small", iou=0.5).judge(FakeBench(accuracy=accuracy()))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == f"AP50 of small undefined {WHERE}: no annotated object counts {SAMPLE}"


def test_an_unknown_category_is_answered_with_those_of_the_dataset():
    with pytest.raises(UsageError, match=r"^min_ap: category='cat': did you mean 'car'\? the dataset has car, disc$"):
        MinAp(0.2, category="cat").judge(FakeBench(accuracy=accuracy()))


def uneven():
    """A pass over images that are not alike, and what redrawing them says, each limit at 95 %."""
    bench = FakeBench(accuracy=uneven_accuracy())
    return bench, bench.resampled(bench.answers["accuracy"], WHOLE, certainty=0.95)


def test_a_plain_comparison_shows_how_far_the_limit_lies_in_standard_deviations_of_images():
    bench, found = uneven()
    for limit in (0.1, 0.9):
        margin = (found.value - limit) / found.sd
        assert MinMap(limit).judge(bench).message.endswith(f"100 detections, margin {margin:+.1f} sd of images)")
    assert 0.01 < found.sd < 0.2


def test_a_limit_far_away_is_said_to_be_far_and_not_how_far():
    bench = FakeBench(accuracy=uneven_accuracy(images=200))
    assert MinMap(0.01).judge(bench).message.endswith(", more than 10 sd of images above)")
    assert MinMap(0.99).judge(bench).message.endswith(", more than 10 sd of images below)")


def test_a_plain_comparison_is_never_undecided():
    """Limits that straddle the number that was asked for are no reason: on fixed images the value is no estimate."""
    bench, found = uneven()
    assert found.low < found.value < found.high
    assert MinMap(found.value).judge(bench).outcome is Outcome.PASS
    assert MinMap(found.value + 1e-9).judge(bench).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("limit", "move", "outcome"),
    [
        ("low", -0.05, Outcome.PASS),
        ("low", 0.0, Outcome.PASS),
        ("low", 1e-9, Outcome.INCONCLUSIVE),
        ("value", 0.0, Outcome.INCONCLUSIVE),
        ("high", 0.0, Outcome.INCONCLUSIVE),
        ("high", 1e-9, Outcome.FAIL),
        ("high", 0.05, Outcome.FAIL),
    ],
)
def test_a_certainty_is_asked_of_the_limits_and_not_of_the_value(limit, move, outcome):
    bench, found = uneven()
    assert MinMap(getattr(found, limit) + move, certainty=0.95).judge(bench).outcome is outcome


def test_verdicts_with_a_certainty_show_both_limits_and_the_way_out():
    bench, found = uneven()
    shown = f"AP {found.value:.4f} (limits {found.low:.4f}..{found.high:.4f}, each 95%)"
    end = f"{WHERE} (50 images, score floor 0.01, 100 detections)"
    passed, failed, undecided = (MinMap(ap, certainty=0.95).judge(bench) for ap in (0.2, 0.9, 0.4))
    assert str(passed) == f"min_map: {shown} >= 0.2 {end}: PASS"
    assert str(failed).startswith(f"min_map: {shown} < 0.9 {end}: FAIL\n  classes furthest below 0.9 (AP): ")
    needed = images_needed(found, 0.4)
    assert needed > 50
    assert str(undecided) == (
        f"min_map: {shown} against 0.4, undecided with 50 images; about {needed} like these would decide {end}: "
        "INCONCLUSIVE"
    )
    assert (passed.measured, failed.measured, undecided.measured) == (found.value,) * 3


def test_a_limit_that_equals_the_value_can_never_be_decided():
    bench, found = uneven()
    text = MinMap(found.value, certainty=0.95).judge(bench).message
    assert f" against {found.value:g}, which no number of images can tell apart {WHERE}" in text


def test_too_few_images_for_limits_are_undecided_and_said_to_be():
    bench = FakeBench(accuracy=uneven_accuracy(images=5))
    verdict = MinMap(0.01, certainty=0.95).judge(bench)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "(limits -inf..inf, each 95%) against 0.01, undecided: 5 images, or those with objects, are too few " in (
        verdict.message
    )
    assert MinMap(0.01).judge(bench).message.endswith("(5 images, score floor 0.01, 100 detections)")


def test_a_higher_certainty_gives_wider_limits():
    bench = FakeBench(accuracy=uneven_accuracy())
    shown = [
        [float(limit) for limit in re.search(r"limits ([\d.]+)\.\.([\d.]+), each (?:80|99)%", text).groups()]
        for text in (MinMap(0.4, certainty=certainty).judge(bench).message for certainty in (0.8, 0.99))
    ]
    assert shown[1][0] < shown[0][0] < shown[0][1] < shown[1][1]


def test_a_certainty_of_a_part_redraws_that_part():
    bench = FakeBench(accuracy=uneven_accuracy())
    part = bench.resampled(bench.answers["accuracy"], Part(0.5, "medium", 1), certainty=0.9)
    verdict = MinAp(0.1, category="disc", area="medium", iou=0.5, certainty=0.9).judge(bench)
    assert verdict.message.startswith(
        f"AP50 of medium 'disc' {part.value:.4f} (limits {part.low:.4f}..{part.high:.4f}, each 90%) >= 0.1 {WHERE}"
    )


def test_an_undefined_value_with_a_certainty_is_undefined_and_not_undecided():
    verdict = MinMap(0, certainty=0.95).judge(FakeBench(accuracy=accuracy(known=False)))
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, None)
    assert verdict.message == f"AP undefined {WHERE}: no annotated object counts {SAMPLE}"
