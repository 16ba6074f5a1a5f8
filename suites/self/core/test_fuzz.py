"""Both tiers against their oracles on drawn cases, bit for bit.

A short run unless RFPERF_FUZZ says how many cases: `RFPERF_FUZZ=2000 pytest suites/self/core/test_fuzz.py -s` tries
2,000 of each kind and prints the seed that RFPERF_FUZZ_SEED takes to draw the same ones again.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets

import numpy as np
import oracle
import pytest
import strategies
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.nms import nms
from pytest_rfperf.core.tier import available, forced

TIERS = ("numpy", "c") if available() else ("numpy",)
CASES = int(os.environ.get("RFPERF_FUZZ", "100"))
SEED = int(os.environ.get("RFPERF_FUZZ_SEED", "0")) or secrets.randbits(32)

pytestmark = pytest.mark.timeout(300 + 2 * CASES)
drawn_from_the_seed = settings(
    max_examples=CASES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def _say_the_seed():
    print(f"\nRFPERF_FUZZ={CASES} RFPERF_FUZZ_SEED={SEED} on {' and '.join(TIERS)}")


def plain_iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    intersection = width * height if width > 0 and height > 0 else 0.0
    if intersection == 0:
        return 0.0
    return intersection / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection)


def plain_nms(case):
    """The greedy rule, one pair at a time."""
    rows, labels, scores = case.boxes.tolist(), case.labels.tolist(), case.scores.tolist()
    kept = {label: [] for label in labels}
    for i in sorted(
        range(len(rows)), key=lambda i: (scores[i] != scores[i], -scores[i] if scores[i] == scores[i] else 0)
    ):
        if not any(plain_iou(rows[j], rows[i]) > case.iou_threshold for j in kept[labels[i]]):
            kept[labels[i]].append(i)
            yield i


@seed(SEED)
@drawn_from_the_seed
@given(strategies.any_suppression_cases())
def test_suppression_keeps_what_a_plain_greedy_loop_keeps(case):
    expected = list(plain_nms(case))
    for name in TIERS:
        with forced(name):
            assert nms(case.boxes, case.scores, case.iou_threshold, case.labels).tolist() == expected, name


def pycocotools_run(case, protocol, order):
    """Images and categories are listed in any order; ids decide."""
    dataset = case.dataset()
    for rows in (dataset["images"], dataset["categories"]):
        order.shuffle(rows)
    stock_ranges = protocol.area_ranges == strategies.AREA_RANGES
    thresholds = None if protocol == strategies.COCO else protocol.iou_thresholds
    run = oracle.evaluate(dataset, case.rows(), iou_thresholds=thresholds, max_detections=protocol.max_detections)
    if not stock_ranges:
        run.params.areaRng = [list(limits) for limits in protocol.area_ranges.values()]
        run.params.areaRngLbl = list(protocol.area_ranges)
        with contextlib.redirect_stdout(io.StringIO()):
            run.evaluate()
            run.accumulate()
    return run


def evaluated(case, protocol):
    records = match(
        case.truth,
        case.results,
        case.category_count,
        iou_thresholds=protocol.iou_thresholds,
        area_ranges=protocol.area_ranges,
        max_detections=protocol.max_detections[-1],
    )
    return accumulate(records, max_detections=protocol.max_detections)


def twelve_values(found):
    sizes = ("small", "medium", "large")
    return [
        found.ap(),
        found.ap(iou=0.5),
        found.ap(iou=0.75),
        *(found.ap(area=area) for area in sizes),
        *(found.ar(max_detections=limit) for limit in found.max_detections),
        *(found.ar(area=area) for area in sizes),
    ]


def small_cases():
    return strategies.coco_cases() | strategies.tied_overlap_cases() | strategies.crowd_cases()


def assert_equal_to_pycocotools(case, protocol, order):
    expected = pycocotools_run(case, protocol, order)
    for name in TIERS:
        with forced(name):
            found = evaluated(case, protocol)
        for tensor in ("precision", "recall", "scores"):
            ours, theirs = getattr(found, tensor), expected.eval[tensor]
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{tensor}, {name}", strict=True)
        if protocol == strategies.COCO:
            assert twelve_values(found) == list(expected.stats), name


@seed(SEED)
@drawn_from_the_seed
@given(small_cases(), strategies.any_protocols(), st.randoms(use_true_random=False))
def test_evaluation_of_small_cases_gives_the_bits_of_pycocotools(case, protocol, order):
    assert_equal_to_pycocotools(case, protocol, order)


@seed(SEED)
@settings(drawn_from_the_seed, max_examples=max(1, CASES // 4))
@given(strategies.large_coco_cases(), strategies.any_protocols(most_thresholds=12), st.randoms(use_true_random=False))
def test_evaluation_of_large_cases_gives_the_bits_of_pycocotools(case, protocol, order):
    assert_equal_to_pycocotools(case, protocol, order)
