"""Two models side by side, in lines: accuracy, speed, the cost of post-processing, advice."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.core.advice import WORTH, Goal, Sides, advise, not_monotonic
from pytest_rfperf.data.estimate import Estimate
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.report.grid import markdown_grid, markdown_text, text_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.session.facts import CaseFacts, ComparisonFacts, EstimateFacts

END_TO_END, MODEL_ONLY = "end-to-end", "model-only"
_BAR = 30


class Grid(NamedTuple):
    """A table before it is drawn: a title, headings, rows, and the columns that hold numbers."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: range


def latest(comparisons: Sequence[ComparisonFacts]) -> list[ComparisonFacts]:
    """One comparison a pair, target and dataset: the last, which holds all that was measured before."""
    return list({(c.small, c.large, c.target, c.dataset): c for c in comparisons}.values())


def comparison_lines(comparisons: Sequence[ComparisonFacts], cases: Sequence[CaseFacts]) -> list[str]:
    """All tables, bars and advice as text; nothing where nothing was compared."""
    lines: list[str] = []
    for grid in _grids(comparisons, cases):
        lines += ["", grid.title, *text_grid(grid.headings, grid.rows, grid.numbers)]
    if comparisons:
        lines += ["", *_all_bars(comparisons), "", *advice_lines(comparisons, "accuracy"), ""]
    return lines


def comparison_markdown(comparisons: Sequence[ComparisonFacts], cases: Sequence[CaseFacts]) -> list[str]:
    """The same for a job summary."""
    lines: list[str] = []
    for grid in _grids(comparisons, cases):
        lines += [f"### {grid.title}", "", *markdown_grid(grid.headings, grid.rows, grid.numbers), ""]
    if comparisons:
        lines += ["```", *_all_bars(comparisons), "```", ""]
        lines += [f"- {markdown_text(line)}" for line in advice_lines(comparisons, "accuracy")]
        lines += [""]
    return lines


def accuracy_grid(comparisons: Sequence[ComparisonFacts]) -> Grid:
    """AP50 and AP of both models of a pair, and the difference with its interval."""
    rows = [
        (
            c.target,
            c.dataset,
            *(f"{c.small_ap[name]:.3f}" for name in ("AP50", "AP")),
            *(f"{c.large_ap[name]:.3f}" for name in ("AP50", "AP")),
            points(c.gains.get("AP50")),
            str(c.images),
        )
        for c in comparisons
        if c.small_ap
    ]
    small, large = comparisons[0].small, comparisons[0].large
    headings = (
        "target",
        "dataset",
        f"{small} AP50",
        "AP",
        f"{large} AP50",
        "AP",
        "difference of AP50 in points (95 % interval)",
        "images",
    )
    return Grid("Accuracy", headings, rows, range(2, 8))


def speed_grid(comparisons: Sequence[ComparisonFacts]) -> Grid:
    """Percentiles of both models of a pair and the slow-down with its interval, by target, dataset and scope."""
    rows = [
        (
            c.target,
            c.dataset,
            scope,
            *(milliseconds(side.get(f"{scope} {p}")) for side in (c.small_ms, c.large_ms) for p in ("p50", "p95")),
            times(slow_down),
            str(c.pairs.get(scope, "")),
        )
        for c in comparisons
        for scope, slow_down in c.slow_downs.items()
    ]
    small, large = comparisons[0].small, comparisons[0].large
    headings = (
        "target",
        "dataset",
        "scope",
        f"{small} p50 ms",
        "p95",
        f"{large} p50 ms",
        "p95",
        f"{large} takes (95 % interval)",
        "pairs",
    )
    return Grid("Speed, measured in turns", headings, rows, range(3, 9))


def density_grid(comparisons: Sequence[ComparisonFacts], cases: Sequence[CaseFacts]) -> Grid:
    """Post-processing against the number of predictions: what suppression costs on dense images."""
    compared = {(c.target, c.dataset) for c in comparisons}
    order = list(dict.fromkeys(name for c in comparisons for name in (c.small, c.large)))
    rows: list[tuple[float, tuple[str, ...]]] = []
    for case in cases:
        runs = [run for run in case.latency if run.shape.startswith(END_TO_END) and "postprocess" in run.stages_ms]
        if (case.target, case.dataset) in compared and case.model in order and runs and case.accuracy:
            run = runs[-1]
            rows.append(
                (
                    case.accuracy.predictions_per_image,
                    (
                        case.model,
                        case.target,
                        case.dataset,
                        f"{case.accuracy.objects_per_image:.1f}",
                        f"{case.accuracy.predictions_per_image:.1f}",
                        f"{run.stages_ms['postprocess']:.2f}",
                        "" if run.p95_ms is None else f"{run.p95_ms:.2f}",
                    ),
                )
            )
    headings = ("model", "target", "dataset", "objects", "predictions", "post-processing ms", "end-to-end p95 ms")
    ordered = [row for _, row in sorted(rows, key=lambda row: (order.index(row[1][0]), row[0]))]
    title = "Objects and predictions an image, and what post-processing takes (median)"
    return Grid(title, headings, ordered, range(3, 7))


