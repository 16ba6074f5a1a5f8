"""What one case measured, as a run of its baseline: the JSON, the records beside it, the artefact in the cache."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import ModelError, StoreError
from pytest_rfperf.store.artifacts import keep, kept_copy, sha256_of
from pytest_rfperf.store.baseline import StoredAccuracy, StoredLatency, StoredRun, add_run, baseline_path, shown_path
from pytest_rfperf.store.kept_records import drop_older_records, keep_records
from pytest_rfperf.store.match_records import sha256_of_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.config import Settings
    from pytest_rfperf.session.facts import AccuracyFacts, CaseFacts, LatencyFacts, VerdictFacts

_SHOWN = 12


class Entry(NamedTuple):
    """What stands beside the figures of a recorded run: see `StoredRun`."""

    recorded: str
    recorded_by: str
    run: str
    commit: str
    despite: str = ""
    reason: str = ""


def write_case(
    case: CaseFacts,
    settings: Settings,
    entry: Entry,
    *,
    artifact: Path | None = None,
    without: Sequence[StoredRun] = (),
) -> str:
    """Write what a case measured in front of its baseline, keep its artefact, and say so.

    Parameters
    ----------
    case : CaseFacts
    settings : Settings
    entry : Entry
    artifact : Path, optional
        The file that was measured; the configured one of the model unless given.
    without : sequence of StoredRun
        Runs of the file that go.

    Returns
    -------
    str
        What was written, and what could not be kept beside it.

    Raises
    ------
    StoreError
        If a file of the baseline cannot be written.
    """
    path = baseline_path(settings.path(settings.run.baselines), case.target, case.dataset, case.model)
    records = packed_records(case)
    run = stored_run(case, entry, records)
    sha256, warning = _keep_records(records, path)
    add_run(path, (case.model, case.target, case.dataset), run, without=without)
    files = f"{shown_path(path, settings.root)}{' and the .records beside it' if sha256 and not warning else ''}"
    warning += _older_records_dropped(path, sha256) + _artifact_kept(case, artifact or _configured(case, settings))
    return f"recorded: {what_of(case)} in {files}; review the diff and commit it{warning}"


def stored_run(case: CaseFacts, entry: Entry, records: bytes) -> StoredRun:
    """What a case measured, as it is stored; `records` are its packed match records, empty without."""
    return StoredRun(
        **entry._asdict(),
        artifact=case.artifact,
        artifact_sha256=case.artifact_sha256,
        environment=case.environment,
        verdicts=[_verdict_text(verdict) for verdict in case.verdicts],
        latency=[_stored_latency(run) for run in case.latency],
        accuracy=None if case.accuracy is None else _stored_accuracy(case.accuracy, records),
        others=case.others,
    )


def packed_records(case: CaseFacts) -> bytes:
    """The match records that a case carries; empty without."""
    return base64.b64decode(case.accuracy.records, validate=True) if case.accuracy else b""


def _stored_latency(run: LatencyFacts) -> StoredLatency:
    return StoredLatency(
        shape=run.shape,
        calls=run.calls,
        failed=run.failed,
        p50_ms=run.p50_ms,
        p95_ms=run.p95_ms,
        clean_p50_ms=run.clean_p50_ms,
        protocol=run.protocol,
        samples=run.samples,
    )


def _stored_accuracy(accuracy: AccuracyFacts, records: bytes) -> StoredAccuracy:
    return StoredAccuracy(
        images=accuracy.images,
        values=accuracy.values,
        protocol=accuracy.protocol,
        model=accuracy.model,
        records_sha256=sha256_of_records(records) if records else "",
        records_bytes=len(records),
    )


def _verdict_text(verdict: VerdictFacts) -> str:
    passed = verdict.outcome == Outcome.PASS.value
    return f"{verdict.gate}: {verdict.message}{'' if passed else f': {verdict.outcome}'}"


def what_of(case: CaseFacts) -> str:
    """Names a case in messages."""
    return f"{case.model} on {case.target}/{case.dataset}"


def _configured(case: CaseFacts, settings: Settings) -> Path | None:
    return settings.path(settings.models[case.model].artifact) if case.model in settings.models else None


def _artifact_kept(case: CaseFacts, artifact: Path | None) -> str:
    """Copy the model file into the cache, as long as it is the one that was measured; a warning without a copy."""
    why = "is gone"
    try:
        if artifact is not None and sha256_of(artifact) == case.artifact_sha256:
            keep(artifact, case.artifact_sha256)
    except ModelError:
        pass
    except StoreError as error:
        why = f"is not kept, since {error}"
    if kept_copy(case.artifact_sha256).is_file():
        return ""
    file = f"{case.artifact}, sha256 {case.artifact_sha256[:_SHOWN]}"
    return f". The file that was measured ({file}) {why}: later runs have only its numbers to compare with"


def _older_records_dropped(path: Path, sha256: str) -> str:
    """Delete the records of older runs, where there are new ones; a warning where they stay."""
    try:
        if sha256:
            drop_older_records(path, sha256)
    except StoreError as error:
        return f". {error}"
    return ""


def _keep_records(packed: bytes, path: Path) -> tuple[str, str]:
    """Write match records; their hash, and a warning where another machine will not find them."""
    if not packed:
        return "", ""
    sha256, place = keep_records(path, packed)
    if place.parent == path.parent:
        return sha256, ""
    size = f"{len(packed) / 1e6:.1f} MB"
    return sha256, f". Its match records take {size} and stay in the cache of this machine: no_regression needs them"
