"""What was named on the command line: [NAME=]PATH, [MODEL=]DECODER and the like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rfperf.config import ModelSettings
from pytest_rfperf.decoders.labels import BUILT_IN
from pytest_rfperf.errors import UsageError
from pytest_rfperf.starter.checkout import repository_of, shown_path
from pytest_rfperf.starter.sizes import fit_name, named

if TYPE_CHECKING:
    from collections.abc import Sequence


def named_models(texts: Sequence[str], folder: Path) -> tuple[list[tuple[str, Path]], str]:
    """Names and files, smallest first, and what that order was taken from.

    Raises
    ------
    UsageError
        If there is no such file, or two have the same name.
    """
    pairs = [_parted(text) for text in texts]
    files = [(name, existing(path, folder, "--model")) for name, path in pairs]
    for _, path in files:
        if not path.is_file():
            msg = f"--model {path}: a folder; name an ONNX file"
            raise UsageError(msg)
    return named(files)


def named_dataset(text: str, folder: Path) -> tuple[str, Path]:
    """Name and place of a dataset, called after its folder unless it is named.

    Raises
    ------
    UsageError
        If it is not there.
    """
    name, path = _parted(text)
    place = existing(path, folder, "--data")
    return name or fit_name(place.stem if place.is_file() else place.name, "data"), place


def model_settings(
    files: Sequence[tuple[str, Path]], decoders: Sequence[str], labels: Sequence[str], folder: Path
) -> dict[str, ModelSettings]:
    """The tables of the models, paths as the configuration writes them.

    Raises
    ------
    UsageError
        If a decoder or labels are for a model that is not there.
    """
    names = [name for name, _ in files]
    decoder_of, labels_of = _by_model("--decoder", decoders, names), _by_model("--labels", labels, names)
    repository = repository_of(folder)
    return {
        name: ModelSettings(
            artifact=shown_path(path, folder, repository),
            decoder=decoder_of.get(name),
            labels=_labels(labels_of[name], folder, repository) if name in labels_of else None,
        )
        for name, path in files
    }


def existing(text: str, folder: Path, flag: str) -> Path:
    """A path that is there, relative to where the command runs or to the project's folder.

    Raises
    ------
    UsageError
        If there is none.
    """
    for place in (Path.cwd(), folder):
        path = Path(os.path.normpath(place / Path(text).expanduser()))
        if path.exists():
            return path if path.is_relative_to(folder) else path.resolve()
    msg = f"{flag} {text}: no such file or folder, neither here nor in {folder}"
    raise UsageError(msg)


def valid_name(text: str, flag: str) -> str:
    """A name that the configuration takes.

    Raises
    ------
    UsageError
        If it has characters that a name may not have.
    """
    if fit_name(text, "") != text:
        msg = f"{flag} {text}: a name is made of letters, digits and _ . + -"
        raise UsageError(msg)
    return text


def _parted(text: str) -> tuple[str, str]:
    """Name and rest; the name is empty where what stands before the first = could not be one."""
    name, equals, rest = text.partition("=")
    return (name, rest) if equals and name and fit_name(name, "") == name else ("", text)


def _by_model(flag: str, texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """What was given for one model, or without a name for all."""
    given: dict[str, str] = {}
    for name, value in map(_parted, texts):
        if name and name not in names:
            msg = f"{flag} {name}={value}: no model of that name; known: {', '.join(names)}"
            raise UsageError(msg)
        given |= {name: value} if name else dict.fromkeys(names, value)
    return given


def _labels(text: str, folder: Path, repository: Path) -> str:
    return text if text in BUILT_IN else shown_path(existing(text, folder, "--labels"), folder, repository)
