"""Model files by the hash of their bytes, so that a baseline's artefact can be measured again."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import ModelError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 2**20
_LOCATION = re.compile(rb"\n\x08location\x12([\x01-\x7f])", re.DOTALL)
"""How a TensorProto names its file of external weights: an entry of the key "location" and a short value."""


def artifact_files(artifact: Path) -> list[Path]:
    """The ONNX file, and the files of external weights that it names and that lie in its folder.

    Raises
    ------
    ModelError
        If the artefact cannot be read.
    """
    try:
        content = artifact.read_bytes()
    except OSError as error:
        msg = f"model file {artifact} cannot be read ({error.strerror}); set `artifact` of the model to an ONNX file"
        raise ModelError(msg) from error
    names = {content[m.end() : m.end() + m[1][0]].decode(errors="replace") for m in _LOCATION.finditer(content)}
    folder = artifact.parent.resolve()
    beside = {(folder / name).resolve() for name in names if "\0" not in name}
    return [artifact, *sorted(path for path in beside if path.is_file() and path.is_relative_to(folder))]


def sha256_of(artifact: Path) -> str:
    """Hash of a model's bytes: of the file, or of the hashes of all its files where weights are external.

    Raises
    ------
    ModelError
        If a file cannot be read.
    """
    digests = [_digest(path) for path in artifact_files(artifact)]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def keep(artifact: Path, sha256: str) -> Path:
    """Copy an artefact and its external weights into the cache, in a folder of its hash.

    Returns
    -------
    Path
        The copy of the ONNX file; a copy that is there is left alone.

    Raises
    ------
    StoreError
        If the copy cannot be written, or the file has changed since it was hashed.
    """
    place = cache_folder() / "artifacts" / sha256
    if (place / "model.onnx").is_file():
        return place / "model.onnx"
    temporary = place.with_name(f"{sha256}.{os.getpid()}.part")
    try:
        temporary.mkdir(parents=True)
        for path in artifact_files(artifact)[1:]:
            copy = temporary / path.relative_to(artifact.parent.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copyfile(artifact, temporary / "model.onnx")
        if sha256_of(temporary / "model.onnx") != sha256:
            msg = f"{artifact} changed while it was measured; measure it again"
            raise StoreError(msg)
        temporary.replace(place)
    except OSError as error:
        msg = f"{place} cannot be written: {error.strerror or error}"
        raise StoreError(msg) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place / "model.onnx"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
