"""The contract of a suppression function: what every correct one keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.testing import strategies
from pytest_rfperf.testing.engine import strategies as st
from pytest_rfperf.testing.listing import name_of, suppression_listing
from pytest_rfperf.testing.nms_nan import check_nan
from pytest_rfperf.testing.nms_properties import SuppressionUnderTest, check_answer
from pytest_rfperf.testing.nms_relations import check_relations
from pytest_rfperf.testing.nms_rules import NmsRules
from pytest_rfperf.testing.property_run import started

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.testing.cases import SuppressionCase
    from pytest_rfperf.testing.nms_properties import Suppression

_FLOAT32_DISTANCES = (2.0**12, 2.0**20, 2.0**22)
_SHARE, _DENSE_SHARE = 0.5, 0.1


def assert_nms_contract(
    nms: Suppression,
    *,
    class_aware: bool = False,
    rules: NmsRules | None = None,
    max_examples: int = 100,
    seed: int | None = None,
) -> None:
    """Check that a function suppresses boxes as greedy non-maximum suppression does.

    Parameters
    ----------
    nms : callable
        `nms(boxes, scores, iou_threshold)` with xyxy boxes (N, 4) and scores (N,), which answers the indices of the
        kept boxes. With `class_aware` it is called with `labels=` (N,) int64 as well.
    class_aware : bool
        Whether boxes suppress only boxes of their own label.
    rules : NmsRules, optional
        Legal choices that differ from those of `pytest_rfperf.core.nms`.
    max_examples : int
        Cases a property; the costlier ones get fewer.
    seed : int, optional
        What cases are drawn from; a new one each time unless given. A failure names it.

    Raises
    ------
    AssertionError
        For the first property that does not hold, with the smallest case that was found.
    """
    __tracebackhide__ = True
    test = SuppressionUnderTest(nms, rules or NmsRules(), class_aware)
    run = started(name_of(nms, otherwise="my_nms"), "assert_nms_contract", max_examples, seed)

    def listing(case: SuppressionCase) -> str:
        return suppression_listing(test.seen(case), run.function, dtype=test.rules.dtype, class_aware=class_aware)

    def seen(check: Callable[[SuppressionUnderTest, SuppressionCase], object]) -> Callable[[SuppressionCase], object]:
        return lambda case: check(test, test.seen(case))

    def judged(cases: st.SearchStrategy[SuppressionCase]) -> st.SearchStrategy[SuppressionCase]:
        return cases.filter(test.rules.applies_to)

    run.hold(judged(_small_cases()), seen(check_relations), listing)
    flat = strategies.suppression_cases(boxes=strategies.grid_boxes())
    run.hold(judged(flat), seen(check_answer), listing, share=_SHARE)
    run.hold(judged(_far_cases(test.rules)), seen(check_answer), listing)
    run.hold(judged(strategies.dense_cases()), seen(check_answer), listing, share=_DENSE_SHARE)
    if test.rules.not_finite == "guarded":
        run.hold(judged(_nan_scores() | _nan_boxes()), seen(check_nan), listing, share=_SHARE)


def _small_cases() -> st.SearchStrategy[SuppressionCase]:
    boxes = strategies.grid_boxes(least_side=1) | strategies.exact_boxes()
    return strategies.suppression_cases(boxes=boxes) | strategies.suppression_cases(boxes=boxes, distinct_scores=True)


def _far_cases(rules: NmsRules) -> st.SearchStrategy[SuppressionCase]:
    if rules.dtype == "float32":
        return strategies.far_cases(distances=_FLOAT32_DISTANCES)
    return strategies.far_cases()


def _nan_scores() -> st.SearchStrategy[SuppressionCase]:
    return _spoilt().map(lambda spoilt: spoilt[0]._replace(scores=_with_nan(spoilt[0].scores, spoilt[1])))


def _nan_boxes() -> st.SearchStrategy[SuppressionCase]:
    return _spoilt().map(lambda spoilt: spoilt[0]._replace(boxes=_with_nan(spoilt[0].boxes, spoilt[1])))


def _spoilt() -> st.SearchStrategy[tuple[SuppressionCase, int]]:
    cases = strategies.suppression_cases(boxes=strategies.grid_boxes(min_size=1, max_size=6))
    return st.tuples(cases, st.integers(0, 23))


def _with_nan(values: np.ndarray, place: int) -> np.ndarray:
    """A copy with one entry replaced."""
    spoilt = values.copy()
    spoilt.flat[place % values.size] = np.nan
    return spoilt
