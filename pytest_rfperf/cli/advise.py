"""rfperf advise."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click
import msgspec

from pytest_rfperf.cli.run import run_tests
from pytest_rfperf.config import CommandLine, load_settings, project_root
from pytest_rfperf.core.advice import GOALS, WORTH, Goal
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import study
from pytest_rfperf.report.comparison import advice_lines, latest
from pytest_rfperf.session.facts import ComparisonFacts

_TEST = Path(study.__file__).parent / "test_sizes.py"
_POINTS = 100


class _Stored(msgspec.Struct):
    comparisons: list[ComparisonFacts] = []


@click.command("advise")
@click.option("--goal", type=click.Choice(GOALS), default="accuracy", show_default=True, help="What counts most.")
@click.option(
    "--per-s", type=click.FloatRange(min=0, min_open=True), help="Images a second of one realtime stream (30)."
)
@click.option("--worth", type=click.FloatRange(0, 100, min_open=True), default=WORTH * _POINTS, show_default=True,
              help="Points of AP50 below which a difference decides nothing.")  # fmt: skip
@click.option("--target", "targets", multiple=True, help="Measure on this target; cpu without.")
@click.option("--dataset", "datasets", multiple=True, help="Measure on this dataset; all without.")
@click.option("--from", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="Take what a session measured and stored, such as .rfperf/last.json.")  # fmt: skip
def command(
    goal: str, per_s: float | None, worth: float, targets: tuple[str, ...], datasets: tuple[str, ...], file: Path | None
) -> None:
    """Say which of two sizes to ship, for each dataset and target.

    Compares the smallest and the largest configured model, the bundled ones where none is configured: accuracy on
    every image, speed in turns. Advice always comes with the loss of AP, the gain of speed and their intervals.
    """
    if per_s is not None and goal != "realtime":
        msg = f"--per-s={per_s:g} belongs to --goal realtime; the goal is {goal}"
        raise UsageError(msg)
    comparisons, status = (_stored(file), 0) if file else _measured(targets, datasets)
    chosen = [
        c for c in comparisons if (not targets or c.target in targets) and (not datasets or c.dataset in datasets)
    ]
    lines = advice_lines(chosen, cast("Goal", goal), per_s=per_s, worth=worth / _POINTS)
    if not lines:
        place = f"{file} holds" if file else "the run gave"
        msg = f"{place} no comparison with gain and slow-down of what was asked for; run rfperf advise without --from"
        raise UsageError(msg)
    click.echo("\n".join(lines))
    if status:
        raise SystemExit(status)


def _measured(targets: tuple[str, ...], datasets: tuple[str, ...]) -> tuple[list[ComparisonFacts], int]:
    """What was measured, and how pytest ended: a file that could not be written costs no advice."""
    options = [f"--rfperf-target={name}" for name in targets] + [f"--rfperf-dataset={name}" for name in datasets]
    root = project_root(Path.cwd())
    settings = load_settings(root, CommandLine())
    where = "the bundled pair; no model is configured" if settings.is_bundled else str(root / settings.source)
    click.echo(f"models: {', '.join(settings.models)} ({where})", err=True)
    heard = run_tests([_TEST], options, root, lambda _facts: None)
    for failure in heard.failures:
        click.echo(failure, err=True)
    if heard.exit_status and not heard.comparisons:
        raise SystemExit(heard.exit_status)
    return latest(heard.comparisons), heard.exit_status


def _stored(file: Path) -> list[ComparisonFacts]:
    try:
        return latest(msgspec.json.decode(file.read_bytes(), type=_Stored).comparisons)
    except (OSError, msgspec.DecodeError) as error:
        msg = f"--from={file}: cannot be read as the facts of a session: {error}"
        raise UsageError(msg) from error
