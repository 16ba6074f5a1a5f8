"""What ties the answers of a suppression function to related cases together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.testing.nms_properties import check_answer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import SuppressionCase
    from pytest_rfperf.testing.nms_properties import SuppressionUnderTest

    Ints = NDArray[np.int64]

IDEMPOTENT = "suppressing again what was kept drops nothing"
UNORDERED = "the order of the input does not matter where no scores tie"
BY_CLASS = "all classes together give what each class gives alone"
ONE_KEEPS_ALL = "a threshold of 1 keeps every box"


def check_relations(test: SuppressionUnderTest, case: SuppressionCase) -> None:
    """Check one answer, and those to the kept boxes, the reversed input, each class and a threshold of 1."""
    kept = check_answer(test, case)
    _check_again(test, case, kept)
    must, may = test.rules.decisions(case)
    if np.array_equal(must, may) and len(np.unique(case.scores)) == len(case.scores):
        _check_reversed(test, case, kept)
        if test.class_aware:
            _check_classes(test, case, kept)
    if test.rules.at_equality == "keep" and not test.rules.slack:
        _check_at_one(test, case._replace(iou_threshold=1.0))


def _check_again(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints) -> None:
    _, may = test.rules.decisions(case.part(kept))
    if may.any():
        return
    again = test.kept(case.part(kept))
    if len(again) < len(kept):
        because = f"boxes {kept.tolist()} given alone come back as {kept[again].tolist()}"
        raise test.broken(IDEMPOTENT, because, case, kept)


def _check_reversed(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints) -> None:
    order = np.arange(len(case.scores))[::-1]
    turned = order[test.kept(case.part(order))]
    if set(turned.tolist()) != set(kept.tolist()):
        because = f"given last box first, the same boxes {sorted(turned.tolist())} were expected to be kept"
        raise test.broken(UNORDERED, because, case, kept)


def _check_classes(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints) -> None:
    alone: list[int] = []
    for label in np.unique(case.labels):
        members = np.flatnonzero(case.labels == label)
        alone += members[test.kept(case.part(members))].tolist()
    if sorted(alone) != sorted(kept.tolist()):
        raise test.broken(BY_CLASS, f"each class alone keeps {sorted(alone)}", case, kept)


def _check_at_one(test: SuppressionUnderTest, case: SuppressionCase) -> None:
    kept = test.kept(case)
    if len(kept) < len(case.scores):
        raise test.broken(ONE_KEEPS_ALL, "an overlap is never more than 1", case, kept)
