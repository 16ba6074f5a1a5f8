"""rfperf init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_rfperf.cli.asking import Asker
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.errors import UsageError
from pytest_rfperf.starter.checkout import left_out, repository_of, shown_path
from pytest_rfperf.starter.choice import RUNNERS, Choice
from pytest_rfperf.starter.configuration import configuration_file
from pytest_rfperf.starter.discovery import Found, look_around
from pytest_rfperf.starter.files import refuse_existing, refuse_unwritable, write_all
from pytest_rfperf.starter.gates_file import gates_file
from pytest_rfperf.starter.given import model_settings, named_dataset, named_models, valid_name
from pytest_rfperf.starter.limits import limits_of
from pytest_rfperf.starter.root import collected_paths, pytest_root
from pytest_rfperf.starter.sizes import size_bytes
from pytest_rfperf.starter.workflow import PLACE, workflow

if TYPE_CHECKING:
    from pytest_rfperf.report.progress import LineProgress
    from pytest_rfperf.starter.choice import Runner
    from pytest_rfperf.starter.measurement import Figures, Measured

_LOW_AP = 0.05
_MB = 10**6


@click.command("init")
@click.option(
    "--model", "models", multiple=True, metavar="[NAME=]PATH", help="An ONNX file; again for more, smallest first."
)
@click.option("--data", metavar="[NAME=]PATH", help="A COCO, YOLO, VOC or Roboflow folder.")
@click.option("--runner", type=click.Choice(RUNNERS), help="CI on a shared runner, or on a machine that you own.")
@click.option("--target", default="cpu", show_default=True, metavar="NAME", help="What --target will say.")
@click.option("--decoder", "decoders", multiple=True, metavar="[MODEL=]NAME", help="Where no file says what it is.")
@click.option("--labels", multiple=True, metavar="[MODEL=]LIST", help="coco80, coco91 or a file of names.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The project's root; the current folder without it.",
)
@click.option("--measure/--no-measure", default=True, show_default=True, help="Take the limits from a short run here.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option("--yes", is_flag=True, help="Ask nothing; take every guess.")
def command(  # noqa: PLR0913 - one an option
    *,
    models: tuple[str, ...],
    data: str | None,
    runner: Runner | None,
    target: str,
    decoders: tuple[str, ...],
    labels: tuple[str, ...],
    folder: Path,
    measure: bool,
    force: bool,
    yes: bool,
) -> None:
    """Write the configuration, the tests and the CI workflow for your own models.

    Looks below the folder for ONNX files and annotated images, asks where there is a choice, measures for a
    moment, and writes limits that your models keep today. All files are written or none, and none that is
    there is overwritten.
    """
    root = _root(folder.resolve())
    repository = repository_of(root)
    tests = root / ("tests" if (root / "tests").is_dir() else "") / "test_release.py"
    ci = repository / PLACE
    refuse_existing([tests, ci], force=force)
    refuse_unwritable([tests, ci])
    progress = stderr_progress()
    found = Found((), ()) if models and data else look_around(root, progress.show)
    progress.done()
    asker = Asker(root, found, interactive=sys.stdin.isatty() and not yes, guess=yes)
    files, why = named_models(models, root) if models else asker.models()
    dataset, images = named_dataset(data, root) if data else asker.dataset()
    choice = Choice(
        root,
        repository,
        model_settings(files, decoders, labels, root),
        dataset,
        shown_path(images, root, repository),
        valid_name(target, "--target"),
        runner or asker.runner(),
    )
    configuration_file(choice, force=force)
    choice = _opened(choice, why, progress)
    measured = _measured(choice, progress) if measure else None
    path, content = configuration_file(choice, force=force)
    write_all({path: content, tests: _gates(choice, measured).encode(), ci: workflow(choice, tests).encode()})
    for written in (path, tests, ci):
        click.echo(f"wrote {shown_path(written, Path.cwd(), Path.cwd())}")
    _say_what_is_left(choice, measured, tests)


def _root(folder: Path) -> Path:
    """The folder itself, refused where pytest would look for the configuration elsewhere."""
    root = pytest_root(folder)
    if root != folder:
        msg = f"pytest takes {root} as the root of {folder}, and reads the configuration there; give --folder {root}"
        raise UsageError(msg)
    return folder


def _opened(choice: Choice, why: str, progress: LineProgress) -> Choice:
    """The choice once all of it has been opened, said aloud with every guess."""
    from pytest_rfperf.starter.measurement import open_all  # noqa: PLC0415 - --help stays quick

    for name, model in choice.models.items():
        click.echo(f"model {name}: {model.artifact} ({size_bytes(choice.artifact(name)) / _MB:.3g} MB)")
    if why:
        click.echo(f"guess: {next(iter(choice.models))} is the smallest, by {why} (else --model NAME=PATH)")
    opened = open_all(choice, progress)
    click.echo(f"dataset {choice.dataset}: {choice.data} ({opened.dataset})")
    for guess in opened.guesses:
        click.echo(f"guess: {guess}")
    return opened.choice


def _measured(choice: Choice, progress: LineProgress) -> Measured:
    from pytest_rfperf.starter.measurement import measure  # noqa: PLC0415 - --help stays quick

    measured = measure(choice, progress)
    click.echo(f"measured on {measured.where}")
    for name, figures in measured.figures.items():
        click.echo(f"  {name}: {_shown(figures, list(choice.models)[-1])}")
    return measured


def _gates(choice: Choice, measured: Measured | None) -> str:
    limits = {
        name: limits_of(choice, name, size_bytes(choice.artifact(name)), measured.figures[name] if measured else None)
        for name in choice.models
    }
    return gates_file(limits, measured.where if measured else "")


def _shown(figures: Figures, largest: str) -> str:
    latency = "calls failed" if figures.p95_ms is None else f"p95 {figures.p95_ms:.3g} ms"
    ratio = "" if figures.ratio is None else f", {figures.ratio:.3g} times the service time of {largest}"
    return f"AP {figures.ap:.3f}, {latency}{ratio}"


def _say_what_is_left(choice: Choice, measured: Measured | None, tests: Path) -> None:
    """Warn of what looks wrong, say what the gates do not hold, and name the next command."""
    if measured is None:
        click.echo("note: nothing was measured, so the limits are loose; set them a little under what pytest shows")
    for warning in _warnings(choice, measured) if measured else ():
        click.echo(f"warning: {warning}")
    if choice.runner == "shared" and len(choice.models) == 1:
        click.echo(
            "note: no gate holds the speed: on a shared runner it needs a second model to compare with "
            "(--model accurate=PATH), or a machine of your own (--runner owned)"
        )
    for path in left_out(choice):
        click.echo(f"note: CI needs {path}, which no checkout brings: commit it, or fetch it in {PLACE.as_posix()}")
    listed = collected_paths(choice.folder)
    inside = tests.relative_to(choice.folder)
    seen = not listed or any(inside.is_relative_to(Path(path)) for path in listed)
    click.echo(f"next: pytest --target={choice.target}{'' if seen else f' {inside.as_posix()}'}")


def _warnings(choice: Choice, measured: Measured) -> list[str]:
    """Figures that hardly anybody wants."""
    figures = measured.figures
    found = [
        f"AP {figures[name].ap:.3f} of {name} is next to nothing: are its decoder, labels and preprocess keys right?"
        for name in choice.models
        if figures[name].ap < _LOW_AP
    ]
    largest = list(choice.models)[-1]
    for name in list(choice.models)[:-1]:
        ratio = figures[name].ratio
        if ratio is not None and ratio > 1:
            found.append(f"{name} is slower than {largest} here, {ratio:.3g} times")
        if figures[name].ap > figures[largest].ap:
            found.append(f"{name} is more accurate than {largest} here")
    return found
