"""rfperf baselines refresh."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.config import CommandLine, load_settings, project_root
from pytest_rfperf.errors import RfperfError, UsageError
from pytest_rfperf.store.baseline import decode_baseline, require_place, shown_path
from pytest_rfperf.store.baseline_folder import baseline_files

if TYPE_CHECKING:
    from pytest_rfperf.config import Settings


@click.command("refresh")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def refresh_command(*, names: tuple[str, ...]) -> None:
    """Measure the old artefacts again here, and rewrite the baselines: one diff to review.

    For an intended change of what must be equal: a new onnxruntime, another runner, other images. NAME is
    target/dataset/model or a part of it from the left, such as cpu or cpu/street; all baselines without. Measures the
    artefact of models.NAME.baseline, else the copy that recording kept, for all that its runs hold; no gate is judged.
    Runs that were edited by hand go. Ends with 1 where a baseline could not be measured.
    """
    settings = load_settings(project_root(Path.cwd()), CommandLine())
    known = baseline_files(settings.path(settings.run.baselines))
    if not known:
        click.echo(f"no baseline in {settings.run.baselines}; record some: pytest --rfperf-record")
        raise SystemExit(FAILED)
    for name in names:
        if not any(_is_named(path, (name,)) for path in known):
            shown = ", ".join("/".join(_parts(path)) for path in known)
            msg = f"no baseline '{name}' in {settings.run.baselines}; known: {shown}"
            raise UsageError(msg)
    chosen = [path for path in known if not names or _is_named(path, names)]
    try:
        well = [_refreshed(path, settings) for path in chosen]
    except KeyboardInterrupt:
        click.echo("stopped; what was refreshed so far is written", err=True)
        raise SystemExit(INTERRUPTED) from None
    click.echo("next: review the diff, run pytest, commit")
    if not all(well):
        raise SystemExit(FAILED)


def _is_named(path: Path, names: tuple[str, ...]) -> bool:
    return any(_parts(path)[: len(name.split("/"))] == tuple(name.split("/")) for name in names)


def _parts(path: Path) -> tuple[str, str, str]:
    return path.parts[-3], path.parts[-2], path.stem


def _refreshed(path: Path, settings: Settings) -> bool:
    """Refresh one; say so, or why not."""
    from pytest_rfperf.baselines.refreshing import refresh  # noqa: PLC0415 - onnxruntime only where it is needed

    progress = stderr_progress()
    try:
        baseline = decode_baseline(path)
        require_place(path, baseline.names)
        lines = refresh(baseline, settings, progress, datetime.now(UTC).isoformat(timespec="seconds"))
    except RfperfError as error:
        click.echo(f"not refreshed: {shown_path(path, settings.root)}: {error}")
        return False
    finally:
        progress.done()
    click.echo("\n".join(lines))
    return True
