"""Taking away what baselines need no more: old runs, match records that none names, copies in the cache."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pytest_rfperf.config import UrlArtifact
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.store.baseline import read_baseline, shown_path, without_old, write_runs
from pytest_rfperf.store.baseline_folder import baseline_files, orphan_records, unnamed_copies

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rfperf.config import Settings
    from pytest_rfperf.store.baseline import Baseline


class Pruning(NamedTuple):
    """What to take away.

    Attributes
    ----------
    keep : int or None
        Runs that stay in each file; all without.
    artifacts : bool
        Also what lies in the cache and neither these baselines nor the configuration name, which other projects may
        still want.
    dry : bool
        Only say what would go.
    """

    keep: int | None = None
    artifacts: bool = False
    dry: bool = False


def prune(settings: Settings, pruning: Pruning) -> list[str]:
    """Take away what is not needed; a line for each thing that went.

    Nothing goes where a baseline cannot be read: what it names is not known then.

    Raises
    ------
    StoreError
        If a baseline cannot be read, or a file cannot be written or deleted.
    UsageError
        If artefacts are to go where no baseline is: that would be the whole cache.
    """
    folder = settings.path(settings.run.baselines)
    read = {path: read_baseline(path) for path in baseline_files(folder)}
    before = {path: one for path, one in read.items() if one}
    if pruning.artifacts and not before:
        msg = (
            f"--artifacts: there is no baseline in {shown_path(folder, settings.root)}, so the whole cache would go, "
            f"other projects' files too; run it in the project whose baselines are to stay, or leave it out"
        )
        raise UsageError(msg)
    after = {path: _shortened(one, pruning.keep) for path, one in before.items()}
    verb = "would be " if pruning.dry else ""
    lines = []
    for path, baseline in after.items():
        gone = len(before[path].runs) - len(baseline.runs)
        if gone:
            lines.append(f"{verb}dropped: {gone} of {len(before[path].runs)} runs of {shown_path(path, settings.root)}")
            if not pruning.dry:
                write_runs(path, baseline.names, baseline.runs)
    unused = orphan_records(folder, after) + (unnamed_copies(after, _fetched(settings)) if pruning.artifacts else [])
    for path in unused:
        if not pruning.dry:
            _delete(path)
        lines.append(f"{verb}deleted: {shown_path(path, settings.root)}")
    return lines


def _fetched(settings: Settings) -> set[str]:
    """Hashes of the artefacts that the configuration names by an address: they were fetched into the cache."""
    sources = [model.baseline for model in settings.models.values()]
    return {source.sha256 for source in sources if isinstance(source, UrlArtifact)}


def _shortened(baseline: Baseline, keep: int | None) -> Baseline:
    """The newest runs, and whatever older one still gives the latest accuracy or the latest latency."""
    if keep is None:
        return baseline
    return msgspec.structs.replace(baseline, runs=without_old(baseline.runs, keep))


def _delete(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} cannot be deleted: {error.strerror or error}"
        raise StoreError(msg) from error
