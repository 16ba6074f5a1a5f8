"""ONNX files and annotated folders below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.datasets.annotated import image_files
from pytest_rfperf.registry import known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GROUP = "rfperf.datasets"
_NOT_OURS = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist", "baselines"})
_ENVIRONMENT = "pyvenv.cfg"


class Found(msgspec.Struct, frozen=True):
    """What lies below a folder, the shallowest first.

    Attributes
    ----------
    models : tuple of Path
        ONNX files.
    datasets : tuple of Path
        Folders that a dataset format recognises, and that hold images.
    """

    models: tuple[Path, ...]
    datasets: tuple[Path, ...]


def look_around(folder: Path, say: Callable[[str], None]) -> Found:
    """Walk down the folder; hidden folders, virtual environments and what tools leave behind are passed by.

    Links are followed. Nothing is looked for inside a dataset that was found.
    """
    models: list[Path] = []
    datasets: list[Path] = []
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        say(f"looking for models and data in {folder}: {len(seen)} folders")
        if here.resolve() in seen or _ENVIRONMENT in files:
            folders.clear()
            continue
        seen.add(here.resolve())
        models += [here / name for name in files if name.lower().endswith(".onnx")]
        if is_dataset(here):
            datasets.append(here)
            folders[:] = [] if here != folder else folders
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _NOT_OURS)
    return Found(_shallowest_first(models), _outermost(_shallowest_first(datasets)))


def is_dataset(folder: Path) -> bool:
    """Whether a format recognises the folder, with images where it says that they are.

    The images tell a folder of VOC annotations from one where a test report, XML too, was left.
    """
    for adapter in known(_GROUP).values():
        recognised = adapter.load().recognises(folder)
        if recognised is not None:
            images = Path(recognised.get("images", folder))
            return images.is_dir() and bool(image_files(images))
    return False


def _shallowest_first(paths: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(sorted(paths, key=lambda path: (len(path.parts), path)))


def _outermost(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Without those that lie in another one: a split of an export is no dataset of its own."""
    return tuple(folder for folder in folders if not any(parent in folders for parent in folder.parents))
