"""assert_map_contract: correct functions pass, and every way to be wrong is named."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import oracle
import plain_map
import pytest

from pytest_rfperf.errors import UsageError
from pytest_rfperf.testing import MapRules, assert_map_contract

SEED, FEW = 1, 8


def broken(function, **options):
    with pytest.raises(AssertionError) as failure:
        assert_map_contract(function, max_examples=25, seed=SEED, **options)
    return str(failure.value)


def test_pycocotools_keeps_it_to_the_last_bit():
    def stats(truth, results):
        return oracle.evaluate(truth, results, stock=True).stats

    assert_map_contract(stats, rules=MapRules(tolerance=0), max_examples=FEW, seed=SEED)


def test_pycocotools_that_honours_ignore_keeps_it_with_ignored_objects():
    rules = MapRules(tolerance=0, ignore=True)
    assert_map_contract(lambda *case: oracle.evaluate(*case).stats, rules=rules, max_examples=FEW, seed=SEED)


def test_stock_pycocotools_is_found_to_overwrite_ignore():
    message = broken(lambda *case: oracle.evaluate(*case, stock=True).stats, rules=MapRules(ignore=True))
    assert "an ignored object is neither found nor missed" in message
    assert '"ignore": 1' in message


def test_an_evaluation_in_plain_python_keeps_it():
    assert_map_contract(plain_map.evaluate, rules=MapRules(ignore=True), max_examples=FEW, seed=SEED)


def test_a_function_may_answer_ap_alone():
    def average_precision(truth, results):
        return plain_map.evaluate(truth, results, areas=("",))["AP"]

    assert_map_contract(average_precision, max_examples=FEW, seed=SEED)


def test_legal_choices_are_accepted_when_they_are_named():
    for wrong in ("the last of equal scores goes first", "the first of equal overlaps is taken"):
        of_ties = partial(plain_map.ap50, wrong=wrong)
        assert_map_contract(of_ties, rules=MapRules(ties="any"), max_examples=FEW, seed=SEED)
    strict = partial(plain_map.ap50, wrong="more than the threshold is needed")
    assert_map_contract(strict, rules=MapRules(iou_margin=1e-6), max_examples=FEW, seed=SEED)
    no_crowds = partial(plain_map.ap50, wrong="crowds are objects")
    assert_map_contract(no_crowds, rules=MapRules(crowds=False), max_examples=FEW, seed=SEED)

    def nan_where_nothing_counts(truth, results):
        values = plain_map.ap50(truth, results)
        return {name: np.nan if value == -1 else value for name, value in values.items()}

    for undefined in (np.nan, None):
        rules = MapRules(undefined=undefined)
        assert_map_contract(nan_where_nothing_counts, rules=rules, max_examples=FEW, seed=SEED)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("crowds are objects", "a crowd takes any number of detections"),
        ("crowds are left out", "a crowd takes any number of detections"),
        ("a crowd is taken once", "a crowd takes any number of detections"),
        ("there are 11 points", "plain cases give COCO's values"),
        ("there is no envelope", ""),
        ("scores are not sorted", ""),
        ("detections take objects as they are listed", ""),
        ("images without objects are left out", ""),
        ("a class without objects is 0", ""),
        ("objects are taken again", "a duplicate of a detection raises no AP"),
        ("the limit is 101", "of each image and class the 100 surest detections take part"),
        ("the limit is on the whole class", "of each image and class the 100 surest detections take part"),
        ("more than the threshold is needed", "an overlap of exactly the threshold is a match"),
        ("the last of equal scores goes first", ""),
        ("the first of equal overlaps is taken", ""),
    ],
)
def test_a_wrong_ap_is_named_by_the_property_that_it_breaks(wrong, name):
    assert name in broken(partial(plain_map.ap50, wrong=wrong)).splitlines()[0]


@pytest.mark.parametrize("wrong", ["areas are those of boxes", "the lower edge is outside"])
def test_wrong_areas_are_found_where_values_by_area_are_answered(wrong):
    assert re.search("(small|medium|large) is ", broken(partial(plain_map.evaluate, wrong=wrong)))
    assert_map_contract(partial(plain_map.ap50, wrong=wrong), max_examples=FEW, seed=SEED)


def test_false_positives_that_should_be_left_out_are_found():
    assert broken(partial(plain_map.evaluate, wrong="what is ignored is false"))


def test_a_rounded_value_is_found_unless_it_is_tolerated():
    def rounded(truth, results):
        return {"AP50": round(plain_map.ap50(truth, results)["AP50"], 3)}

    assert "perfect detections give 1" not in broken(rounded)
    assert_map_contract(rounded, rules=MapRules(tolerance=1e-3), max_examples=FEW, seed=SEED)


def test_the_smallest_case_comes_as_code_that_breaks_it_again():
    def eleven(truth, results):
        return plain_map.ap50(truth, results, wrong="there are 11 points")

    message = broken(eleven)
    code = "\n".join(line[4:] for line in message.splitlines() if line.startswith("    "))
    names = {"eleven": eleven, "answer": None}
    exec(code.replace("eleven(truth", "answer = eleven(truth"), names)
    assert f"returned: AP50 {names['answer']['AP50']:.6f}" in message
    assert "and COCO's rule gives 0." in message
    assert message.endswith(f"assert_map_contract(eleven, ..., seed={SEED})")


@pytest.mark.parametrize("answer", [{}, {"mAP": 0.5}, [0.1, 0.2], "0.5x", None])
def test_an_answer_of_unknown_names_is_told_the_known_ones(answer):
    message = broken(lambda truth, results: answer)
    assert "because:  known names are AP, AP50, AP75, AP small" in message


def test_an_error_of_the_function_is_the_cause():
    with pytest.raises(AssertionError, match="it raised ZeroDivisionError") as failure:
        assert_map_contract(lambda truth, results: 1 / 0, seed=SEED)
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ties": "last"}, "MapRules: ties='last'; choose 'coco' or 'any'"),
        ({"tolerance": -1.0}, "MapRules: tolerance=-1.0 lies outside [0, 1)"),
        ({"iou_margin": 2.0}, "MapRules: iou_margin=2.0 lies outside [0, 1)"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(options, said):
    with pytest.raises(UsageError) as refusal:
        MapRules(**options)
    assert str(refusal.value) == said
