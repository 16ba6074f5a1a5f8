"""Baselines: `baselines/<target>/<dataset>/<model>.json`, one file a reference, made to be read in a diff."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import msgspec

from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.atomic import write_atomically
from pytest_rfperf.store.seal import seal_fault, seal_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SCHEMA = 2
MOST_RUNS = 20
MAX_BYTES = 2 * 10**6
_UNSAFE = re.compile(r"[^\w.+-]")
REMEDY = (
    "restore the file from version control, measure the old artefact again with rfperf baselines refresh, or delete "
    "the file and record anew: pytest --rfperf-record"
)
"""What to do about a file that was edited."""
_SHA256 = "^[0-9a-f]{64}$"
_PERHAPS_SHA256 = "^([0-9a-f]{64})?$"


class StoredLatency(msgspec.Struct, frozen=True, kw_only=True):
    """One latency run: figures for the reader, raw samples for a later statistic.

    `protocol` must be equal for two runs to be comparable. A percentile of failed requests is null. `clean_p50_ms` is
    the median of the calls that had a CPU for themselves; null where that cannot be observed.
    """

    shape: str
    calls: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    clean_p50_ms: float | None = None
    protocol: dict[str, str]
    samples: str


class StoredAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """One accuracy pass: the twelve COCO values by name, -1 where undefined.

    `protocol` must be equal for two passes to be comparable, and where the file is the same, `model` too.
    `records_sha256` is the hash of the match records; empty where none were kept. Those of the newest run that has some
    lie beside the file, or in the cache where `records_bytes` are too many; those of older runs are gone.
    """

    images: int
    values: dict[str, float]
    protocol: dict[str, str]
    model: dict[str, str] = {}
    records_sha256: Annotated[str, msgspec.Meta(pattern=_PERHAPS_SHA256)] = ""
    records_bytes: int = 0


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one recording session measured of one model on one target and dataset.

    Attributes
    ----------
    recorded, recorded_by : str
        When it was written here, and by whom.
    run, commit : str
        The session that measured it, and the commit of the project at that time, with "+changes" where files differed
        from it; no commit without git.
    artifact, artifact_sha256 : str
    environment : dict
    verdicts : list of str
        What every gate said.
    despite, reason : str
        The gates that failed and were accepted, and why; empty where all passed.
    latency, accuracy, others
        The figures.
    seal : str
        Hash over all else, see `store.seal`.
    """

    recorded: str
    artifact: str
    artifact_sha256: Annotated[str, msgspec.Meta(pattern=_SHA256)]
    environment: dict[str, str]
    verdicts: list[str]
    latency: list[StoredLatency] = []
    accuracy: StoredAccuracy | None = None
    others: dict[str, float] = {}
    recorded_by: str = ""
    commit: str = ""
    run: str = ""
    despite: str = ""
    reason: str = ""
    seal: Annotated[str, msgspec.Meta(pattern=_PERHAPS_SHA256)] = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A reference: the latest runs, newest first."""

    schema: int
    model: str
    target: str
    dataset: str
    runs: list[StoredRun]

    @property
    def names(self) -> tuple[str, str, str]:
        """Model, target and dataset."""
        return self.model, self.target, self.dataset

    @property
    def run_of_records(self) -> StoredRun | None:
        """The newest run that names match records: those that are kept."""
        return newest_of_records(self.runs)

    @property
    def records_sha256(self) -> str:
        """Hash of the match records that are kept; empty without."""
        run = self.run_of_records
        return run.accuracy.records_sha256 if run and run.accuracy else ""


class _Schema(msgspec.Struct):
    schema: int


def safe_name(name: str) -> str:
    """A name of a file for any text: what a file system may refuse becomes an underscore."""
    return _UNSAFE.sub("_", name).lstrip(".") or "_"


def baseline_path(folder: Path, target: str, dataset: str, model: str) -> Path:
    """Where the baseline lies; characters that a file system may refuse become underscores."""
    target, dataset, model = map(safe_name, (target, dataset, model))
    return folder / target / dataset / f"{model}.json"


def read_baseline(path: Path) -> Baseline | None:
    """Read a baseline; None where there is none.

    Raises
    ------
    StoreError
        If the file is no baseline, of a schema that this version does not know, a run was edited by hand, or it is that
        of another place.
    """
    if not path.is_file():
        return None
    baseline = decode_baseline(path)
    _require_sealed(baseline.runs, baseline.names, path)
    require_place(path, baseline.names)
    return baseline


def _require_sealed(runs: Sequence[StoredRun], names: tuple[str, str, str], path: Path) -> None:
    for run in runs:
        fault = seal_fault(run, names)
        if fault:
            msg = f"{path}: the run of {run.recorded} was edited by hand: {fault}; {REMEDY}"
            raise StoreError(msg)


def require_place(path: Path, names: tuple[str, str, str]) -> None:
    """Refuse a file that was moved or copied: it would be taken for what another model measured.

    Raises
    ------
    StoreError
        If it lies elsewhere than where a baseline of these names is looked for.
    """
    model, target, dataset = names
    place = baseline_path(path.parent, target, dataset, model).relative_to(path.parent)
    if path.parts[-len(place.parts) :] != place.parts:
        msg = (
            f"{path} holds the baseline of {model} on {target}/{dataset}, whose place is {place.as_posix()}; move it "
            f"there, or delete it and record anew: pytest --rfperf-record"
        )
        raise StoreError(msg)


def decode_baseline(path: Path) -> Baseline:
    """Read a baseline without asking whether its seals fit.

    Raises
    ------
    StoreError
        If the file is no baseline, or of a schema that this version does not know.
    """
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            msg = f"{path}: {len(content)} bytes; a baseline has at most {MAX_BYTES}"
            raise StoreError(msg)
        schema = msgspec.json.decode(content, type=_Schema).schema
        baseline = msgspec.json.decode(content, type=Baseline) if schema == SCHEMA else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path} is no baseline: {error}; restore it from version control, or delete it and record anew"
        raise StoreError(msg) from error
    if baseline is None:
        known = f"{path} has schema {schema}; this version reads schema {SCHEMA}"
        older = "an earlier version wrote it, without seals; delete it and record anew: pytest --rfperf-record"
        msg = f"{known}: {older if schema < SCHEMA else 'upgrade pytest-rfperf'}"
        raise StoreError(msg)
    return baseline


def shown_path(path: Path, root: Path) -> str:
    """A file as messages name it: from the root of the project, where it lies in there, else whole."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def add_run(path: Path, names: tuple[str, str, str], run: StoredRun, *, without: Sequence[StoredRun] = ()) -> None:
    """Seal a run and put it in front; keep at most twenty, and fewer where the file would pass 2 MB.

    Of the older ones, those that still give the latest accuracy or the latest latency go last. A run that passes 2 MB
    is kept without its raw samples. Runs that are there stay as they are.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Model, target and dataset.
    run : StoredRun
    without : sequence of StoredRun
        Runs of the file that go, such as edited ones.

    Raises
    ------
    StoreError
        If the file that is there is no baseline or one of other names, or cannot be written.
    """
    require_place(path, names)
    older = _older(path, names, without)
    runs = next((one for one in _fewer(run, names, older) if _fits(names, one)), None)
    write_runs(path, names, runs or [_sealed(_bare(run), names)])


