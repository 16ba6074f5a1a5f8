"""same_detections: each recorded detection is looked for; there is no chance in it."""

from __future__ import annotations

import pytest
from fakes import FakeBench
from passes import accuracy_of, baseline_of, coco_results, even_accuracy, ground_truth, uneven_accuracy

from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.gates.same_detections import SameDetections

SAID = "from the baseline of 2024-05-01 (fast.onnx, sha256 0123456789ab) for fast on cpu/street (50 images)"


def judge(now, before, **arguments):
    baseline = None if before is None else baseline_of(before)
    return SameDetections("baseline", **arguments).judge(FakeBench(accuracy=now, baseline=baseline))


def without(accuracy, *images):
    """The same pass without the surest detection of some images; an image named twice loses two."""
    results = accuracy.run.results
    rows = list(zip(results.images, results.categories, *results.boxes_xywh.T, results.scores, strict=True))
    for image in images:
        rows.remove(max((row for row in rows if row[0] == image), key=lambda row: row[-1]))
    truth = ground_truth([(i, c, 200 * c, 0, s, s) for i in range(50) for c, s in ((0, side(i)), (1, side(i)))])
    return accuracy_of(truth, coco_results(rows))


def side(image):
    return 120 if image % 2 else 60


def test_the_same_pass_passes_and_says_how_many_there_are():
    one = even_accuracy()
    verdict = judge(one, one)
    assert str(verdict) == (
        "same_detections: 300 of 300 recorded detections found again (100.00% >= 99.50%, scores within 0.05; 0 are new) "
        f"{SAID}: PASS"
    )
    assert (verdict.measured, verdict.limit) == (1.0, 0.995)


def test_missing_boxes_fail_with_the_three_images_that_differ_most():
    before = even_accuracy()
    verdict = judge(without(before, 7, 7, 30, 12, 12, 12, 41), before)
    first, details = str(verdict).splitlines()
    assert first.startswith("same_detections: 293 of 300 recorded detections found again (97.67% < 99.50%")
    assert first.endswith(f"{SAID}: FAIL")
    assert details == (
        "  images that differ most (recorded detections not found again): 12.jpg 3 of 6, 07.jpg 2 of 6, 30.jpg 1 of 6"
    )


def test_the_limit_itself_passes():
    before = even_accuracy()
    now = without(before, *range(3))
    assert judge(now, before, share=0.99).outcome is Outcome.PASS
    assert judge(now, before, share=0.9901).outcome is Outcome.FAIL
    assert SameDetections("baseline").at(0.99) == SameDetections("baseline", share=0.99)


def test_more_boxes_than_before_are_said_and_lose_nothing():
    before = even_accuracy()
    verdict = judge(before, without(before, 3, 4))
    assert verdict.outcome is Outcome.PASS
    assert "2 are new" in verdict.message


def test_without_a_baseline_it_is_recording():
    verdict = judge(even_accuracy(), None)
    assert verdict.outcome is Outcome.RECORDING
    assert "no baseline yet for fast on cpu/street" in verdict.message


def test_a_baseline_without_a_detection_decides_nothing():
    one = uneven_accuracy()
    nothing = accuracy_of(ground_truth([(0, 0, 0, 0, 10, 10)]), coco_results([]))
    assert judge(one, nothing).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"as_": "jetson"}, "as_='jetson': expected 'baseline'; the detections of other targets are not there yet"),
        ({"as_": "baseline", "score": 1.5}, r"score=1.5: expected a number in \[0, 1\]"),
        ({"as_": "baseline", "share": 0}, r"share=0: expected a number in \(0, 1\]"),
        ({"as_": "baseline", "iou": 0.9}, "unknown argument 'iou'; known: as_, score, share"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, said):
    with pytest.raises(UsageError, match=f"^same_detections: {said}"):
        make_gate("same_detections", (), arguments)
