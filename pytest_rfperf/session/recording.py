"""`--rfperf-record`: baselines from the facts of a session that passed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.store.artifacts import keep, sha256_of
from pytest_rfperf.store.baseline import StoredAccuracy, StoredLatency, StoredRun, add_run, baseline_path, shown_path
from pytest_rfperf.store.kept_records import drop_older_records, keep_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.config import Settings
    from pytest_rfperf.session.facts import CaseFacts


FailedTest = tuple[str, tuple[str, ...]]


def record(cases: Sequence[CaseFacts], settings: Settings, failed_tests: Sequence[FailedTest], now: str) -> list[str]:
    """Write a baseline for each case of which every gate passed.

    Parameters
    ----------
    cases : sequence of CaseFacts
        Merged: one a model, target and dataset.
    settings : Settings
    failed_tests : sequence of (str, tuple of str)
        Node id of each test that failed for any reason, with its model, target and dataset; empty text for a part
        that it does not have.
    now : str
        Date and time, for the record.

    Returns
    -------
    list of str
        A line a case: what was written, or why not.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    lines = []
    for case in cases:
        if not (case.target and case.dataset and (case.latency or case.accuracy)):
            continue
        what = f"{case.model} on {case.target}/{case.dataset}"
        stop = _obstacle(case, failed_tests)
        if stop:
            lines.append(f"not recorded: {what}: {stop}")
            continue
        path = baseline_path(settings.path(settings.run.baselines), case.target, case.dataset, case.model)
        sha256, warning = _keep_records(case, path)
        add_run(path, (case.model, case.target, case.dataset), _stored(case, now, sha256))
        if sha256:
            drop_older_records(path, sha256)
        _keep_artifact(settings.path(settings.models[case.model].artifact), case.artifact_sha256)
        files = f"{shown_path(path, settings.root)}{' and the .records beside it' if sha256 and not warning else ''}"
        lines.append(f"recorded: {what} in {files}; review the diff and commit it{warning}")
    return lines


def _obstacle(case: CaseFacts, failed_tests: Sequence[FailedTest]) -> str:
    well = (Outcome.PASS.value, Outcome.RECORDING.value)
    bad = [verdict.gate for verdict in case.verdicts if verdict.outcome not in well]
    if bad:
        return f"{bad[0]} did not pass"
    place = (case.model, case.target, case.dataset)
    failed = [
        test
        for test, parts in failed_tests
        if any(parts) and all(part in ("", here) for part, here in zip(parts, place, strict=True))
    ]
    return f"{failed[0]} failed" if failed else ""


def _stored(case: CaseFacts, now: str, records_sha256: str) -> StoredRun:
    accuracy = case.accuracy
    return StoredRun(
        recorded=now,
        artifact=case.artifact,
        artifact_sha256=case.artifact_sha256,
        environment=case.environment,
        verdicts=[f"{verdict.gate}: {verdict.message}" for verdict in case.verdicts],
        latency=[
            StoredLatency(
                shape=run.shape,
                calls=run.calls,
                failed=run.failed,
                p50_ms=run.p50_ms,
                p95_ms=run.p95_ms,
                protocol=run.protocol,
                samples=run.samples,
            )
            for run in case.latency
        ],
        accuracy=None
        if accuracy is None
        else StoredAccuracy(
            images=accuracy.images,
            values=accuracy.values,
            protocol=accuracy.protocol,
            model=accuracy.model,
            records_sha256=records_sha256,
        ),
        others=case.others,
    )


def _keep_artifact(artifact: Path, sha256: str) -> None:
    if sha256_of(artifact) == sha256:
        keep(artifact, sha256)


def _keep_records(case: CaseFacts, path: Path) -> tuple[str, str]:
    """Write match records; their hash, and a warning where another machine will not find them."""
    packed = base64.b64decode(case.accuracy.records) if case.accuracy else b""
    if not packed:
        return "", ""
    sha256, place = keep_records(path, packed)
    if place.parent == path.parent:
        return sha256, ""
    size = f"{len(packed) / 1e6:.1f} MB"
    return sha256, f". Its match records take {size} and stay in the cache of this machine: no_regression needs them"
