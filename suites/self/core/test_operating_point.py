"""The score with the highest F1, against every score tried in turn on pycocotools' own matches."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import oracle
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import coco_results, ground_truth

from pytest_rfperf.core.matching import AREA_RANGES, IOU_THRESHOLDS, match
from pytest_rfperf.core.operating_point import best_f1, image_errors
from pytest_rfperf.core.records import only_categories

BOX = (0, 0, 10, 10)
ELSEWHERE = (500, 500, 10, 10)


class Found(NamedTuple):
    """A detection that is true or false, or, at score None, an object that counts."""

    image: int
    score: float | None
    true: bool = False


def judged(case, iou, area):
    """What pycocotools makes of each detection and object, those that count for nothing left out."""
    run = oracle.evaluate(
        oracle.coco_dataset(case.truth, case.image_count, case.category_count), oracle.coco_rows(case.results)
    )
    at, limits, rows = IOU_THRESHOLDS.index(iou), list(AREA_RANGES[area]), []
    for one in run.evalImgs:
        if one is None or one["aRng"] != limits:
            continue
        image = one["image_id"] - 1
        rows += [Found(image, None)] * int(np.sum(np.array(one["gtIgnore"]) == 0))
        for score, taken, ignored in zip(one["dtScores"], one["dtMatches"][at], one["dtIgnore"][at], strict=True):
            if not ignored:
                rows.append(Found(image, score, bool(taken)))
    return rows


def figures(rows, score):
    """F1, precision and recall of the detections of at least a score."""
    used = [row for row in rows if row.score is not None and row.score >= score]
    true, objects = sum(row.true for row in used), sum(row.score is None for row in rows)
    return Fraction(2 * true, len(used) + objects), Fraction(true, len(used)), Fraction(true, objects)


@settings(max_examples=60, deadline=None)
@given(strategies.coco_cases(), st.sampled_from((0.5, 0.75)), st.sampled_from(tuple(AREA_RANGES)))
def test_no_score_is_better_and_no_higher_one_as_good(case, iou, area):
    found = best_f1(match(case.truth, case.results, case.category_count), iou=iou, area=area)
    rows = judged(case, iou, area)
    if not any(row.true for row in rows):
        assert found == (np.inf, 0, 0, 0)
        return
    tried = {score: figures(rows, score) for score in {row.score for row in rows if row.score is not None}}
    best = max(tried, key=lambda score: (tried[score][0], score))
    assert found == (best, *map(float, tried[best]))


@settings(max_examples=60, deadline=None)
@given(strategies.coco_cases(), st.sampled_from((0.5, 0.75)), st.sampled_from(tuple(AREA_RANGES)), st.floats(0, 1))
def test_errors_are_objects_missed_and_detections_that_are_false(case, iou, area, score):
    records = match(case.truth, case.results, case.category_count)
    rows = judged(case, iou, area)
    expected = [
        sum(row.score is None for row in rows if row.image == image)
        + sum(
            -1 if row.true else 1 for row in rows if row.image == image and row.score is not None and row.score >= score
        )
        for image in range(case.image_count)
    ]
    assert image_errors(records, case.image_count, score, iou=iou, area=area).tolist() == expected


def records_of(rows, *, objects=1):
    """Detections (true, score) of one image that has some objects side by side."""
    truth = ground_truth([(0, 0, 20 * i, 0, 10, 10) for i in range(objects)])
    places = iter(range(objects))
    found = [(0, 0, *((20 * next(places), 0, 10, 10) if true else ELSEWHERE), score) for true, score in rows]
    return match(truth, coco_results(found), 1)


def test_the_figures_of_an_example():
    """Two of three objects with one mistake between them; the third object is found below two more mistakes."""
    rows = [(True, 0.9), (False, 0.8), (True, 0.7), (False, 0.6), (False, 0.5), (True, 0.4)]
    assert best_f1(records_of(rows, objects=3)) == (0.7, 2 * 2 / 6, 2 / 3, 2 / 3)


def test_of_equally_good_scores_the_highest_is_taken():
    """One of two objects alone, or both beside two mistakes: F1 is 2/3 either way."""
    rows = [(True, 0.9), (False, 0.8), (False, 0.7), (True, 0.6)]
    assert best_f1(records_of(rows, objects=2)) == (0.9, 2 / 3, 1.0, 0.5)


def test_detections_of_one_score_are_used_together():
    assert best_f1(records_of([(True, 0.9), (False, 0.9)])) == (0.9, 2 / 3, 0.5, 1.0)


@pytest.mark.parametrize(("rows", "objects"), [([], 0), ([], 2), ([(False, 0.9)], 0), ([(False, 0.9)], 2)], ids=str)
def test_without_a_true_detection_none_is_used(rows, objects):
    records = records_of(rows, objects=objects)
    point = best_f1(records)
    assert point == (np.inf, 0, 0, 0)
    assert image_errors(records, 3, point.score).tolist() == [objects, 0, 0]


def test_a_crowd_makes_neither_an_error_nor_a_find():
    truth = ground_truth([(0, 0, *BOX), (0, 0, 50, 50, 40, 40)], crowd=[1])
    found = [(0, 0, *BOX, 0.5), (0, 0, 50, 50, 10, 10, 0.9), (0, 0, 60, 60, 10, 10, 0.8)]
    records = match(truth, coco_results(found), 1)
    assert best_f1(records) == (0.5, 1, 1, 1)
    assert image_errors(records, 1, 0.5).tolist() == [0]


def test_one_category_has_a_score_of_its_own():
    truth = ground_truth([(0, 0, *BOX), (0, 1, *BOX)])
    found = [(0, 0, *BOX, 0.9), (0, 1, *BOX, 0.2), (0, 0, *ELSEWHERE, 0.3), (0, 0, *ELSEWHERE, 0.3)]
    records = match(truth, coco_results(found), 2)
    assert [best_f1(only_categories(records, [rank])).score for rank in (0, 1)] == [0.9, 0.2]
    assert best_f1(records).score == 0.9


def test_a_threshold_that_was_not_matched_is_refused():
    with pytest.raises(ValueError, match=r"^IoU 0.62 was not matched"):
        best_f1(records_of([]), iou=0.62)
