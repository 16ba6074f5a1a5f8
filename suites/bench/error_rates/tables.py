"""How often rules are wrong in worlds whose truth is known, as Markdown.

    cd suites/bench && python -m error_rates.tables

prints the tables of docs/error-rates.md; with RFPERF_BENCH_TABLE=../../docs/error-rates.md it writes them there. RFPERF_SETS
gives the sets a cell, 2,000 unless set.
"""

from __future__ import annotations

import os
import sys
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from error_rates import pair_rules, rules
from error_rates.pair_worlds import PAIR_WORLDS, TAIL_WORLDS
from error_rates.rules import FAIL, PASS, RULES
from error_rates.worlds import WORLDS
from scipy.stats import beta
from table import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from error_rates.rules import Judged

SETS = int(os.environ.get("RFPERF_SETS", "2000"))
BATCH = 500
SEED = 20261125
CALLS = 2000
"""The cap of a budget: ten seconds of calls of 5 ms."""
PAIRS = 1500
"""The cap of a ratio: nine seconds of pairs of twice 3 ms."""
BAR, CERTAINTY = 0.05, 0.99
OURS = "pytest-rfperf"
MEAN = "mean of two runs, 5 % (pytest-benchmark)"
RATES = (0.02, 0.05, 0.10)
RATIOS = (1.0, 1.025, 1.05, 1.10)
TAIL_CHANGES = (0.8, 1.0, 1.25)


class Truth(NamedTuple):
    """What is true in a cell, and which answers are wrong there; at the boundary both are."""

    text: str
    pass_is_wrong: bool
    fail_is_wrong: bool


def truth_of(value: float, boundary: float, text: str) -> Truth:
    """At or above the boundary a PASS is wrong, at or below it a FAIL."""
    close = abs(value - boundary) < 1e-9
    return Truth(text, close or value > boundary, close or value < boundary)


@dataclass(frozen=True)
class Cell:
    """One rule in one world at one truth.

    Attributes
    ----------
    sets, passes, fails : int
    calls : list of int
        What each set took.
    """

    question: str
    world: str
    independent: bool
    contended: bool
    truth: Truth
    rule: str
    sets: int = 0
    passes: int = 0
    fails: int = 0
    calls: tuple[int, ...] = ()

    def with_answers(self, judged: Judged) -> Cell:
        """The cell with more sets."""
        return replace(
            self,
            sets=self.sets + len(judged.answers),
            passes=self.passes + int((judged.answers == PASS).sum()),
            fails=self.fails + int((judged.answers == FAIL).sum()),
            calls=(*self.calls, *judged.calls.tolist()),
        )

    @property
    def wrong_pass(self) -> int | None:
        """Sets that PASS wrongly; None where a PASS would be right."""
        return self.passes if self.truth.pass_is_wrong else None

    @property
    def wrong_fail(self) -> int | None:
        """Sets that FAIL wrongly; None where a FAIL would be right."""
        return self.fails if self.truth.fail_is_wrong else None

    @property
    def keeps_the_bar(self) -> bool:
        """Whether the interval of each wrong rate reaches 5 % or lies below."""
        counts = [count for count in (self.wrong_pass, self.wrong_fail) if count is not None]
        return all(interval(count, self.sets)[0] <= BAR for count in counts)


def interval(count: int, sets: int) -> tuple[float, float]:
    """Clopper-Pearson limits of a rate, at 99 %."""
    tail = (1 - CERTAINTY) / 2
    low = beta.ppf(tail, count, sets - count + 1) if count else 0.0
    high = beta.isf(tail, count + 1, sets - count) if count < sets else 1.0
    return float(low), float(high)


def budget_cells(sets: int = SETS) -> Iterator[Cell]:
    """Every rule for a p95 budget, in every world, below, at and above the boundary."""
    for world in WORLDS:
        for rate in RATES:
            truth = truth_of(rate, rules.P0, f"{rate:.0%} of calls exceed")
            about = ("budget", world.name, world.independent, world.contended, truth)
            yield from _judged(
                {name: Cell(*about, name) for name in RULES},
                RULES,
                lambda rng, count, world=world, rate=rate: world.series(rng, (count, CALLS), rate),
                sets,
            )


def ratio_cells(sets: int = SETS) -> Iterator[Cell]:
    """Ours and the rule over stored means, for a median of at most 1.025."""
    asked = {OURS: pair_rules.ours, MEAN: pair_rules.mean_of_runs}
    for world in PAIR_WORLDS:
        for ratio in RATIOS:
            truth = truth_of(ratio, pair_rules.LIMIT, f"{ratio:g} times as long")
            # Both rules are set to catch 5 %; half of that is the boundary of ours alone.
            truths = {OURS: truth, MEAN: Truth(truth.text, ratio > pair_rules.LIMIT, ratio < pair_rules.LIMIT)}
            about = ("ratio", world.name, world.independent, world.contended)
            yield from _judged(
                {name: Cell(*about, truths[name], name) for name in asked},
                asked,
                lambda rng, count, world=world, ratio=ratio: world.pairs(rng, (count, PAIRS), ratio),
                sets,
            )


