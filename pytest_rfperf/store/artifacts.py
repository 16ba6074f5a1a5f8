"""Model files by the hash of their bytes, so that a baseline's artefact can be measured again."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import ModelError, StoreError
from pytest_rfperf.store.lfs_pointer import read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 2**20
_LOCATION = re.compile(rb"\n\x08location\x12([\x01-\x7f])", re.DOTALL)
"""How a TensorProto names its file of external weights: an entry of the key "location" and a short value."""


def named_files(artifact: Path) -> list[Path]:
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
    folder = artifact.parent.resolve()
    beside = {(folder / name).resolve() for name in external_names(content)}
    return [artifact, *sorted(path for path in beside if path.is_file() and path.is_relative_to(folder))]


def artifact_files(artifact: Path) -> list[Path]:
    """All files of a model, each with its bytes.

    Raises
    ------
    ModelError
        If one of the files cannot be read, or is a Git LFS pointer.
    """
    files = named_files(artifact)
    for file in files:
        with _readable(file):
            pointer = read_pointer(file)
        if pointer:
            msg = f"model file {file} is a Git LFS pointer, not the model itself ({pointer}); run `git lfs pull`"
            raise ModelError(msg)
    return files


def external_names(content: bytes) -> set[str]:
    """The files of external weights that an ONNX file names, as it names them."""
    names = {content[m.end() : m.end() + m[1][0]].decode(errors="replace") for m in _LOCATION.finditer(content)}
    return {name for name in names if "\0" not in name}


def sha256_of(artifact: Path) -> str:
    """Hash of a model's bytes: of the file, or of the hashes of all its files where weights are external.

    Raises
    ------
    ModelError
        If a file cannot be read.
    """
    digests = []
    for path in artifact_files(artifact):
        with _readable(path):
            digests.append(file_sha256(path))
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"model file {path} cannot be read ({error.strerror or error}); correct its permissions"
        raise ModelError(msg) from error


def kept_copy(sha256: str) -> Path:
    """Where the cache keeps the model file of a hash."""
    return cache_folder() / "artifacts" / sha256 / "model.onnx"


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
    kept = kept_copy(sha256)
    if kept.is_file():
        return kept
    place = kept.parent
    with _scratch_beside(place) as temporary:
        for path in artifact_files(artifact)[1:]:
            copy = temporary / path.relative_to(artifact.parent.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copyfile(artifact, temporary / "model.onnx")
        if sha256_of(temporary / "model.onnx") != sha256:
            msg = f"{artifact} changed while it was measured; measure it again"
            raise StoreError(msg)
        _put(temporary, place)
    return place / "model.onnx"


@contextlib.contextmanager
def _scratch_beside(place: Path) -> Iterator[Path]:
    """A new folder on the same disk, taken away at the end if it is still there."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=place.parent, prefix=f"{place.name}.", suffix=".part", ignore_cleanup_errors=True
        ) as private:
            # The folder inside has the usual permissions, the private one is for its maker alone.
            folder = Path(private) / "files"
            folder.mkdir()
            yield folder
    except OSError as error:
        msg = f"{place} cannot be written: {error.strerror or error}"
        raise StoreError(msg) from error


def _put(temporary: Path, place: Path) -> None:
    try:
        temporary.replace(place)
    except OSError:
        # Another process may have kept the same bytes meanwhile.
        if not (place / "model.onnx").is_file():
            raise


def file_sha256(path: Path) -> str:
    """Hash of one file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
