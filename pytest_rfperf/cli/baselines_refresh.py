"""rfperf baselines refresh."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.config import CommandLine, load_settings, project_root
from pytest_rfperf.errors import RfperfError
from pytest_rfperf.store.baseline import decode_baseline, shown_path
from pytest_rfperf.store.baseline_folder import baseline_files

if TYPE_CHECKING:
    from pytest_rfperf.config import Settings


@click.command("refresh")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def refresh_command(*, names: tuple[str, ...]) -> None:
    """Measure the old artefacts again here, and rewrite the baselines: one diff to review.

    For an intended change of what must be equal: a new onnxruntime, another runner, other images. NAME is
    target/dataset/model or a part of it from the left, such as cpu or cpu/street; all baselines without. Measures the
    artefact of models.NAME.baseline, else the copy that recording kept, as the newest run was measured; no gate is
    judged. Ends with 1 where a baseline could not be measured.
    """
    settings = load_settings(project_root(Path.cwd()), CommandLine())
    chosen = [path for path in baseline_files(settings.path(settings.run.baselines)) if _is_named(path, names)]
    if not chosen:
        click.echo(f"no baseline {' or '.join(names)} in {settings.run.baselines}; record some: pytest --rfperf-record")
        raise SystemExit(FAILED)
    try:
        well = [_refreshed(path, settings) for path in chosen]
    except KeyboardInterrupt:
        click.echo("stopped; what was refreshed so far is written", err=True)
        raise SystemExit(INTERRUPTED) from None
    click.echo("next: review the diff, run pytest, commit")
    if not all(well):
        raise SystemExit(FAILED)


def _is_named(path: Path, names: tuple[str, ...]) -> bool:
    parts = (path.parts[-3], path.parts[-2], path.stem)
    return not names or any(parts[: len(name.split("/"))] == tuple(name.split("/")) for name in names)


def _refreshed(path: Path, settings: Settings) -> bool:
    """Refresh one; say so, or why not."""
    from pytest_rfperf.baselines.refreshing import refresh  # noqa: PLC0415 - onnxruntime only where it is needed

    progress = stderr_progress()
    try:
        lines = refresh(decode_baseline(path), settings, progress, datetime.now(UTC).isoformat(timespec="seconds"))
    except RfperfError as error:
        click.echo(f"not refreshed: {shown_path(path, settings.root)}: {error}")
        return False
    finally:
        progress.done()
    click.echo("\n".join(lines))
    return True
