"""Baselines: `baselines/<target>/<dataset>/<model>.json`, one file a reference, made to be read in a diff."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import msgspec

from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
MOST_RUNS = 20
MAX_BYTES = 2 * 10**6
_UNSAFE = re.compile(r"[^\w.+-]")


class StoredLatency(msgspec.Struct, frozen=True, kw_only=True):
    """One latency run: figures for the reader, raw samples for a later statistic.

    `protocol` must be equal for two runs to be comparable. A percentile of failed requests is null.
    """

    shape: str
    calls: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    protocol: dict[str, str]
    samples: str


class StoredAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """One accuracy pass: the twelve COCO values by name, -1 where undefined.

    `protocol` must be equal for two passes to be comparable, and where the file is the same, `model` too.
    `records_sha256` is the hash of the match records, which lie beside the newest run's file or in the cache; empty
    where none were kept.
    """

    images: int
    values: dict[str, float]
    protocol: dict[str, str]
    model: dict[str, str] = {}
    records_sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one recording session measured of one model on one target and dataset."""

    recorded: str
    artifact: str
    artifact_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    environment: dict[str, str]
    verdicts: list[str]
    latency: list[StoredLatency] = []
    accuracy: StoredAccuracy | None = None
    others: dict[str, float] = {}


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A reference: the latest runs, newest first."""

    schema: int
    model: str
    target: str
    dataset: str
    runs: list[StoredRun]


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
        If the file is no baseline, or of a schema that this version does not know.
    """
    if not path.is_file():
        return None
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
        msg = f"{path} has schema {schema}; this version reads schema {SCHEMA}: upgrade pytest-rfperf"
        raise StoreError(msg)
    return baseline


def shown_path(path: Path, root: Path) -> str:
    """A file as messages name it: from the root of the project, where it lies in there."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def add_run(path: Path, names: tuple[str, str, str], run: StoredRun) -> None:
    """Put a run in front; keep at most twenty, and fewer where the file would pass 2 MB.

    A single run that passes 2 MB alone is kept without its raw samples. Match records are those of the newest run
    that has some: older ones name none any more.

    Raises
    ------
    StoreError
        If the file that is there is no baseline, or cannot be written.
    """
    before = read_baseline(path)
    older = before.runs if before else []
    if run.accuracy is not None and run.accuracy.records_sha256:
        older = [_without_records(one) for one in older]
    runs = [run, *older][:MOST_RUNS]
    content = _encoded(names, runs)
    while len(content) > MAX_BYTES and len(runs) > 1:
        runs = runs[:-1]
        content = _encoded(names, runs)
    if len(content) > MAX_BYTES:
        bare = [msgspec.structs.replace(latency, samples="") for latency in run.latency]
        content = _encoded(names, [msgspec.structs.replace(run, latency=bare)])
    write_atomically(path, content)


def _without_records(run: StoredRun) -> StoredRun:
    if run.accuracy is None:
        return run
    return msgspec.structs.replace(run, accuracy=msgspec.structs.replace(run.accuracy, records_sha256=""))


def _encoded(names: tuple[str, str, str], runs: list[StoredRun]) -> bytes:
    model, target, dataset = names
    baseline = Baseline(schema=SCHEMA, model=model, target=target, dataset=dataset, runs=runs)
    return msgspec.json.format(msgspec.json.encode(baseline, order="sorted"), indent=1) + b"\n"
