"""rfperf reference: make the bundled detectors again, compare them, and draw what they are for."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click

from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import SIZES, TASKS, artifact
from pytest_rfperf.store.atomic import write_atomically

_MB = 1e6
_ROW = "{:<12}{:>13}{:>8}{:>11}{:>8}{:>15}"


@click.group("reference")
def command() -> None:
    """Train the bundled detectors again, compare what came out, and draw their tasks."""


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
    _require("torch", "onnx")
    from pytest_rfperf.reference.training.run import CHECKPOINT, Order  # noqa: PLC0415 - torch takes seconds to import
    from pytest_rfperf.reference.training.run import train as run  # noqa: PLC0415 - torch takes seconds to import

    progress = stderr_progress()
    try:
        content = run(Order(size, seed, threads), folder, progress.show)
    except KeyboardInterrupt:
        progress.done()
        kept = (folder / CHECKPOINT.format(size=size)).is_file()
        said = "the same command goes on from the checkpoint" if kept else "training had not begun, and nothing is kept"
        click.echo(f"stopped; {said}", err=True)
        raise SystemExit(INTERRUPTED) from None
    progress.done()
    path = _written(folder / f"{size}.onnx", content)
    click.echo(f"next: rfperf reference compare {path} --size {size}")


@command.command("quantise")
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=artifact("fast"))
@click.option(
    "--out", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
def quantise(model: Path, path: Path) -> None:
    """Make the demo's bad release of MODEL, the bundled fast one without it. Needs the extra `train`."""
    _require("onnx")
    from pytest_rfperf.reference.training.quantise import carelessly_quantised  # noqa: PLC0415 - needs the extra

    _written(path, carelessly_quantised(model))


@command.command("compare")
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--size", type=click.Choice(SIZES), required=True, help="The bundled detector to compare with.")
def compare(model: Path, size: str) -> None:
    """Compare MODEL with the bundled detector by its AP on every task.

    Ends with 1 where the mean differs by more than 0.015 or a task by more than 0.03.
    """
    from pytest_rfperf.workshop.likeness import likeness  # noqa: PLC0415 - --help stays quick

    progress = stderr_progress()
    found = likeness(artifact(size), model, progress)
    progress.done()
    click.echo(_ROW.format("task", "bundled AP50", "AP", "this AP50", "AP", "AP differs by"))
    for task in TASKS:
        aps = (found.bundled_ap50, found.bundled, found.trained_ap50, found.trained)
        click.echo(_ROW.format(task, *(f"{ap[task]:.4f}" for ap in aps), f"{found.differences[task]:+.4f}"))
    click.echo(_ROW.format("mean", "", "", "", "", f"{found.mean_difference:+.4f}"))
    if not found.alike:
        click.echo("not alike: more than 0.015 on the mean, or 0.03 on a task", err=True)
        raise SystemExit(FAILED)
    click.echo("alike: within 0.015 on the mean and 0.03 on each task")


@command.command("picture")
@click.option(
    "--out", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The JPEG file to write."
)
def picture(path: Path) -> None:
    """Draw one image a task with what either bundled detector finds and misses."""
    from pytest_rfperf.workshop.picture import picture as drawn  # noqa: PLC0415 - --help stays quick

    progress = stderr_progress()
    content = drawn(progress)
    progress.done()
    _written(path, content)


def _require(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"this needs {' and '.join(missing)}; run pip install 'pytest-rfperf[train]'"
        raise UsageError(msg)


def _written(path: Path, content: bytes) -> Path:
    write_atomically(path, content)
    click.echo(f"wrote {path} ({len(content) / _MB:.2f} MB)")
    return path
