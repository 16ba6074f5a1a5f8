"""The command `rfperf`: one file a subcommand, each imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from pytest_rfperf import __version__
from pytest_rfperf.cli.exit_codes import USAGE
from pytest_rfperf.errors import RfperfError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = """Accuracy and latency gates for object detectors.

Gates are ordinary pytest tests, so the main command is pytest itself:

\b
  pytest --target=cpu              every selected model on one target
  pytest --rfperf-record           write baselines of what passed
  pytest --markers                 the markers and their arguments

The commands below show what gates do, start a project of yours, and look at this machine.
"""
_COMMANDS = {
    "demo": "A PASS, a FAIL and an INCONCLUSIVE on the bundled detectors, in 20 seconds.",
    "study": "Both bundled sizes over five tasks: accuracy, speed, training time, advice.",
    "init": "Write the configuration, the tests and the CI workflow for your own models.",
    "advise": "Say which size to ship, from what was measured.",
    "map": "Evaluate COCO detections: mean average precision, bit for bit that of pycocotools.",
    "baselines": "List, show, verify, prune and accept what pytest --rfperf-record wrote.",
    "mutate": "Put faults into the detectors, and say which of them your tests catch.",
    "doctor": "Say what is installed and configured here, and what is amiss.",
    "reference": "Train the bundled detectors again, and draw their tasks.",
}
"""Name to the line that --help shows; the command itself is `command` in the file of that name."""


class _Commands(click.Group):
    """Imports a subcommand when it runs, so that --help and the others stay quick."""

    def list_commands(self, ctx: click.Context) -> Sequence[str]:  # type: ignore[override]  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pytest_rfperf.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rfperf")
def rfperf() -> None:
    """Hold the commands together."""


def main() -> None:
    """Run the command; an error of ours is one line and exit code 2."""
    try:
        rfperf.main(prog_name="rfperf")
    except RfperfError as error:
        click.echo(f"rfperf: {error}", err=True)
        raise SystemExit(USAGE) from None