def _older(path: Path, names: tuple[str, str, str], without: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs of a file that stay, all of them sealed."""
    if not path.is_file():
        return []
    before = decode_baseline(path)
    runs = [run for run in before.runs if run not in without]
    _require_sealed(runs, before.names, path)
    if before.names != names:
        (model, target, dataset), (other, *place) = names, before.names
        msg = (
            f"{path} holds the baseline of {other} on {'/'.join(place)}, not of {model} on {target}/{dataset}; rename "
            f"one of the two, or delete the file and record anew: pytest --rfperf-record"
        )
        raise StoreError(msg)
    return runs


def _fewer(run: StoredRun, names: tuple[str, str, str], older: Sequence[StoredRun]) -> Iterator[list[StoredRun]]:
    """What may be written, the most first: a run before fewer and fewer older ones, then without its samples."""
    runs = [_sealed(run, names), *older]
    for keep in range(min(MOST_RUNS, len(runs)), 0, -1):
        yield without_old(runs, keep)
    yield without_old([_sealed(_bare(run), names), *older], 1)


def _bare(run: StoredRun) -> StoredRun:
    latency = [msgspec.structs.replace(one, samples="") for one in run.latency]
    return msgspec.structs.replace(run, latency=latency)


def _fits(names: tuple[str, str, str], runs: Sequence[StoredRun]) -> bool:
    return len(runs) <= MOST_RUNS and len(_encoded(names, runs)) <= MAX_BYTES


def without_old(runs: Sequence[StoredRun], keep: int) -> list[StoredRun]:
    """The newest runs, and whatever older one still gives the latest accuracy or the latest latency."""
    newest_latency = next((run for run in runs if run.latency), None)
    needed = [*runs[:keep], newest_of_records(runs), newest_latency]
    return [run for run in runs if any(run is one for one in needed)]


def newest_of_records(runs: Sequence[StoredRun]) -> StoredRun | None:
    """The newest run that names match records; None without."""
    return next((run for run in runs if run.accuracy is not None and run.accuracy.records_sha256), None)


def write_runs(path: Path, names: tuple[str, str, str], runs: Sequence[StoredRun]) -> None:
    """Write a baseline of these sealed runs, newest first: model, target and dataset are its `names`.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    write_atomically(path, _encoded(names, runs))


def _sealed(run: StoredRun, names: tuple[str, str, str]) -> StoredRun:
    """A run as a file gives it back (a whole number may be a float there), sealed."""
    as_read = msgspec.json.decode(msgspec.json.encode(run), type=StoredRun)
    return msgspec.structs.replace(as_read, seal=seal_of(as_read, names))


def _encoded(names: tuple[str, str, str], runs: Sequence[StoredRun]) -> bytes:
    model, target, dataset = names
    baseline = Baseline(schema=SCHEMA, model=model, target=target, dataset=dataset, runs=list(runs))
    return msgspec.json.format(msgspec.json.encode(baseline, order="sorted"), indent=1) + b"\n"
