"""The properties of greedy non-maximum suppression, each a check of one case.

Two of them define the answer: kept boxes do not suppress each other, and a dropped box is suppressed by a kept one
that goes before it. Every set with both is what the greedy rule gives for some legal choice, and no other set is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.testing.property_run import Broken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import SuppressionCase
    from pytest_rfperf.testing.nms_rules import NmsRules

    Ints = NDArray[np.int64]

Suppression = Callable[..., Any]

ANSWERS = "every legal input gets an answer"
INDICES = "the answer is indices of the boxes, each at most once"
UNTOUCHED = "boxes, scores and labels stay as they were given"
APART = "kept boxes of a class do not suppress each other"
EXPLAINED = "a dropped box is suppressed by a surer kept box of its class"
BY_SCORE = "kept indices come by descending score"
LOWEST_FIRST = "among equal scores the lowest index goes first"


@dataclass(frozen=True, slots=True)
class SuppressionUnderTest:
    """A function, by which rules it is judged, and whether it is given labels."""

    function: Suppression
    rules: NmsRules
    class_aware: bool

    def seen(self, case: SuppressionCase) -> SuppressionCase:
        """The case in the function's dtype, and of one class where it knows none."""
        labels = case.labels if self.class_aware else np.zeros_like(case.labels)
        return self.rules.handed_over(case._replace(labels=labels))

    def kept(self, case: SuppressionCase) -> Ints:
        """What the function answers, as (K,) int64.

        Raises
        ------
        Broken
            If it raises, answers no indices, or writes to its arguments.
        """
        arguments = [case.boxes.astype(self.rules.dtype), case.scores.astype(self.rules.dtype), case.labels.copy()]
        before = [values.copy() for values in arguments]
        named = {"labels": arguments[2]} if self.class_aware else {}
        try:
            answer = self.function(arguments[0], arguments[1], case.iou_threshold, **named)
        except Exception as error:
            raise Broken(ANSWERS, f"it raised {type(error).__name__}: {error}") from error
        if not all(map(_same, arguments, before)):
            raise Broken(UNTOUCHED, "the function wrote to what it was given")
        return _indices(answer, len(case.boxes))

    def broken(self, name: str, because: str, case: SuppressionCase, kept: Ints) -> Broken:
        """A finding, with an answer that would do."""
        expected = self.rules.example(case).tolist()
        expected = expected if self.rules.order == "score" else sorted(expected)
        return Broken(name, because, returned=kept.tolist(), expected=expected, case=case)


def _same(now: NDArray[Any], before: NDArray[Any]) -> bool:
    return now.tobytes() == before.tobytes()


def _indices(answer: object, count: int) -> Ints:
    found = np.asarray(answer)
    if found.size == 0 and found.dtype != np.bool_:
        return np.zeros(0, dtype=np.int64)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        shape = f"{found.dtype} of shape {found.shape}"
        raise Broken(INDICES, f"it is {shape}; np.flatnonzero makes indices of a mask", returned=repr(answer))
    if found.min() < 0 or found.max() >= count:
        raise Broken(INDICES, f"indices of {count} boxes go from 0 to {count - 1}", returned=found.tolist())
    if len(np.unique(found)) < len(found):
        raise Broken(INDICES, "one index comes twice", returned=found.tolist())
    return found.astype(np.int64)


def check_answer(test: SuppressionUnderTest, case: SuppressionCase) -> Ints:
    """Check that one answer is what the greedy rule gives, and return it."""
    kept = test.kept(case)
    check_kept(test, case, kept)
    return kept


def check_kept(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints) -> None:
    """Check that some indices are what the greedy rule gives."""
    must, may = test.rules.decisions(case)
    _check_apart(test, case, kept, must)
    _check_explained(test, case, kept, may)
    if test.rules.order == "score":
        _check_order(test, case, kept)


def _check_apart(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints, must: NDArray[np.bool_]) -> None:
    clashes = np.argwhere(must[np.ix_(kept, kept)])
    if len(clashes):
        a, b = sorted(kept[clashes[0]].tolist())
        because = f"boxes {a} and {b} overlap by {_overlap(case, a, b):.17g} and both are kept"
        raise test.broken(APART, because, case, kept)


def _check_explained(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints, may: NDArray[np.bool_]) -> None:
    scores = case.scores
    for box in np.setdiff1d(np.arange(len(scores)), kept).tolist():
        able = kept[may[kept, box]]
        tied = able[scores[able] == scores[box]]
        surer = able[scores[able] > scores[box]]
        if len(surer) or (len(tied) and (test.rules.ties == "any" or tied.min() < box)):
            continue
        if len(tied):
            because = f"boxes {box} and {tied[0]} have the score {scores[box]:g}, and {box} is dropped for {tied[0]}"
            raise test.broken(LOWEST_FIRST, because, case, kept)
        raise test.broken(EXPLAINED, _unexplained(case, kept, box), case, kept)


def _unexplained(case: SuppressionCase, kept: Ints, box: int) -> str:
    rivals = kept[(case.labels[kept] == case.labels[box]) & (case.scores[kept] >= case.scores[box])]
    overlaps = [_overlap(case, int(rival), box) for rival in rivals]
    if not any(overlaps):
        return f"box {box} is dropped, and no surer kept box of its class overlaps it"
    most = int(np.argmax(overlaps))
    return (
        f"box {box} is dropped, and of the surer kept boxes of its class box {rivals[most]} overlaps it most, "
        f"by {overlaps[most]:.17g}; the threshold is {case.iou_threshold:.17g}"
    )


def _check_order(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints) -> None:
    scores = case.scores[kept]
    falls = np.flatnonzero(scores[1:] > scores[:-1])
    if len(falls):
        first, second = kept[falls[0]], kept[falls[0] + 1]
        because = f"box {first} of score {case.scores[first]:g} comes before box {second} of {case.scores[second]:g}"
        raise test.broken(BY_SCORE, because, case, kept)
    swapped = np.flatnonzero((scores[1:] == scores[:-1]) & (kept[1:] < kept[:-1]))
    if len(swapped) and test.rules.ties == "lowest":
        first, second = kept[swapped[0]], kept[swapped[0] + 1]
        raise test.broken(LOWEST_FIRST, f"boxes {first} and {second} have one score", case, kept)


def _overlap(case: SuppressionCase, a: int, b: int) -> float:
    return float(iou_matrix(case.boxes[[a]], case.boxes[[b]])[0, 0])
