"""rfperf doctor."""

from __future__ import annotations

import sys

import click

from pytest_rfperf.cli.exit_codes import FAILED
from pytest_rfperf.doctor import doctor_json, doctor_lines, examine


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON, for programs.")
def command(*, as_json: bool) -> None:
    """Say what is installed and configured here, and what is amiss.

    Opens no model and measures nothing. Ends with 1 where something keeps gates from running.
    """
    checks = examine()
    click.echo(doctor_json(checks) if as_json else "\n".join(doctor_lines(checks, colour=sys.stdout.isatty())))
    if any(check.state == "bad" for check in checks):
        raise SystemExit(FAILED)
