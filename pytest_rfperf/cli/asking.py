"""What no flag named: asked at a terminal, else the one guess that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pytest_rfperf.errors import UsageError
from pytest_rfperf.starter.checkout import shown_path
from pytest_rfperf.starter.choice import RUNNERS
from pytest_rfperf.starter.given import existing, named_dataset, named_models
from pytest_rfperf.starter.sizes import PAIR, smallest_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.starter.choice import Runner
    from pytest_rfperf.starter.discovery import Found

_NONE = "-"


class Asker:
    """Chooses among what was found.

    Parameters
    ----------
    folder : Path
        What paths are shown and read relative to.
    found : Found
    interactive : bool
        Whether somebody is there to answer.
    guess : bool
        Whether the first guess is good enough where there are several.
    """

    def __init__(self, folder: Path, found: Found, *, interactive: bool, guess: bool) -> None:
        """Ask nothing yet."""
        self._folder = folder
        self._found = found
        self._interactive = interactive
        self._guess = guess

    def models(self) -> tuple[list[tuple[str, Path]], str]:
        """One or two files with their names, smallest first, and what that order was taken from."""
        files, _ = smallest_first(self._found.models)
        ends = files if len(files) <= len(PAIR) else [files[0], files[-1]]
        if self._interactive:
            first, second = [*ends, None, None][:2]
            small = self._asked("Model, an ONNX file (the smaller of two)", first)
            large = self._asked(f"A larger one to compare it with ({_NONE} for none)", second, optional=True)
            ends = [path for path in (small, large) if path]
        elif not files:
            msg = f"no ONNX file below {self._folder}; name one with --model [NAME=]PATH"
            raise UsageError(msg)
        elif len(files) > len(PAIR):
            self._choose_first("ONNX files", files, "--model")
        return named_models([str(path) for path in ends], self._folder)

    def dataset(self) -> tuple[str, Path]:
        """One annotated folder with its name."""
        folders = self._found.datasets
        chosen = folders[0] if folders else None
        if self._interactive:
            chosen = self._asked("Annotated images, a folder", chosen)
        elif not folders:
            msg = f"no COCO, YOLO or VOC folder below {self._folder}; name one with --data [NAME=]PATH"
            raise UsageError(msg)
        elif len(folders) > 1:
            self._choose_first("datasets", folders, "--data")
        return named_dataset(str(chosen), self._folder)

    def runner(self) -> Runner:
        """Whose machine CI runs on; a shared one where nobody says."""
        if not self._interactive:
            click.echo("guess: CI runs on a shared runner, where milliseconds mean little (else --runner owned)")
            return "shared"
        question = "Does CI run on a shared runner, or on a machine that you own?"
        answer: Runner = click.prompt(question, type=click.Choice(RUNNERS), default=RUNNERS[0])
        return answer

    def _asked(self, question: str, guess: Path | None, *, optional: bool = False) -> Path | None:
        """A path that is there, or None where that is an answer."""
        default = self._shown([guess])[0] if guess else _NONE if optional else None

        def checked(answer: str) -> Path | None:
            if guess and answer == default:
                return guess
            try:
                return None if optional and answer == _NONE else existing(answer, self._folder, "path")
            except UsageError as error:
                raise click.BadParameter(str(error)) from None

        answer: Path | None = click.prompt(question, default=default, value_proc=checked)
        return answer

    def _choose_first(self, what: str, paths: Sequence[Path], flag: str) -> None:
        """Refuse to choose among several, unless any guess will do."""
        if not self._guess:
            found = ", ".join(self._shown(paths))
            msg = f"several {what}: {found}; name those to gate with {flag}, or take the first guess with --yes"
            raise UsageError(msg)

    def _shown(self, paths: Sequence[Path]) -> list[str]:
        return [shown_path(path, self._folder, self._folder) for path in paths]
