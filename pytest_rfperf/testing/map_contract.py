"""The contract of an evaluation function: average precision and recall as COCO defines them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_rfperf.testing import strategies
from pytest_rfperf.testing.engine import strategies as st
from pytest_rfperf.testing.listing import coco_listing, name_of
from pytest_rfperf.testing.map_properties import (
    EvaluationUnderTest,
    check_additions,
    check_exact,
    check_perfect,
    check_scores,
)
from pytest_rfperf.testing.map_rules import MapRules, least_margin
from pytest_rfperf.testing.property_run import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rfperf.testing.cases import CocoCase
    from pytest_rfperf.testing.map_properties import Evaluation

    Cases = st.SearchStrategy[CocoCase]

_CLEAR_MARGIN = 1e-6
_CELLS_SHARE = 0.4
_UNTIED = replace(strategies.PLAIN, tied=False)


def assert_map_contract(
    evaluate: Evaluation, *, rules: MapRules | None = None, max_examples: int = 60, seed: int | None = None
) -> None:
    """Check that a function computes average precision and recall as COCO defines them.

    Properties are tried from the plainest to those of crowds and limits, so that the name of the first one that
    does not hold says what is wrong.

    Parameters
    ----------
    evaluate : callable
        `evaluate(truth, results)` with the content of a COCO annotation file and a list of COCO result rows. It
        answers AP as a number, the twelve values of `COCOeval.stats`, or a dict of some of them by the names
        AP, AP50, AP75, AP small, AP medium, AP large, AR@1, AR@10, AR@100, AR small, AR medium and AR large.
    rules : MapRules, optional
        Legal choices that differ from those of pycocotools.
    max_examples : int
        Cases a property; costlier ones get fewer.
    seed : int, optional
        What cases are drawn from; a new one each time unless given. A failure names it.

    Raises
    ------
    AssertionError
        For the first property that does not hold, with the smallest case that was found.
    """
    __tracebackhide__ = True
    test = EvaluationUnderTest(evaluate, rules or MapRules())
    run = started(name_of(evaluate, otherwise="my_map"), "assert_map_contract", max_examples, seed)

    def listing(case: CocoCase) -> str:
        return coco_listing(case, run.function, ignore=test.rules.ignore)

    def judged(cases: Cases) -> Cases:
        return cases.filter(test.rules.applies_to)

    run.hold(judged(strategies.perfect_cases(tied=test.rules.ties == "coco")), partial(check_perfect, test), listing)
    twins = st.tuples(judged(strategies.isolated_cases(tied=False)), st.integers(0, 9))
    run.hold(twins, lambda drawn: check_additions(test, *drawn), listing)
    run.hold(judged(strategies.coco_cases(shape=_UNTIED)), partial(check_scores, test), listing)
    for name, cases in _families(test.rules):
        run.hold(judged(cases), partial(check_exact, name, test), listing)
    run.hold(
        judged(strategies.crowded_cells()),
        partial(check_exact, "of each image and class the 100 surest detections take part", test),
        listing,
        share=_CELLS_SHARE,
    )


def _families(rules: MapRules) -> Iterator[tuple[str, Cases]]:
    """Names of properties and the cases that show them, each with one difficulty more than the plain ones."""
    tied = rules.ties == "coco"
    plain = strategies.coco_cases(shape=_UNTIED)
    yield (
        "plain cases give COCO's values",
        plain.filter(lambda case: least_margin(case) > max(_CLEAR_MARGIN, rules.iou_margin)),
    )
    if not rules.iou_margin:
        yield "an overlap of exactly the threshold is a match", strategies.threshold_cases(tied=False)
    if tied:
        yield "equal scores go by image id, then as listed", strategies.coco_cases(shape=strategies.PLAIN)
        of_overlaps = strategies.tied_overlap_cases(tied=False)
        yield "of objects that a detection overlaps equally it takes the one listed last", of_overlaps
    yield "false positives of images without objects count", strategies.bare_image_cases(tied=tied)
    edges = replace(_UNTIED, tied=tied, annotated_areas=True)
    yield "area ranges go by the annotated area and include their edges", strategies.coco_cases(shape=edges)
    if rules.crowds:
        simple, mixed = strategies.crowd_cases(tied=tied), strategies.coco_cases(shape=replace(edges, crowd=True))
        yield "a crowd takes any number of detections, and none of them counts", simple | simple | mixed
    if rules.ignore:
        ignored = replace(edges, crowd=rules.crowds, ignore=True)
        yield "an ignored object is neither found nor missed", strategies.coco_cases(shape=ignored)
