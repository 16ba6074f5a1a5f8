"""rfperf demo."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cache_folder import VARIABLE as CACHE_VARIABLE
from pytest_rfperf.cli.exit_codes import FAILED
from pytest_rfperf.cli.run import run_tests
from pytest_rfperf.reference import demo

if TYPE_CHECKING:
    from pytest_rfperf.session.facts import ReportFacts

_FOLDER = Path(demo.__file__).parent
_EXPECTED = ["PASS", "FAIL", "INCONCLUSIVE"]
_COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}


@click.command("demo")
def command() -> None:
    """Show a PASS, a FAIL and an INCONCLUSIVE on the bundled detectors, with their evidence.

    Needs no network. Ends with 1 where a verdict is not the expected one.
    """
    test = _FOLDER / "test_demo.py"
    click.echo(f"three gates of {test}\n")
    outcomes: list[str] = []

    def hear(facts: ReportFacts) -> None:
        for verdict in (verdict for case in facts.cases for verdict in case.verdicts):
            outcomes.append(verdict.outcome)
            colour = _COLOURS.get(verdict.outcome) if sys.stdout.isatty() else None
            click.echo(
                click.style(f"{verdict.outcome:<13}", fg=colour, bold=True) + f"{verdict.gate}: {verdict.message}"
            )

    with tempfile.TemporaryDirectory() as folder:
        options = [f"--rfperf-json={Path(folder) / 'demo.json'}"]
        heard = run_tests([test], options, _FOLDER, hear, unset=_foreign())
    if outcomes != _EXPECTED:
        for failure in heard.failures:
            click.echo(failure, err=True)
        click.echo(f"expected {', '.join(_EXPECTED)}; this machine said {', '.join(outcomes) or 'nothing'}", err=True)
        raise SystemExit(FAILED)
    click.echo("\nPASS ships, FAIL stops the release, INCONCLUSIVE asks for more and says for how much.")
    click.echo("next: rfperf study   the two bundled sizes over five tasks")
    click.echo("      rfperf init    the same gates for your own ONNX files and data")


def _foreign() -> list[str]:
    """Variables that would make another demo of it: settings of a project, and the summary of a CI job."""
    settings = [name for name in os.environ if name.startswith("RFPERF_") and name != CACHE_VARIABLE]
    return [*settings, "GITHUB_STEP_SUMMARY"]
