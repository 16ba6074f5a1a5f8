"""The properties of COCO average precision and recall, each a check of one case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.testing.map_rules import NAMES, exact_values
from pytest_rfperf.testing.property_run import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.testing.cases import CocoCase
    from pytest_rfperf.testing.map_rules import MapRules

Evaluation = Callable[[dict[str, Any], list[dict[str, Any]]], Any]
Values = dict[str, float]

ANSWERS = "every legal input gets an answer"
VALUES = "the answer is AP as a number, the twelve values of COCO, or a dict of some of them"
IN_RANGE = "every value lies between 0 and 1, or says that no object counts"
PERFECT = "perfect detections give 1"
DUPLICATE = "a duplicate of a detection raises no AP where no other object is near"
LAST_FALSE = "a false positive below every other score changes nothing"
MONOTONE = "only the order of scores matters"
_TWO_ULP = 2 * float(np.spacing(1.0))
_LOWEST_SCORE = 0.05
_NOWHERE = (5000.0, 5000.0, 10.0, 10.0)


@dataclass(frozen=True, slots=True)
class EvaluationUnderTest:
    """A function and by which rules it is judged."""

    function: Evaluation
    rules: MapRules

    def values(self, case: CocoCase) -> Values:
        """What the function answers, by the names of COCO's values.

        Raises
        ------
        Broken
            If it raises, or answers something else.
        """
        try:
            answer = self.function(case.dataset(ignore=self.rules.ignore), case.rows())
        except Exception as error:
            raise Broken(ANSWERS, f"it raised {type(error).__name__}: {error}", case=case) from error
        try:
            return _named(answer)
        except (TypeError, ValueError):
            because = f"known names are {', '.join(NAMES)}"
            raise Broken(VALUES, because, returned=repr(answer), case=case) from None


def _named(answer: object) -> Values:
    if isinstance(answer, Mapping):
        unknown = set(answer) - set(NAMES)
        if unknown or not answer:
            raise ValueError
        return {str(name): float(value) for name, value in answer.items()}
    if answer is None:
        raise TypeError
    found = np.asarray(answer, dtype=np.float64)
    if found.size == 1:
        return {"AP": float(found.item())}
    return dict(zip(NAMES, found.ravel().tolist(), strict=True))


def check_exact(name: str, test: EvaluationUnderTest, case: CocoCase) -> None:
    """Check that every value is the exact one."""
    found, exact = test.values(case), exact_values(case)
    wrong = {key: value for key, value in found.items() if not test.rules.near(value, exact[key])}
    if wrong:
        raise _differs(name, "", wrong, exact, case)


def check_perfect(test: EvaluationUnderTest, case: CocoCase) -> None:
    """Check that boxes which are found exactly count in full."""
    found, exact = test.values(case), exact_values(case)
    slack = max(test.rules.tolerance, _TWO_ULP)
    short = {
        key: value
        for key, value in found.items()
        if key not in {"AR@1", "AR@10"} and exact[key] != -1 and not abs(value - 1) <= slack
    }
    if short:
        raise _differs(PERFECT, "every detection is the box of an object of its class; ", short, exact, case)


def check_additions(test: EvaluationUnderTest, case: CocoCase, row: int) -> None:
    """Check that a false positive which comes last costs nothing, and that finding an object twice does not pay."""
    before = test.values(case)
    more = _with_detection(case, _NOWHERE, _LOWEST_SCORE)
    _check_same(LAST_FALSE, "without the last detection", test, before, more)
    row %= len(case.results.scores)
    twin = _with_detection(case, case.results.boxes_xywh[row].tolist(), float(case.results.scores[row]))
    after = test.values(twin)
    for key in ("AP", "AP50", "AP75"):
        if key in before and key in after and not after[key] <= before[key] + test.rules.tolerance:
            because = f"without the last detection, a copy of row {row}, {key} is {before[key]:.17g}; "
            raise _differs(DUPLICATE, because, {key: after[key]}, exact_values(twin), twin)


def check_scores(test: EvaluationUnderTest, case: CocoCase) -> None:
    """Check that values are shares, and that a strictly rising function of the scores changes nothing."""
    found = test.values(case)
    _check_range(test, case, found)
    scores = case.results.scores * (1 + case.results.scores) / 2
    bent = case._replace(results=replace(case.results, scores=scores))
    _check_same(MONOTONE, "with other scores in the same order", test, found, bent)


def _check_range(test: EvaluationUnderTest, case: CocoCase, found: Values) -> None:
    exact = exact_values(case)
    for key, value in found.items():
        inside = test.rules.near(value, -1.0) if exact[key] == -1 else -_TWO_ULP <= value <= 1 + _TWO_ULP
        if not inside:
            raise _differs(IN_RANGE, "", {key: value}, exact, case)


def _check_same(name: str, before: str, test: EvaluationUnderTest, then: Values, changed: CocoCase) -> None:
    now = test.values(changed)
    for key in [name for name in NAMES if name in then and name in now]:
        same = abs(now[key] - then[key]) <= test.rules.tolerance or (np.isnan(now[key]) and np.isnan(then[key]))
        if not same:
            because = f"{before} {key} is {then[key]:.17g}; "
            raise _differs(name, because, {key: now[key]}, exact_values(changed), changed)


def _with_detection(case: CocoCase, box: Sequence[float], score: float) -> CocoCase:
    results = case.results
    return case._replace(
        results=CocoResults(
            np.append(results.images, 0),
            np.append(results.categories, 0),
            np.concatenate([results.boxes_xywh, [box]]),
            np.append(results.scores, score),
        )
    )


def _differs(name: str, because: str, wrong: Values, exact: Values, case: CocoCase) -> Broken:
    """A finding, with what the values that are wrong should be."""
    key = next(iter(wrong))
    digits = ".6f" if all(f"{value:.6f}" != f"{exact[of]:.6f}" for of, value in wrong.items()) else ".17g"
    return Broken(
        name,
        f"{because}{key} is {wrong[key]:.17g}, and COCO's rule gives {exact[key]:.17g}",
        returned=", ".join(f"{of} {value:{digits}}" for of, value in wrong.items()),
        expected=", ".join(f"{of} {exact[of]:{digits}}" for of in wrong),
        case=case,
    )
