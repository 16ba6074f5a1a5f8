"""What a checkout of the repository in CI brings, and what it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rfperf.starter.choice import Choice

_PATIENCE_S = 10


def repository_of(folder: Path) -> Path:
    """The nearest folder upwards that holds .git; the folder itself without one."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def shown_path(path: Path, folder: Path, repository: Path) -> str:
    """A path for the configuration: relative inside the repository, absolute outside, with forward slashes."""
    if _within(path, folder) or _within(path, repository):
        return Path(os.path.relpath(path, folder)).as_posix()
    return path.as_posix()


def left_out(choice: Choice) -> tuple[str, ...]:
    """Configured paths that lie outside the repository, or that git ignores."""
    paths = [*(model.artifact for model in choice.models.values()), choice.data]
    places = {text: choice.folder / text for text in paths}
    return tuple(
        text
        for text, place in places.items()
        if not _within(place.resolve(), choice.repository) or _ignored(place, choice.repository)
    )


def keeps_large_files(repository: Path) -> bool:
    """Whether files are kept in Git LFS, which a checkout leaves out unless it is asked."""
    try:
        return "filter=lfs" in (repository / ".gitattributes").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _within(path: Path, folder: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(folder)


def _ignored(path: Path, repository: Path) -> bool:
    git = shutil.which("git")
    if git is None or not (repository / ".git").exists():
        return False
    command = [git, "-C", str(repository), "check-ignore", "--quiet", "--", os.path.normpath(path)]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE_S).returncode == 0  # noqa: S603 - no shell, and `--` before the path
    except (OSError, subprocess.TimeoutExpired):
        return False
