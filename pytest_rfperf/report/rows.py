"""One row a model, target and dataset, merged from what each test found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.store.baseline import StoredLatency, StoredRun, baseline_path, read_baseline
from pytest_rfperf.store.protocol import AccuracyRunOf, accuracy_difference, difference, latency_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_rfperf.session.facts import AccuracyFacts, CaseFacts, LatencyFacts, PictureFacts

WORST_FIRST = ("ERROR", "FAIL", "INCONCLUSIVE", "WAIVED", "RECORDING", "PASS", "XFAIL")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a table shows of a case; empty text where nothing was measured."""

    model: str
    target: str
    dataset: str
    ap: str
    ap50: str
    p50_ms: str
    p95_ms: str
    images: str
    calls: str
    verdict: str


HEADINGS = ("model", "target", "dataset", "AP", "AP50", "p50 ms", "p95 ms", "images", "calls", "verdict")


def merged(cases: Sequence[CaseFacts]) -> list[CaseFacts]:
    """One case a model, target and dataset: the longest run of each shape, all verdicts, all tests.

    A verdict on the model alone, such as its size, counts wherever that model ran.
    """
    by_place: dict[tuple[str, str, str], CaseFacts] = {}
    for case in cases:
        place = (case.model, case.target, case.dataset)
        by_place[place] = _joined(by_place[place], case) if place in by_place else case
    placed = {model for model, target, _ in by_place if target}
    alone = {model: by_place.pop((model, "", "")) for model in placed if (model, "", "") in by_place}
    return [
        msgspec.structs.replace(case, verdicts=[*case.verdicts, *alone[case.model].verdicts])
        if case.model in alone
        else case
        for case in by_place.values()
    ]


def row_of(case: CaseFacts, stored: StoredRun | None) -> Row:
    """Figures of a case, each with its change from the stored run where that is comparable."""
    run, accuracy = main_run(case), case.accuracy
    before, before_accuracy = _comparable_run(run, stored, case), _comparable_accuracy(case, stored)
    outcomes = {verdict.outcome for verdict in case.verdicts}
    return Row(
        model=case.model,
        target=case.target,
        dataset=case.dataset,
        ap=_ap(accuracy, before_accuracy, "AP"),
        ap50=_ap(accuracy, before_accuracy, "AP50"),
        p50_ms=_ms(run.p50_ms, before.p50_ms if before else None) if run else "",
        p95_ms=_ms(run.p95_ms, before.p95_ms if before else None) if run else "",
        images=str(accuracy.images) if accuracy else "",
        calls=str(run.calls) if run else "",
        verdict=next((outcome for outcome in WORST_FIRST if outcome in outcomes), "no gate"),
    )


def main_run(case: CaseFacts) -> LatencyFacts | None:
    """The run that a table shows: end-to-end, back to back, where there is one."""
    usual = [run for run in case.latency if run.shape == str(LoadShape())]
    return next(iter(usual or case.latency), None)


def stored_run(case: CaseFacts, baselines: Path) -> StoredRun | None:
    """The latest recorded run of a case.

    Raises
    ------
    StoreError
        If the file is there and cannot be read.
    """
    if not (case.target and case.dataset):
        return None
    baseline = read_baseline(baseline_path(baselines, case.target, case.dataset, case.model))
    return baseline.runs[0] if baseline and baseline.runs else None


def incomparable(case: CaseFacts, stored: StoredRun) -> list[str]:
    """Say what sets the stored run apart: another file, or the field that forbids a comparison."""
    place = f"{case.model} on {case.target}/{case.dataset}"
    lines = []
    if stored.artifact_sha256 != case.artifact_sha256:
        file = f"{stored.artifact}, sha256 {stored.artifact_sha256[:12]}"
        lines.append(f"{place}: the baseline of {stored.recorded} is that of another file ({file})")
    run = main_run(case)
    if run:
        before = {r.shape: r for r in stored.latency}.get(run.shape)
        why = before and _latency_difference(before, run, stored, case)
        lines += [f"{place}: latency is not compared with the baseline: {why}"] if why else []
    if case.accuracy and stored.accuracy:
        why = _accuracy_difference(case, stored)
        lines += [f"{place}: AP is not compared with the baseline: {why}"] if why else []
    return lines


def _joined(first: CaseFacts, second: CaseFacts) -> CaseFacts:
    runs = {run.shape: run for run in first.latency}
    for run in second.latency:
        if run.shape not in runs or run.calls >= runs[run.shape].calls:
            runs[run.shape] = run
    return msgspec.structs.replace(
        second if second.artifact_sha256 else first,
        test=f"{first.test}\n{second.test}",
        latency=list(runs.values()),
        accuracy=second.accuracy or first.accuracy,
        others=first.others | second.others,
        verdicts=[*first.verdicts, *second.verdicts],
        notes=list(dict.fromkeys([*first.notes, *second.notes])),
        environment=second.environment or first.environment,
        detections=second.detections or first.detections,
        pictures=list(
            {picture.name: picture for picture in _plainer_first([*first.pictures, *second.pictures])}.values()
        ),
    )


def _plainer_first(pictures: list[PictureFacts]) -> list[PictureFacts]:
    """Of one image the picture that shows the baseline too comes last, and stays."""
    return sorted(pictures, key=lambda picture: picture.before is not None)


def _comparable_run(run: LatencyFacts | None, stored: StoredRun | None, case: CaseFacts) -> StoredLatency | None:
    if run is None or stored is None:
        return None
    before = {r.shape: r for r in stored.latency}.get(run.shape)
    return before if before and not _latency_difference(before, run, stored, case) else None


def _latency_difference(before: StoredLatency, run: LatencyFacts, stored: StoredRun, case: CaseFacts) -> str | None:
    same_file = stored.artifact_sha256 == case.artifact_sha256
    why = latency_difference(before.protocol, run.protocol, same_file=same_file)
    return why or difference(stored.environment, case.environment)


def _comparable_accuracy(case: CaseFacts, stored: StoredRun | None) -> Mapping[str, float]:
    if stored is None or stored.accuracy is None or _accuracy_difference(case, stored):
        return {}
    return stored.accuracy.values


def _accuracy_difference(case: CaseFacts, stored: StoredRun) -> str | None:
    if case.accuracy is None:
        return None
    accuracy = case.accuracy
    now = AccuracyRunOf(accuracy.protocol, accuracy.model, case.environment, case.artifact_sha256)
    return accuracy_difference(stored, now)


def _ap(accuracy: AccuracyFacts | None, before: Mapping[str, float], name: str) -> str:
    if accuracy is None:
        return ""
    value = accuracy.values[name]
    if value < 0:
        return "-"
    change = f" ({value - before[name]:+.3f})" if before.get(name, -1) >= 0 else ""
    return f"{value:.3f}{change}"


def _ms(value: float | None, before: float | None) -> str:
    if value is None:
        return "inf"
    change = f" ({value / before - 1:+.1%})" if before else ""
    return f"{value:.3g}{change}" if value < 100 else f"{value:.0f}{change}"  # noqa: PLR2004 - three digits