def tail_cells(sets: int = SETS) -> Iterator[Cell]:
    """Ours for a p95 ratio, whose limit lies above, at and below the true one."""
    for world in TAIL_WORLDS:
        for change in TAIL_CHANGES:
            limit = world.true_ratio(rules.PERCENTILE) / change
            truth = truth_of(change, 1.0, f"{change:g} times the limit")
            cell = Cell("p95 ratio", world.name, world.independent, world.contended, truth, OURS)
            yield from _judged(
                {OURS: cell},
                {OURS: lambda pairs, limit=limit: pair_rules.ours(pairs, rules.PERCENTILE, limit)},
                lambda rng, count, world=world: world.pairs(rng, (count, PAIRS), 1.0),
                sets,
            )


def _judged(
    cells: dict[str, Cell], asked: dict[str, Callable[..., Judged]], draw: Callable[..., object], sets: int
) -> Iterator[Cell]:
    """Let every rule see the same sets, drawn by a seed of the cell's own."""
    first = next(iter(cells.values()))
    key = zlib.crc32(f"{first.question}, {first.world}, {first.truth.text}".encode())
    for number, done in enumerate(range(0, sets, BATCH)):
        drawn = draw(np.random.default_rng([SEED, key, number]), min(BATCH, sets - done))
        cells = {name: cell.with_answers(asked[name](drawn)) for name, cell in cells.items()}
    yield from cells.values()


TITLES = {
    "budget": "Error rates of a p95 budget",
    "ratio": "Error rates of a ratio of at most 1.025, in turns",
    "p95 ratio": "Error rates of a p95 ratio, in turns",
}


def publish_cells(cells: list[Cell]) -> None:
    """A table a question, and the worst of each in one short table."""
    for question, title in TITLES.items():
        rows = [row(cell) for cell in cells if cell.question == question]
        header = ("calls are", "world", "truth", "rule", "wrong PASS", "wrong FAIL", "INCONCLUSIVE", "median calls")
        publish(title, header, rows, (f"{cells[0].sets:,} sets a cell, seed {SEED}; in brackets the 99 % interval.",))
    publish_worst(cells)


def row(cell: Cell) -> tuple[str, ...]:
    """One line of a table."""
    neither = cell.sets - cell.passes - cell.fails
    wrong = (_with_interval(count, cell.sets) for count in (cell.wrong_pass, cell.wrong_fail))
    median = f"{np.median(cell.calls):,.0f}"
    return kind(cell), cell.world, cell.truth.text, cell.rule, *wrong, f"{neither / cell.sets:.1%}", median


def kind(cell: Cell) -> str:
    """What calls of a cell are."""
    if cell.contended:
        return "contended"
    return "independent" if cell.independent else "dependent"


def _with_interval(count, sets):
    if count is None:
        return "-"
    low, high = interval(count, sets)
    return f"{count / sets:.1%} ({low:.1%}..{high:.1%})"


def publish_worst(cells: list[Cell]) -> None:
    """For each rule the worst cell of each kind, and the calls that it takes where the truth is clear."""
    rows = []
    for question in TITLES:
        for rule in dict.fromkeys(cell.rule for cell in cells if cell.question == question):
            own = [cell for cell in cells if (cell.question, cell.rule) == (question, rule)]
            worst = (
                _worst([cell for cell in own if kind(cell) == which])
                for which in ("independent", "dependent", "contended")
            )
            clear = [calls for cell in own if cell.independent and not cell.contended for calls in _clear(cell)]
            rows.append((question, rule, *worst, f"{np.median(clear):,.0f}"))
    header = ("question", "rule", "independent calls", "dependent calls", "contended calls", "median calls")
    notes = (
        "Wrong PASS / wrong FAIL in the worst cell of each kind; the bar is 5 %, asked of independent calls.",
        "Median calls: of independent calls away from the boundary.",
    )
    publish("Error rates, the worst cells", header, rows, notes)


def _clear(cell):
    return cell.calls if not (cell.truth.pass_is_wrong and cell.truth.fail_is_wrong) else ()


def _worst(cells):
    if not cells:
        return "-"
    wrong = ([count / cell.sets for cell in cells if (count := getattr(cell, which)) is not None] for which in WRONG)
    return " / ".join(f"{max(rates):.1%}" for rates in wrong)


WRONG = ("wrong_pass", "wrong_fail")


def say(cell: Cell) -> Cell:
    """Show on standard error that a cell is done."""
    print(f"{cell.question}, {cell.world}, {cell.truth.text}: {cell.rule}", file=sys.stderr)
    return cell


def all_cells(sets: int = SETS) -> list[Cell]:
    """Everything, with a line of progress a cell."""
    return [say(cell) for make in (budget_cells, ratio_cells, tail_cells) for cell in make(sets)]


if __name__ == "__main__":
    publish_cells(all_cells())
