"""Baselines for the reader: a row a file, and one file whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.grid import text_grid
from pytest_rfperf.store.baseline import decode_baseline
from pytest_rfperf.store.seal import seal_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_rfperf.store.baseline import Baseline, StoredAccuracy, StoredLatency, StoredRun

_SHOWN = 12
_LABEL = 12
_HEADINGS = ("target", "dataset", "model", "recorded", "by", "artefact", "AP", "p50 ms", "runs", "sealed")
_NUMBERS = (6, 7, 8)
_EDITED = "edited"


class BaselineRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a baseline: the newest run, and the newest figures of each kind; null where there is none.

    `sealed` is "ok", "edited" where the seal of a run does not fit, or why the file cannot be read.
    """

    target: str
    dataset: str
    model: str
    recorded: str = ""
    recorded_by: str = ""
    artifact: str = ""
    artifact_sha256: str = ""
    ap: float | None = None
    p50_ms: float | None = None
    runs: int = 0
    sealed: str = "ok"
    despite: str = ""
    reason: str = ""


def baseline_row(path: Path) -> BaselineRow:
    """The row of a file; one that cannot be read has a row that says so."""
    try:
        baseline = decode_baseline(path)
    except StoreError as error:
        target, dataset = path.parts[-3:-1]
        return BaselineRow(target=target, dataset=dataset, model=path.stem, sealed=str(error))
    run = baseline.runs[0] if baseline.runs else None
    accuracies = (one.accuracy.values.get("AP") for one in baseline.runs if one.accuracy)
    latencies = (one.latency[0].p50_ms for one in baseline.runs if one.latency)
    return BaselineRow(
        target=baseline.target,
        dataset=baseline.dataset,
        model=baseline.model,
        recorded=run.recorded if run else "",
        recorded_by=run.recorded_by if run else "",
        artifact=run.artifact if run else "",
        artifact_sha256=run.artifact_sha256 if run else "",
        ap=next(accuracies, None),
        p50_ms=next(latencies, None),
        runs=len(baseline.runs),
        sealed=_EDITED if any(seal_fault(one, baseline.names) for one in baseline.runs) else "ok",
        despite=run.despite if run else "",
        reason=run.reason if run else "",
    )


def list_lines(rows: Sequence[BaselineRow]) -> list[str]:
    """Aligned columns, and a line for each file that cannot be read or was edited."""
    cells = [
        (
            row.target,
            row.dataset,
            row.model,
            row.recorded[:10],
            row.recorded_by,
            f"{row.artifact} {row.artifact_sha256[:_SHOWN]}".strip(),
            "" if row.ap is None else f"{row.ap:.3f}",
            "" if row.p50_ms is None else f"{row.p50_ms:.3g}",
            str(row.runs),
            row.sealed if row.sealed in {"ok", _EDITED} else "unreadable",
        )
        for row in rows
    ]
    lines = text_grid(_HEADINGS, cells, _NUMBERS)
    places = [(f"{row.target}/{row.dataset}/{row.model}", row) for row in rows]
    lines += [f"{place} was accepted despite {row.despite}: {row.reason}" for place, row in places if row.despite]
    lines += [f"{place} was edited by hand: rfperf baselines verify" for place, row in places if row.sealed == _EDITED]
    return lines + [row.sealed for row in rows if row.sealed not in {"ok", _EDITED}]


def show_lines(baseline: Baseline, shown: str) -> list[str]:
    """Every run of a baseline, newest first, with its verdicts and where it came from."""
    what = f"{baseline.model} on {baseline.target}/{baseline.dataset}"
    lines = [f"{shown}: {what}, {len(baseline.runs)} run{'s' if len(baseline.runs) != 1 else ''}"]
    for rank, run in enumerate(baseline.runs, 1):
        lines += ["", f"run {rank} of {len(baseline.runs)}, recorded {run.recorded} by {run.recorded_by or 'unknown'}"]
        rows = [*_origin(run, seal_fault(run, baseline.names)), *_figures(run)]
        lines += [f"  {label:{_LABEL}} {text}" for label, text in rows]
    return lines


def _origin(run: StoredRun, fault: str) -> Iterator[tuple[str, str]]:
    yield "artefact", f"{run.artifact}, sha256 {run.artifact_sha256}"
    yield "commit", run.commit or "none: no git"
    yield "session", run.run
    yield "seal", f"edited by hand: {fault}" if fault else f"ok, {run.seal}"
    if run.despite:
        yield "despite", f"{run.despite}: {run.reason}"
    for verdict in run.verdicts:
        yield "verdict", verdict


def _figures(run: StoredRun) -> Iterator[tuple[str, str]]:
    if run.accuracy is not None:
        yield from _accuracy(run.accuracy)
    for latency in run.latency:
        yield from _latency(latency)
    for name, value in run.others.items():
        yield "other", f"{name} {value:g}"
    yield "environment", _pairs(run.environment)


def _accuracy(accuracy: StoredAccuracy) -> Iterator[tuple[str, str]]:
    values = ", ".join(f"{name} {value:.4f}" for name, value in accuracy.values.items())
    yield "accuracy", f"{values} ({accuracy.images} images)"
    yield "", f"protocol: {_pairs(accuracy.protocol)}"
    yield "", f"model: {_pairs(accuracy.model)}"
    if accuracy.records_sha256:
        yield "", f"match records: sha256 {accuracy.records_sha256} ({accuracy.records_bytes:,} bytes)"


def _latency(latency: StoredLatency) -> Iterator[tuple[str, str]]:
    named = {"p50": latency.p50_ms, "p95": latency.p95_ms, "clean p50": latency.clean_p50_ms}
    figures = ", ".join(f"{name} {'inf' if value is None else f'{value:.4g}'} ms" for name, value in named.items())
    yield "latency", f"{latency.shape}: {figures} ({latency.calls} calls, {latency.failed} failed)"
    yield "", f"protocol: {_pairs(latency.protocol)}"


def _pairs(fields: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(fields.items())) or "none"
