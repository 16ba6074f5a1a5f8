"""rfperf reference: make the bundled detectors again, and draw what they are for."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click

from pytest_rfperf.cli.progress import LineProgress
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import SIZES
from pytest_rfperf.store.atomic import write_atomically

_INTERRUPTED = 130


@click.group("reference")
def command() -> None:
    """Train the bundled detectors again, and draw their tasks."""


@command.command("train")
@click.option("--size", type=click.Choice(SIZES), required=True, help="Which of the two detectors.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where SIZE.onnx and the checkpoint are written.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other weights.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="CPU threads that train.",
)
def train(size: str, folder: Path, seed: int, threads: int) -> None:
    """Train one size from nothing: draw the images, train, write SIZE.onnx.

    Stopped with Ctrl-C it leaves a checkpoint; the same command goes on from there. Needs the extra `train`.
    """
    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"training needs {' and '.join(missing)}; run pip install 'pytest-rfperf[train]'"
        raise UsageError(msg)
    from pytest_rfperf.reference.training.run import Order, train as run  # noqa: PLC0415 - torch takes seconds to import

    progress = LineProgress()
    try:
        content = run(Order(size, seed, threads), folder, progress.show)
    except KeyboardInterrupt:
        progress.done()
        click.echo("stopped; the same command goes on from the checkpoint", err=True)
        raise SystemExit(_INTERRUPTED) from None
    progress.done()
    path = folder / f"{size}.onnx"
    write_atomically(path, content)
    click.echo(f"wrote {path} ({len(content) / 1e6:.2f} MB)")
    click.echo(f"compare it with the bundled one: rfperf reference compare {path}")
