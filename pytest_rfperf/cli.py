"""The command `rfperf`."""

from __future__ import annotations

import sys

import click

from pytest_rfperf import __version__
from pytest_rfperf.errors import RfperfError

_HELP = """Accuracy and latency gates for object detectors.

Gates are ordinary pytest tests, so the main command is pytest itself:

\b
  pytest --target=cpu              every selected model on one target
  pytest --rfperf-record           write baselines of what passed
  pytest --markers                 the markers and their arguments

The commands below look at this machine and at what is stored.
"""


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rfperf")
def rfperf() -> None:
    """Hold the commands together."""


@rfperf.command()
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON, for programs.")
def doctor(*, as_json: bool) -> None:
    """Say what is installed and configured here, and what is amiss.

    Opens no model and measures nothing. Ends with 1 where something keeps gates from running.
    """
    from pytest_rfperf.doctor import doctor_json, doctor_lines, examine  # noqa: PLC0415 - --help stays quick

    checks = examine()
    click.echo(doctor_json(checks) if as_json else "\n".join(doctor_lines(checks, colour=sys.stdout.isatty())))
    if any(check.state == "bad" for check in checks):
        raise SystemExit(1)


def main() -> None:
    """Run the command; an error of ours is one line and exit code 2."""
    try:
        rfperf.main(prog_name="rfperf")
    except RfperfError as error:
        click.echo(f"rfperf: {error}", err=True)
        raise SystemExit(2) from None
