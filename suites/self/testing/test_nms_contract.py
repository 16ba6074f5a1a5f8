"""assert_nms_contract: correct functions pass, and every way to be wrong is named."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pytest_rfperf.core.nms import nms
from pytest_rfperf.core.tier import available, forced
from pytest_rfperf.errors import UsageError
from pytest_rfperf.testing import NmsRules, assert_nms_contract

SEED, FEW = 1, 40


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(box, others):
    """IoU in whatever dtype the boxes have, as torchvision computes it."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    intersection = (high - low).clip(0).prod(axis=1)
    union = areas(box[None]) + areas(others) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)


def refuse_nan(boxes, scores):
    if np.isnan(boxes).any() or np.isnan(scores).any():
        msg = "NaN"
        raise ValueError(msg)


def greedy(boxes, scores, iou_threshold, labels=None, *, overlaps=overlaps, beats=np.greater, guard=refuse_nan):
    """The rule in a few lines, with the parts that go wrong exchangeable."""
    guard(boxes, scores)
    labels = np.zeros(len(boxes)) if labels is None else labels
    waiting, kept = np.argsort(-scores, kind="stable"), []
    while len(waiting):
        first, rest = waiting[0], waiting[1:]
        kept.append(int(first))
        beaten = beats(overlaps(boxes[first], boxes[rest]), iou_threshold) & (labels[rest] == labels[first])
        waiting = rest[~beaten]
    return kept


def broken(function, *, class_aware=False, rules=None):
    with pytest.raises(AssertionError) as failure:
        assert_nms_contract(function, class_aware=class_aware, rules=rules, seed=SEED)
    return str(failure.value)


@pytest.mark.parametrize("tier", ["numpy", "c"])
@pytest.mark.parametrize("class_aware", [False, True])
def test_both_tiers_of_the_core_keep_it(tier, class_aware):
    if tier == "c" and not available():
        pytest.skip("not there on this system: the C tier")
    with forced(tier):
        assert_nms_contract(nms, class_aware=class_aware, max_examples=FEW, seed=SEED)


@pytest.mark.parametrize("class_aware", [False, True])
def test_a_plain_loop_keeps_it(class_aware):
    assert_nms_contract(greedy, class_aware=class_aware, max_examples=FEW, seed=SEED)


def test_an_implementation_in_float32_keeps_it_with_its_dtype_named():
    def in_float32(boxes, scores, iou_threshold):
        assert boxes.dtype == scores.dtype == np.float32
        return greedy(boxes, scores, np.float32(iou_threshold))

    assert_nms_contract(in_float32, rules=NmsRules(dtype="float32"), max_examples=FEW, seed=SEED)


def test_legal_choices_are_accepted_when_they_are_named():
    def last_of_ties(boxes, scores, iou_threshold):
        turned = greedy(boxes[::-1], scores[::-1], iou_threshold)
        return [len(boxes) - 1 - i for i in turned]

    assert_nms_contract(last_of_ties, rules=NmsRules(ties="any"), max_examples=FEW, seed=SEED)
    at_equality = NmsRules(at_equality="suppress")
    assert_nms_contract(
        lambda *case: greedy(*case, beats=np.greater_equal), rules=at_equality, max_examples=FEW, seed=SEED
    )
    assert_nms_contract(lambda *case: sorted(greedy(*case)), rules=NmsRules(order="any"), max_examples=FEW, seed=SEED)
    unguarded = NmsRules(not_finite="untested")
    assert_nms_contract(
        lambda *case: greedy(*case, guard=lambda *_: None), rules=unguarded, max_examples=FEW, seed=SEED
    )


def one_pixel_more(box, others):
    wider = np.array([0, 0, 1, 1])
    return overlaps(box + wider, others + wider)


def by_the_smaller_area(box, others):
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    smaller = np.minimum(areas(box[None]), areas(others))
    intersection = (high - low).clip(0).prod(axis=1)
    return np.divide(intersection, smaller, out=np.zeros_like(smaller), where=intersection > 0)


