"""Model files by the hash of their bytes, so that a baseline's artefact can be measured again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import platformdirs

from pytest_rfperf.errors import ModelError, StoreError

CACHE_VARIABLE = "RFPERF_CACHE"
_CHUNK = 2**20


def cache_folder() -> Path:
    """The folder of the user's cache, or the one that RFPERF_CACHE names."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("rfperf"))


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        msg = f"model file {path} cannot be read ({error.strerror}); set `artifact` of the model to an ONNX file"
        raise ModelError(msg) from error
    return digest.hexdigest()


def keep(artifact: Path, sha256: str) -> Path:
    """Copy an artefact into the cache under its hash; a copy that is there is left alone.

    Raises
    ------
    StoreError
        If the copy cannot be written, or the file has changed since it was hashed.
    """
    place = cache_folder() / "artifacts" / f"{sha256}.onnx"
    if place.is_file():
        return place
    temporary = place.with_suffix(f".{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact, temporary)
        if sha256_of(temporary) != sha256:
            msg = f"{artifact} changed while it was measured; measure it again"
            raise StoreError(msg)
        temporary.replace(place)
    except OSError as error:
        msg = f"{place} cannot be written: {error.strerror or error}"
        raise StoreError(msg) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return place
