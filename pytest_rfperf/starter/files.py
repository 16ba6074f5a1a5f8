"""Writing several files: all of them, or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.store.atomic import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse to overwrite anything, unless that is what was asked for.

    Raises
    ------
    UsageError
        Naming every file that is there.
    """
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        msg = f"{' and '.join(there)} {'are' if len(there) > 1 else 'is'} there already; move it away, or give --force"
        raise UsageError(msg)


def refuse_unwritable(paths: Iterable[Path]) -> None:
    """Find out before any work is done that a file cannot be written.

    Raises
    ------
    StoreError
        Naming the file and what stands in its way.
    """
    for path in paths:
        place = next(parent for parent in path.parents if parent.exists())
        why = ""
        if path.is_dir():
            why = "it is a folder"
        elif not place.is_dir():
            why = f"{place} is no folder"
        elif not os.access(place, os.W_OK):
            why = f"nothing may be written to {place}"
        if why:
            msg = f"{path} cannot be written: {why}"
            raise StoreError(msg)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write every file; where one cannot be written, those before it are put back as they were.

    Raises
    ------
    StoreError
        Of the file that could not be written.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in contents}
    new_folders = [folder for path in contents for folder in path.parents if not folder.exists()]
    written: list[Path] = []
    try:
        for path, content in contents.items():
            write_atomically(path.resolve(), content)
            written.append(path)
    except BaseException:
        for path in written:
            _put_back(path, before[path])
        for folder in sorted(set(new_folders), key=lambda folder: -len(folder.parts)):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _put_back(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path.resolve(), content)