def without_a_clip(box, others):
    """Boxes that lie apart both ways have a positive product of negative sides."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    intersection = (high - low).prod(axis=1)
    union = areas(box[None]) + areas(others) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def last_of_ties(boxes, scores, iou_threshold):
    return [len(boxes) - 1 - i for i in greedy(boxes[::-1], scores[::-1], iou_threshold)]


def dropped_boxes_suppress(boxes, scores, iou_threshold):
    order = np.argsort(-scores, kind="stable")
    rows = enumerate(order)
    return [i for place, i in rows if not (overlaps(boxes[i], boxes[order[:place]]) > iou_threshold).any()]


def offsets_in_float32(boxes, scores, iou_threshold, labels):
    offsets = labels * (boxes.max(initial=0.0) + 1)
    return greedy((boxes + offsets[:, None]).astype(np.float32), scores, iou_threshold)


def labels_forgotten(boxes, scores, iou_threshold, labels):
    return greedy(boxes, scores, iou_threshold)


def writes(boxes, scores, iou_threshold):
    kept = greedy(boxes, scores, iou_threshold)
    scores[:] = np.sort(scores)[::-1]
    return kept


def none_for_none(boxes, scores, iou_threshold):
    return greedy(boxes, scores, iou_threshold) if len(boxes) else boxes[0]


def nan_first(boxes, scores, iou_threshold):
    refuse_nan(boxes, np.zeros(0))
    return greedy(boxes, np.where(np.isnan(scores), np.inf, scores), iou_threshold, guard=lambda *_: None)


def nan_spoils_all(boxes, scores, iou_threshold):
    """As where boxes are moved by the greatest coordinate, which is then NaN."""
    return greedy(boxes + 0 * boxes.sum(), scores, iou_threshold, guard=lambda *_: None)


class Remembers:
    def __init__(self):
        self.seen = []

    def __call__(self, boxes, scores, iou_threshold):
        self.seen.append(len(boxes))
        return greedy(boxes, scores, iou_threshold)[: 1 if len(self.seen) % 50 == 0 else None]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda *case: greedy(*case, overlaps=one_pixel_more), "a dropped box is suppressed by a surer kept box"),
        (lambda *case: greedy(*case, overlaps=by_the_smaller_area), "a dropped box is suppressed by a surer kept box"),
        (lambda *case: greedy(*case, overlaps=without_a_clip), "a dropped box is suppressed by a surer kept box"),
        (lambda *case: greedy(*case, beats=np.greater_equal), "a dropped box is|a threshold of 1 keeps every box"),
        (dropped_boxes_suppress, "a dropped box is suppressed by a surer kept box"),
        (lambda *case: greedy(*case)[:50], "a dropped box is suppressed by a surer kept box"),
        (lambda b, s, t: greedy(b, s, 1.1 * t), "kept boxes of a class do not suppress each other"),
        (lambda b, s, t: np.argsort(-s, kind="stable"), "kept boxes of a class do not suppress each other"),
        (last_of_ties, "among equal scores the lowest index goes first"),
        (lambda *case: sorted(greedy(*case)), "kept indices come by descending score"),
        (lambda *case: 2 * greedy(*case), "each at most once"),
        (lambda *case: np.isin(np.arange(len(case[0])), greedy(*case)), "the answer is indices of the boxes"),
        (lambda *case: [i + 1 for i in greedy(*case)], "the answer is indices of the boxes"),
        (writes, "boxes, scores and labels stay as they were given"),
        (none_for_none, "every legal input gets an answer"),
        (nan_first, "a NaN score goes after every number"),
        (nan_spoils_all, "NaN"),
        (lambda *case: greedy(*case, guard=lambda *_: None), "a NaN box is never kept"),
    ],
)
def test_a_wrong_function_is_named_by_the_property_that_it_breaks(function, name):
    assert re.search(name, broken(function).splitlines()[0])


@pytest.mark.parametrize("function", [labels_forgotten, offsets_in_float32])
def test_a_function_that_mixes_classes_is_found(function):
    assert "class" in broken(function, class_aware=True).splitlines()[0]


def test_offsets_of_classes_in_float32_are_found_in_float32_too():
    message = broken(offsets_in_float32, class_aware=True, rules=NmsRules(dtype="float32"))
    assert "class" in message.splitlines()[0]


def test_a_function_whose_answer_changes_is_told_so():
    assert "different answers to the same input" in broken(Remembers())


def test_the_smallest_case_comes_as_code_that_breaks_it_again():
    def half_open(boxes, scores, iou_threshold):
        return greedy(boxes, scores, iou_threshold, beats=np.greater_equal)

    message = broken(half_open)
    code = "\n".join(line[4:] for line in message.splitlines() if line.startswith("    "))
    names = {"half_open": half_open, "answer": None}
    exec(code.replace("half_open(", "answer = half_open("), names)
    returned, expected = (re.search(rf"{word}: (.*)", message)[1] for word in ("returned", "expected"))
    assert str(names["answer"]) == returned != expected
    assert message.endswith(f"assert_nms_contract(half_open, ..., seed={SEED})")


def test_the_case_is_small():
    """Two boxes are enough to show it."""
    found = broken(lambda *case: greedy(*case, beats=np.greater_equal))
    assert re.search(r"boxes = np\.array\(\[\[[^]]*\], \[[^]]*\]\], dtype=np\.float64\)", found)
    assert "my_nms(boxes, scores, " in found


def test_labels_are_shown_where_they_are_given():
    assert "labels = np.array([" in broken(labels_forgotten, class_aware=True)


def test_a_seed_draws_the_same_cases_again():
    def recorded():
        calls = []
        assert_nms_contract(lambda *case: calls.append(case) or nms(*case), max_examples=20, seed=7)
        return [(b.tobytes(), s.tobytes(), t) for b, s, t in calls]

    assert recorded() == recorded()


def test_an_error_of_the_function_is_the_cause():
    with pytest.raises(AssertionError, match="it raised IndexError") as failure:
        assert_nms_contract(none_for_none, seed=SEED)
    assert isinstance(failure.value.__cause__, IndexError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ties": "last"}, "NmsRules: ties='last'; choose 'lowest' or 'any'"),
        ({"dtype": "float16"}, "NmsRules: dtype='float16'; choose 'float64' or 'float32'"),
        ({"tolerance": -1.0}, "NmsRules: tolerance=-1.0 lies outside [0, 1)"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(options, said):
    with pytest.raises(UsageError) as refusal:
        NmsRules(**options)
    assert str(refusal.value) == said


def test_no_examples_are_refused():
    with pytest.raises(UsageError, match="max_examples=0; ask for at least 1"):
        assert_nms_contract(nms, max_examples=0)
