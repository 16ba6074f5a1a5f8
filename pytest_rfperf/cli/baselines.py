"""rfperf baselines."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from pytest_rfperf.baselines.accepting import METRICS, Wish, accept
from pytest_rfperf.baselines.pruning import Pruning, prune
from pytest_rfperf.baselines.verifying import Verified, verify
from pytest_rfperf.cli.baselines_refresh import refresh_command
from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.config import CommandLine, Settings, load_settings, project_root
from pytest_rfperf.errors import UsageError
from pytest_rfperf.report.baseline_list import baseline_row, list_lines, show_lines
from pytest_rfperf.store.baseline import baseline_path, decode_baseline, shown_path
from pytest_rfperf.store.baseline_folder import baseline_files
from pytest_rfperf.store.seal import seal_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PARTS = 3


@click.group("baselines")
def command() -> None:
    """List, show, verify, prune and accept the recorded baselines of this project.

    They are files for version control: its history says who changed what. pytest --rfperf-record writes them.
    """


command.add_command(refresh_command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, for programs.")
def list_command(*, as_json: bool) -> None:
    """Print a row for each baseline: what was recorded, when, by whom, and whether its seals fit."""
    settings = _settings()
    rows = [baseline_row(path) for path in baseline_files(_folder(settings))]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        click.echo("\n".join(list_lines(rows)) if rows else _nothing(settings))


@command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the file as JSON, without its raw samples.")
def show_command(name: str, *, as_json: bool) -> None:
    """Print one baseline whole: every run, its verdicts, and where it came from.

    NAME is target/dataset/model, or the path of a file. Ends with 1 where it was edited by hand.
    """
    settings = _settings()
    path = _named(name, settings)
    baseline = decode_baseline(path)
    shown = shown_path(path, settings.root)
    if as_json:
        content = msgspec.to_builtins(baseline) | {"path": shown}
        for latency in (one for run in content["runs"] for one in run["latency"]):
            del latency["samples"]
        click.echo(msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2).decode())
    else:
        click.echo("\n".join(show_lines(baseline, shown)))
    if any(seal_fault(run, baseline.names) for run in baseline.runs):
        raise SystemExit(FAILED)


@command.command("verify")
def verify_command() -> None:
    """Compute every seal, figure and hash again; made to be a step of CI.

    Looks at seals, percentiles from raw samples, average precisions from match records, match records that are
    missing or that no baseline names, and the copies of artefacts in the cache. Ends with 1 where something is wrong.
    """
    settings = _settings()
    with _stoppable() as say:
        found = verify(settings, say)
    click.echo("\n".join(_verified_lines(found, settings)))
    if found.faults or not found.checked["files"]:
        raise SystemExit(FAILED)


@command.command("prune")
@click.option("--keep", type=click.IntRange(min=1), metavar="N",
              help="Drop older runs than the newest N of each file; numbers alone decide from 5 on.")  # fmt: skip
@click.option("--artifacts", is_flag=True,
              help="Also delete what the cache has and no baseline here names; other projects share it.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune_command(*, keep: int | None, artifacts: bool, dry_run: bool) -> None:
    """Drop old runs, and delete match records that no baseline names.

    The newest run with an accuracy and the newest with a latency always stay.
    """
    with _stoppable():
        lines = prune(_settings(), Pruning(keep, artifacts=artifacts, dry=dry_run))
    click.echo("\n".join(lines or ["nothing to prune"]))


@command.command("accept")
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--despite", multiple=True, metavar="METRIC",
              help=f"A gate that failed and is accepted; again for more. One of {', '.join(METRICS)}.")  # fmt: skip
@click.option("--reason", default="", help="Why; it is written into the file.")
def accept_command(run: Path, *, despite: tuple[str, ...], reason: str) -> None:
    """Take a session into the baselines that --rfperf-record did not, because a regression gate failed.

    RUN is the JSON that the session left, such as .rfperf/last.json. Every other gate must have passed. Ends with 1
    where a case was not recorded.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with _stoppable():
        accepted = accept(run, Wish(despite, reason), _settings(), now)
    click.echo("\n".join(accepted.lines))
    if not accepted.complete:
        raise SystemExit(FAILED)


@contextlib.contextmanager
def _stoppable() -> Iterator[Callable[[str], None]]:
    """Show progress where it takes long; Ctrl-C ends the command with 130."""
    progress = stderr_progress()
    try:
        yield progress.show
    except KeyboardInterrupt:
        progress.done()
        click.echo("stopped", err=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        progress.done()


def _settings() -> Settings:
    return load_settings(project_root(Path.cwd()), CommandLine())


def _folder(settings: Settings) -> Path:
    return settings.path(settings.run.baselines)


def _nothing(settings: Settings) -> str:
    return f"no baseline in {shown_path(_folder(settings), settings.root)}; record some: pytest --rfperf-record"


def _named(name: str, settings: Settings) -> Path:
    """The file of a name."""
    parts = name.split("/")
    place = baseline_path(_folder(settings), *parts) if len(parts) == _PARTS else Path(name)
    path = next((one for one in (place, Path(name)) if one.is_file()), None)
    if path is None:
        known = ["/".join((*one.parts[-3:-1], one.stem)) for one in baseline_files(_folder(settings))]
        msg = f"no baseline '{name}'; known: {', '.join(known)}" if known else _nothing(settings)
        raise UsageError(msg)
    return Path.cwd() / path


def _verified_lines(found: Verified, settings: Settings) -> list[str]:
    lines = [f"wrong: {fault}" for fault in found.faults]
    lines += [f"not checked: {what}" for what in found.unchecked]
    if not found.checked:
        return lines or [_nothing(settings)]
    counts = ", ".join(f"{what} {count}" for what, count in found.checked.items())
    return [*lines, f"checked: {counts}: {f'{len(found.faults)} wrong' if found.faults else 'all as recorded'}"]