def bars(comparisons: Sequence[ComparisonFacts]) -> list[str]:
    """The relative chart of a pair: how many times as long the larger takes on each target, the smaller being 1."""
    places: dict[tuple[str, str], list[float]] = {}
    for c in comparisons:
        for scope, slow_down in c.slow_downs.items():
            places.setdefault((c.target, scope), []).append(slow_down.value)
    if not places:
        return []
    medians = {place: median(values) for place, values in places.items()}
    unit = _BAR / max(1.0, *medians.values())
    width = max(len(f"{target} {scope}") for target, scope in places)
    small, large = comparisons[0].small, comparisons[0].large
    return [
        f"Service time of {large} where {small} takes 1 (median over datasets)",
        *(
            f"{f'{target} {scope}':<{width}}  {'#' * max(1, round(value * unit))} {value:.2f}"
            for (target, scope), value in medians.items()
        ),
    ]


def advice_lines(
    comparisons: Sequence[ComparisonFacts], goal: Goal, *, per_s: float | None = None, worth: float = WORTH
) -> list[str]:
    """One line a dataset and target: what to do, why, what it costs; then what is not monotonic."""
    lines, lint = [], []
    for c in comparisons:
        sides = sides_of(c)
        if sides is None:
            continue
        advice = advise(sides, goal, per_s=per_s, worth=worth)
        cost = f"{c.large} has {points(c.gains['AP50'])} points more AP50 and takes {times(c.slow_downs[END_TO_END])}"
        lines.append(f"{c.dataset} on {c.target}: {advice.choice}: {advice.because} ({cost})")
        lint += [f"lint: {said} on {c.target}/{c.dataset}" for said in not_monotonic(sides)]
    if not lines:
        return []
    asked = f"goal {goal}" + (f", {per_s:g} a second" if goal == "realtime" and per_s else "")
    return [f"Advice ({asked}; a difference below {worth * 100:g} points decides nothing)", *lines, *lint]


def sides_of(comparison: ComparisonFacts) -> Sides | None:
    """What advice rests on; None where something of it was not measured."""
    c, p95 = comparison, f"{LoadShape()} p95"
    if "AP50" not in c.gains or END_TO_END not in c.slow_downs or not (p95 in c.small_ms and p95 in c.large_ms):
        return None
    return Sides(
        c.small,
        c.large,
        c.images,
        estimate(c.gains["AP50"]),
        estimate(c.slow_downs[END_TO_END]),
        c.pairs.get(END_TO_END, 0),
        estimate(c.small_ms[p95]),
        estimate(c.large_ms[p95]),
    )


def estimate(facts: EstimateFacts) -> Estimate:
    """The estimate behind facts; an open limit is infinite."""
    low = -math.inf if facts.low is None else facts.low
    return Estimate(facts.value, low, math.inf if facts.high is None else facts.high)


def points(facts: EstimateFacts | None) -> str:
    """A difference of average precision in points with its interval."""
    if facts is None:
        return ""
    found = estimate(facts)
    return f"{found.value * 100:+.1f} ({found.low * 100:+.1f} to {found.high * 100:+.1f})"


def times(facts: EstimateFacts) -> str:
    """A factor with its interval."""
    found = estimate(facts)
    return f"{found.value:.2f} times ({found.low:.2f} to {found.high:.2f}) as long"


def milliseconds(facts: EstimateFacts | None) -> str:
    """A time in three digits."""
    return "" if facts is None else f"{facts.value:.3g}"


def _pairs(comparisons: Sequence[ComparisonFacts]) -> list[list[ComparisonFacts]]:
    """Comparisons by the two models that they are of."""
    by_pair: dict[tuple[str, str], list[ComparisonFacts]] = {}
    for comparison in comparisons:
        by_pair.setdefault((comparison.small, comparison.large), []).append(comparison)
    return list(by_pair.values())


def _all_bars(comparisons: Sequence[ComparisonFacts]) -> list[str]:
    return [line for pair in _pairs(comparisons) for line in bars(pair)]


def _grids(comparisons: Sequence[ComparisonFacts], cases: Sequence[CaseFacts]) -> list[Grid]:
    pairs = _pairs(comparisons)
    grids = [*map(accuracy_grid, pairs), *map(speed_grid, pairs), density_grid(comparisons, cases)]
    return [grid for grid in grids if grid.rows]
