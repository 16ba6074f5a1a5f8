"""Whether baselines still say what was recorded: every seal, figure and file of theirs computed again."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.errors import RfperfError, StoreError
from pytest_rfperf.session.recorder import summary_values
from pytest_rfperf.store.artifacts import kept_copy, sha256_of
from pytest_rfperf.store.baseline import baseline_path, decode_baseline, shown_path
from pytest_rfperf.store.baseline_folder import baseline_files, misplaced_files, orphan_records
from pytest_rfperf.store.kept_records import MOST_BESIDE, read_records, records_cached
from pytest_rfperf.store.match_records import unpack_records
from pytest_rfperf.store.seal import figure_faults, seal_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_rfperf.config import Settings
    from pytest_rfperf.store.baseline import Baseline, StoredAccuracy, StoredRun

_SHOWN = 12
_EXACT = 1e-12
"""The last bits of a mean may depend on the processor; an edit is larger."""


@dataclass
class Verified:
    """What was computed again, what is wrong, and what could not be looked at."""

    checked: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def verify(settings: Settings, say: Callable[[str], None]) -> Verified:
    """Check every baseline of a project; `say` is told which one.

    Returns
    -------
    Verified
        `faults` name the file, the field and both values.
    """
    folder, found = settings.path(settings.run.baselines), Verified()
    baselines: dict[Path, Baseline | None] = {}
    for path in baseline_files(folder):
        say(f"verifying {shown_path(path, settings.root)}")
        baselines[path] = _verified_file(path, settings, found)
    for path in misplaced_files(folder):
        where = shown_path(path, settings.root)
        found.faults.append(f"{where} lies where no target, dataset and model would look for it; move or delete it")
    for path in orphan_records(folder, baselines):
        found.faults.append(f"{shown_path(path, settings.root)} is named by no baseline; run rfperf baselines prune")
    _verify_copies([one for one in baselines.values() if one], found, say)
    return found


def value_faults(accuracy: StoredAccuracy, content: bytes, where: str) -> list[str]:
    """The values of an accuracy pass that its match records contradict, with both values.

    Raises
    ------
    StoreError
        If the content holds no match records.
    """
    records, _ = unpack_records(content, where)
    most = records.max_detections
    given = summary_values(accumulate(records, max_detections=sorted({1, min(10, most), most})))
    return [
        f"{name} is {accuracy.values.get(name, 'missing')}, its match records give {value}"
        for name, value in given.items()
        if not math.isclose(accuracy.values.get(name, math.nan), value, rel_tol=0, abs_tol=_EXACT)
    ]


def _verified_file(path: Path, settings: Settings, found: Verified) -> Baseline | None:
    shown = shown_path(path, settings.root)
    try:
        baseline = decode_baseline(path)
    except StoreError as error:
        found.faults.append(str(error).replace(str(path), shown))
        return None
    found.checked["files"] += 1
    place = baseline_path(settings.path(settings.run.baselines), baseline.target, baseline.dataset, baseline.model)
    if place != path:
        what = f"{baseline.model} on {baseline.target}/{baseline.dataset}"
        found.faults.append(f"{shown} is that of {what}, whose place is {shown_path(place, settings.root)}")
    in_use = baseline.run_of_records
    found.checked["runs"] += len(baseline.runs)
    for run in baseline.runs:
        faults = list(_run_faults(run, path, found, in_use=run is in_use, shown=f"{shown}, the run of {run.recorded}"))
        seal = seal_fault(run, baseline.names)
        if seal or faults:
            edited = "was edited by hand: " if seal else ""
            found.faults.append(f"{shown}: the run of {run.recorded} {edited}{'; '.join(faults) or seal}")
    return baseline


def _run_faults(run: StoredRun, path: Path, found: Verified, *, in_use: bool, shown: str) -> Iterator[str]:
    """What the samples and the match records of a run contradict."""
    yield from figure_faults(run)
    with_samples = [latency for latency in run.latency if latency.samples]
    found.checked["latencies from samples"] += len(with_samples)
    for latency in run.latency:
        if not latency.samples and latency.calls:
            found.unchecked.append(f"{shown}: latency '{latency.shape}' was kept without its samples")
    if in_use and run.accuracy is not None:
        yield from _accuracy_faults(run.accuracy, path, found, shown)


def _accuracy_faults(accuracy: StoredAccuracy, path: Path, found: Verified, shown: str) -> Iterator[str]:
    if accuracy.records_bytes > MOST_BESIDE and not records_cached(accuracy.records_sha256).is_file():
        size = f"{accuracy.records_bytes / 1e6:.1f} MB"
        found.unchecked.append(f"{shown}: its match records ({size}) stayed on the machine that recorded them")
        return
    try:
        content, where = read_records(path, accuracy.records_sha256)
        yield from value_faults(accuracy, content, where)
    except StoreError as error:
        yield str(error)
    else:
        found.checked["accuracies from match records"] += 1


def _verify_copies(baselines: list[Baseline], found: Verified, say: Callable[[str], None]) -> None:
    """Hash again what recording kept of the model files, as far as this machine has it."""
    for sha256 in sorted({run.artifact_sha256 for one in baselines for run in one.runs}):
        copy = kept_copy(sha256)
        if not copy.is_file():
            found.unchecked.append(f"the artefact of sha256 {sha256[:_SHOWN]}: no copy in the cache of this machine")
            continue
        say(f"hashing artefact {sha256[:_SHOWN]}")
        try:
            now = sha256_of(copy)
        except RfperfError as error:
            found.faults.append(str(error))
            continue
        found.checked["copies of artefacts"] += 1
        if now != sha256:
            was = f"its sha256 was {sha256[:_SHOWN]}, its content gives {now[:_SHOWN]}"
            found.faults.append(f"{copy} is not what was recorded: {was}; delete the folder {copy.parent}")
