"""rfperf study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cli.run import run_tests
from pytest_rfperf.config import project_root
from pytest_rfperf.reference import study
from pytest_rfperf.report.comparison import END_TO_END, comparison_lines, comparison_markdown, latest, points, times
from pytest_rfperf.report.grid import markdown_text
from pytest_rfperf.report.rows import merged
from pytest_rfperf.store.atomic import write_atomically

if TYPE_CHECKING:
    from pytest_rfperf.session.facts import ComparisonFacts, ReportFacts

_TESTS = Path(study.__file__).parent
_JSON = ".rfperf/last.json"
_ROW = "{:<12} {:<8} {:>9} {:>14} {:>24}  {}"
_HEADINGS = ("dataset", "target", "fast AP50", "accurate AP50", "gain in points (95 %)", "accurate takes")


@click.command("study")
@click.option("--target", "targets", multiple=True, help="A target of the configuration here; cpu without.")
@click.option("--dataset", "datasets", multiple=True, help="Only this task.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write all tables to this file too.")
def command(targets: tuple[str, ...], datasets: tuple[str, ...], markdown: Path | None) -> None:
    """Study both bundled sizes over five tasks: accuracy, speed, training time, advice.

    The pictures of a task are drawn at its first use and kept. Ends with 1 where a claim does not hold.
    """
    options = ["--rfperf-bundled", f"--rfperf-json={_JSON}"]
    options += [f"--rfperf-target={name}" for name in targets]
    options += [f"--rfperf-dataset={name}" for name in datasets]
    tests, root = [_TESTS / "test_sizes.py", _TESTS / "test_claims.py"], project_root(Path.cwd())
    heard = run_tests(tests, options, root, _Rows().hear, unset=("RFPERF_SIZE", "RFPERF_DATASET"))
    comparisons, cases = latest(heard.comparisons), merged(heard.cases)
    said = dict.fromkeys(f"{v.outcome}: {v.gate}: {v.message}" for case in cases for v in case.verdicts)
    click.echo("\n".join([*comparison_lines(comparisons, cases), *said]))
    for failure in heard.failures:
        click.secho(failure, fg="red")
    if markdown:
        verdicts = (f"- {markdown_text(line)}" for line in said)
        lines = ["# rfperf study", "", *comparison_markdown(comparisons, cases), *verdicts]
        write_atomically(markdown, ("\n".join(lines) + "\n").encode())
        click.echo(f"wrote {markdown}")
    if heard.exit_status:
        raise SystemExit(heard.exit_status)
    facts = os.path.relpath(root / _JSON)
    click.echo(f"facts: {facts}; next: rfperf advise --from {facts} --goal realtime --per-s 30")
    click.echo("your own models: rfperf init")


class _Rows:
    """A row a target and dataset, as soon as they are compared."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, str]] = set()

    def hear(self, facts: ReportFacts) -> None:
        """Show what is new."""
        for comparison in facts.comparisons:
            place = (comparison.target, comparison.dataset)
            if place in self._shown or "AP50" not in comparison.gains:
                continue
            if not self._shown:
                click.echo(_ROW.format(*_HEADINGS))
            self._shown.add(place)
            click.echo(_row(comparison))


def _row(c: ComparisonFacts) -> str:
    slow_down = c.slow_downs.get(END_TO_END)
    aps = (f"{side['AP50']:.3f}" for side in (c.small_ap, c.large_ap))
    return _ROW.format(c.dataset, c.target, *aps, points(c.gains["AP50"]), times(slow_down) if slow_down else "")
