"""What a session comes to, in lines: table, verdicts, notes, error bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.core.budget import CALM_SHARE
from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.comparison import comparison_lines, comparison_markdown, latest
from pytest_rfperf.report.grid import markdown_text
from pytest_rfperf.report.rows import WORST_FIRST, Row, incomparable, merged, row_of, stored_run
from pytest_rfperf.report.table import markdown_table, text_table
from pytest_rfperf.session.facts import CaseFacts, ComparisonFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.config import Settings
    from pytest_rfperf.store.baseline import StoredRun

_ENOUGH_TO_BE_STEADY = 30
_BY_EVIDENCE = ("cold_start_budget", "latency_budget", "latency_ratio", "no_regression.latency")
"""Gates on times are decided by evidence; an accuracy or a size on a fixed dataset is no estimate."""
_MARKS = {
    "PASS": "white_check_mark",
    "FAIL": "x",
    "INCONCLUSIVE": "grey_question",
    "ERROR": "boom",
    "XFAIL": "heavy_minus_sign",
    "RECORDING": "red_circle",
    "WAIVED": "warning",
}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A session's cases, merged, with their rows and remarks."""

    cases: list[CaseFacts]
    rows: list[Row]
    notes: list[str]
    bound: str
    comparisons: list[ComparisonFacts] = []
    problems: list[str] = []


def summarise(facts: Sequence[CaseFacts], settings: Settings, comparisons: Sequence[ComparisonFacts] = ()) -> Summary:
    """Merge cases and set them beside their baselines; one that cannot be read is a problem, not the end."""
    cases = merged(facts)
    baselines, problems = settings.path(settings.run.baselines), []
    stored: list[StoredRun | None] = []
    for case in cases:
        try:
            stored.append(stored_run(case, baselines))
        except StoreError as error:
            stored.append(None)
            problems.append(str(error))
    notes = list(dict.fromkeys(note for case in cases for note in case.notes))
    notes += [line for case, run in zip(cases, stored, strict=True) if run for line in incomparable(case, run)]
    notes += [line for case in cases for line in _remarks(case)]
    rows = [row_of(case, run) for case, run in zip(cases, stored, strict=True)]
    gates = sum((verdict.metric or verdict.gate) in _BY_EVIDENCE for case in cases for verdict in case.verdicts)
    return Summary(
        cases=cases,
        rows=rows,
        notes=notes,
        bound=_bound(gates, settings),
        comparisons=latest(comparisons),
        problems=problems,
    )


def terminal_lines(summary: Summary) -> list[str]:
    """The table, each verdict with its evidence, worst first, and the notes."""
    verdicts = [verdict for case in summary.cases for verdict in case.verdicts]
    verdicts.sort(key=lambda verdict: WORST_FIRST.index(verdict.outcome))
    said = dict.fromkeys(
        (f"{verdict.outcome}: {verdict.gate}: {verdict.message}", *(f"  {one}" for one in verdict.details))
        for verdict in verdicts
    )
    return [
        *text_table(summary.rows),
        *comparison_lines(summary.comparisons, summary.cases),
        *(line for lines in said for line in lines),
        *(f"note: {note}" for note in summary.notes),
        *_core_line(summary.cases),
        *([summary.bound] if summary.bound else []),
    ]


def markdown_lines(summary: Summary) -> list[str]:
    """A section for a job summary: the table, every verdict, the notes; all text from outside escaped."""
    said = dict.fromkeys(
        (
            f"- :{_MARKS[verdict.outcome]}: **{verdict.outcome}** {verdict.gate}: {markdown_text(verdict.message)}",
            *(f"  - {markdown_text(detail)}" for detail in verdict.details),
        )
        for case in summary.cases
        for verdict in case.verdicts
    )
    verdicts = [line for lines in said for line in lines]
    notes = [f"- {markdown_text(note)}" for note in summary.notes]
    comparisons = comparison_markdown(summary.comparisons, summary.cases)
    end = ["", *_core_line(summary.cases), summary.bound]
    return ["## rfperf", "", *markdown_table(summary.rows), "", *comparisons, *verdicts, *notes, *end]


def _core_line(cases: Sequence[CaseFacts]) -> list[str]:
    """Which tier gave the accuracies; both give the same bits."""
    tiers = sorted({case.accuracy.core for case in cases if case.accuracy and case.accuracy.core})
    return [f"accuracy by the metric core's {' and '.join(tiers)} tier"] if tiers else []


def _bound(gates: int, settings: Settings) -> str:
    if not gates:
        return ""
    alpha = settings.run.alpha
    if settings.run.alpha_scope == "session":
        return f"chance that any gate on times of this session fails wrongly: at most {alpha:.1%}"
    one = f"chance that a gate on times passes or fails wrongly: at most {alpha:.1%}"
    return (
        one if gates == 1 else f"{one}; that any of these {gates} fails wrongly: at most {min(1.0, alpha * gates):.1%}"
    )


def _remarks(case: CaseFacts) -> list[str]:
    """What a reader of the figures must know."""
    place = f"{case.model} on {case.target}/{case.dataset}"
    remarks = []
    for run in case.latency:
        if run.failed:
            p95 = run.successes_p95_ms
            alone = "none succeeded" if p95 is None else f"successes alone: p95 {p95:.3g} ms"
            remarks.append(f"{place}: {run.failed} of {run.calls} requests failed; {alone}")
        share = run.signals.get("cpu share")
        if share is not None and share < CALM_SHARE:
            remarks.append(f"{place}: {run.shape}: the host was busy with something else (CPU share {share:.2f})")
        if not run.warm_up_steady and run.warm_up_calls >= _ENOUGH_TO_BE_STEADY:
            remarks.append(f"{place}: {run.shape}: not steady after {run.warm_up_calls} warm-up calls")
    if case.accuracy and case.accuracy.outside_classes:
        count = case.accuracy.outside_classes
        remarks.append(f"{place}: {count} detections of classes that the dataset does not annotate took no part")
    return remarks
