"""min_map and min_ap: deterministic comparisons, and what may not be compared."""

import numpy as np
import pytest
from fakes import FakeBench

from pytest_rfperf.core.average_precision import PrecisionRecall
from pytest_rfperf.core.matching import IOU_THRESHOLDS
from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.data.runs import AccuracyRun
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.gate import Accuracy
from pytest_rfperf.gates.min_ap import MinAp
from pytest_rfperf.gates.min_map import MinMap, shown_metric

AREAS = ("all", "small", "medium", "large")
SAMPLE = "(50 images, score floor 0.01, 100 detections)"
WHERE = "for fast on cpu/street"


def accuracy(*, by_threshold=0.5, floor=0.01, known=True):
    """A pass in which cars have the given precision, discs half of it, and small objects do not exist."""
    precision = np.zeros((len(IOU_THRESHOLDS), 101, 2, len(AREAS), 1))
    precision[:, :, 0] = np.broadcast_to(by_threshold, len(IOU_THRESHOLDS))[:, None, None, None]
    precision[:, :, 1] = precision[:, :, 0] / 2
    precision[:, :, :, 1] = -1
    if not known:
        precision[:] = -1
    tensors = PrecisionRecall(precision, precision, precision[:, 0], tuple(IOU_THRESHOLDS), AREAS, (100,))
    none = np.zeros(0, dtype=np.int64)
    results = CocoResults(none, none, np.zeros((0, 4)), np.zeros(0))
    run = AccuracyRun(results, floor, 50, 0, 1.0, "0" * 64)
    return Accuracy(run, records=None, precision_recall=tensors, categories=("car", "disc"), score_floor=floor)


def test_a_pass_shows_value_limit_and_sample():
    verdict = MinMap(0.3).judge(FakeBench(accuracy=accuracy()))
    assert (verdict.outcome, verdict.unit, verdict.limit) == (Outcome.PASS, "", 0.3)
    assert verdict.measured == pytest.approx(0.375)
    assert str(verdict) == f"min_map: AP 0.3750 >= 0.3 {WHERE} {SAMPLE}: PASS"


def test_a_fail_shows_value_and_limit():
    verdict = MinMap(0.8).judge(FakeBench(accuracy=accuracy()))
    assert str(verdict) == f"min_map: AP 0.3750 < 0.8 {WHERE} {SAMPLE}: FAIL"


def test_a_value_that_equals_the_limit_passes():
    assert MinAp(0.5, category="car").judge(FakeBench(accuracy=accuracy(by_threshold=0.5))).outcome is Outcome.PASS


def test_a_perfect_precision_of_one_object_reaches_1():
    """COCO divides by the count plus the spacing of 1, which leaves a single true positive just below 1."""
    perfect = accuracy(by_threshold=1 / (1 + np.spacing(1)))
    assert MinAp(1, category="car").judge(FakeBench(accuracy=perfect)).outcome is Outcome.PASS


def test_nothing_annotated_is_inconclusive_and_never_a_pass():
    verdict = MinMap(0).judge(FakeBench(accuracy=accuracy(known=False)))
    assert (verdict.outcome, verdict.measured) == (Outcome.INCONCLUSIVE, None)
    assert verdict.message == f"AP undefined {WHERE}: no annotated object counts {SAMPLE}"


@pytest.mark.parametrize(("iou", "shown"), [(0.5, "AP50"), (0.75, "AP75"), (0.55, "AP55")])
def test_one_threshold_is_asked_for_and_named(iou, shown):
    bench = FakeBench(accuracy=accuracy(by_threshold=np.linspace(0.9, 0.0, 10)))
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
