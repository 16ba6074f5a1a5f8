"""What lies in the folder of baselines, and in the cache beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.store.kept_records import records_beside, records_cached

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_rfperf.store.baseline import Baseline

_DEPTH = 3
_SHA256 = re.compile(r"[0-9a-f]{64}")


def baseline_files(folder: Path) -> list[Path]:
    """Every baseline below a folder, in the order of their names; hidden files are none."""
    return [path for path in _files(folder, "*.json") if len(path.relative_to(folder).parts) == _DEPTH]


def misplaced_files(folder: Path) -> list[Path]:
    """JSON files that lie where no target, dataset and model would look for them."""
    return [path for path in _files(folder, "*.json") if len(path.relative_to(folder).parts) != _DEPTH]


def orphan_records(folder: Path, baselines: Mapping[Path, Baseline | None]) -> list[Path]:
    """Match records in the folder that no baseline uses; those beside one that cannot be read (None) are left alone."""
    named = {records_beside(path, one.records_sha256) for path, one in baselines.items() if one}
    unknown = [path for path, one in baselines.items() if one is None]
    return [
        path
        for path in _files(folder, "*.records")
        if path not in named
        and not any(path.parent == one.parent and path.name.startswith(f"{one.stem}.") for one in unknown)
    ]


def unnamed_copies(baselines: Mapping[Path, Baseline], more: Collection[str] = ()) -> list[Path]:
    """Folders of model files and large match records in the cache that none of these baselines names.

    `more` are hashes of model files that are named elsewhere.
    """
    artifacts = {run.artifact_sha256 for one in baselines.values() for run in one.runs} | set(more)
    records = {records_cached(one.records_sha256) for one in baselines.values()}
    copies = [path for path in _entries(cache_folder() / "artifacts") if _SHA256.fullmatch(path.name)]
    large = [path for path in _entries(records_cached("").parent) if _SHA256.fullmatch(path.stem)]
    return [path for path in copies if path.name not in artifacts] + [path for path in large if path not in records]


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file() and not path.name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
