"""rfperf study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cli.run import run_tests
from pytest_rfperf.reference import study
from pytest_rfperf.report.comparison import comparison_lines, comparison_markdown, latest, points, times
from pytest_rfperf.report.rows import merged
from pytest_rfperf.store.atomic import write_atomically

if TYPE_CHECKING:
    from pytest_rfperf.session.facts import TestFacts

_TESTS = Path(study.__file__).parent
_JSON = ".rfperf/last.json"
_ROW = "{:<12} {:<8} {:>9} {:>14} {:>24}  {}"


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
    shown: set[tuple[str, str]] = set()

    def hear(facts: TestFacts) -> None:
        for c in facts.comparisons:
            if (c.target, c.dataset) in shown or "AP50" not in c.gains:
                continue
            if not shown:
                click.echo(
                    _ROW.format(
                        "dataset", "target", "fast AP50", "accurate AP50", "difference (95 %)", "accurate takes"
                    )
                )
            shown.add((c.target, c.dataset))
            slow_down = c.slow_downs.get("end-to-end")
            click.echo(
                _ROW.format(
                    c.dataset,
                    c.target,
                    f"{c.small_ap['AP50']:.3f}",
                    f"{c.large_ap['AP50']:.3f}",
                    points(c.gains["AP50"]),
                    times(slow_down) if slow_down else "",
                )
            )

    heard = run_tests([_TESTS / "test_sizes.py", _TESTS / "test_claims.py"], options, Path.cwd(), hear)
    comparisons, cases = latest(heard.comparisons), merged(heard.cases)
    click.echo("\n".join(comparison_lines(comparisons, cases)))
    verdicts = [f"{v.outcome}: {v.gate}: {v.message}" for case in cases for v in case.verdicts]
    for line in dict.fromkeys(verdicts):
        click.echo(line)
    for failure in heard.failures:
        click.secho(failure, fg="red")
    if markdown:
        lines = ["# rfperf study", "", *comparison_markdown(comparisons, cases), *(f"- {line}" for line in verdicts)]
        write_atomically(markdown, ("\n".join(lines) + "\n").encode())
        click.echo(f"wrote {markdown}")
    if heard.exit_status:
        raise SystemExit(heard.exit_status)
    click.echo(f"facts: {_JSON}; next: rfperf advise --from {_JSON} --goal realtime --per-s 30")
    click.echo("your own models: rfperf init")
