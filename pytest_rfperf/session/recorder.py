"""The facts of a bench, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from pytest_rfperf.core.budget import clean_median
from pytest_rfperf.core.percentiles import percentile, percentile_interval
from pytest_rfperf.core.tier import tier
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.session.accuracy_protocol import accuracy_protocol, model_protocol
from pytest_rfperf.session.facts import (
    AccuracyFacts,
    CaseFacts,
    ComparisonFacts,
    EstimateFacts,
    LatencyFacts,
    VerdictFacts,
)
from pytest_rfperf.session.loss_pictures import loss_pictures
from pytest_rfperf.session.pair_bench import slow_down_of
from pytest_rfperf.store.samples import pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_rfperf.core.average_precision import PrecisionRecall
    from pytest_rfperf.data.estimate import Estimate
    from pytest_rfperf.data.runs import LatencyRun, LoadShape
    from pytest_rfperf.data.timing import Timing
    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.gates.gate import Accuracy
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.pair_bench import PairBench
    from pytest_rfperf.session.turns import Taken

_AREAS = ("small", "medium", "large")


def case_facts(bench: CaseBench, test: str, verdicts: Sequence[Verdict]) -> CaseFacts:
    """Gather what a bench has measured so far, and the verdicts of one test."""
    case, session = bench.case, bench.session
    model = session.model(case.model) if case.model else None
    return CaseFacts(
        test=test,
        model=case.model or "",
        size=model.size if model else "",
        target=case.target or "",
        dataset=case.dataset or "",
        artifact=model.artifact.name if model else "",
        artifact_sha256=model.sha256 if model else "",
        environment=session.environment(case.target).stable if case.target else {},
        latency=[
            *(latency_facts_of(bench, loop.run) for loop in bench.loops.values()),
            *(_in_turns(bench, name, taken) for name, taken in bench.turns.items()),
        ],
        accuracy=None if bench.accuracy_run is None else accuracy_facts(bench, bench.accuracy()),
        others=_others(bench),
        verdicts=[verdict_facts(verdict) for verdict in verdicts],
        notes=list(session.notes),
        detections=_coco_results(bench) if session.settings.save_detections else "",
        pictures=loss_pictures(bench, verdicts),
    )


def bare_facts(case: Case, test: str, verdicts: Sequence[Verdict], notes: Sequence[str]) -> CaseFacts:
    """What is left to say of a case that could not be opened."""
    return CaseFacts(
        test=test,
        model=case.model or test.rpartition("::")[2],
        size="",
        target=case.target or "",
        dataset=case.dataset or "",
        artifact="",
        artifact_sha256="",
        verdicts=[verdict_facts(verdict) for verdict in verdicts],
        notes=list(notes),
    )


def verdict_facts(verdict: Verdict) -> VerdictFacts:
    """A verdict as plain values."""
    measured = verdict.measured
    return VerdictFacts(
        gate=verdict.gate,
        outcome=verdict.outcome.value,
        measured=None if measured is None or np.isinf(measured) else measured,
        limit=verdict.limit,
        unit=verdict.unit,
        message=verdict.message,
        details=list(verdict.details),
        metric=verdict.metric or verdict.gate,
    )


def coco_values(accuracy: Accuracy) -> dict[str, float]:
    """The twelve values of COCO's summary by name, -1 where undefined."""
    return summary_values(accuracy.precision_recall)


def summary_values(tensors: PrecisionRecall) -> dict[str, float]:
    """The same from the tensors alone."""
    values = {"AP": tensors.ap(), "AP50": tensors.ap(iou=0.5), "AP75": tensors.ap(iou=0.75)}
    values |= {f"AP {area}": tensors.ap(area=area) for area in _AREAS}
    values |= {f"AR@{most}": tensors.ar(max_detections=most) for most in tensors.max_detections}
    return values | {f"AR {area}": tensors.ar(area=area) for area in _AREAS}


def latency_facts_of(bench: CaseBench, run: LatencyRun) -> LatencyFacts:
    """A latency run of a bench, with the protocol that makes it comparable."""
    return latency_facts(run, latency_protocol(bench, run.shape))


def latency_protocol(bench: CaseBench, shape: LoadShape) -> dict[str, str]:
    """What must be equal for two latency runs to be comparable, besides the environment."""
    return run_protocol(bench, shape, bench.detector.protocol)


def run_protocol(bench: CaseBench, shape: LoadShape, detector: Mapping[str, str]) -> dict[str, str]:
    """The protocol of a detector, and what its calls are made with."""
    bench.images()
    seed = str(bench.session.settings.run.seed)
    return dict(detector) | {"shape": str(shape), "seed": seed, "images": bench.pool_sha256}


def _in_turns(bench: CaseBench, name: str, taken: Taken) -> LatencyFacts:
    """One side of a run in turns: comparable only with turns beside the same other file."""
    protocol = run_protocol(bench, taken.run.shape, taken.protocol) | {"in turns with": taken.other_sha256}
    return msgspec.structs.replace(latency_facts(taken.run, protocol), shape=name)


def latency_facts(run: LatencyRun, protocol: dict[str, str]) -> LatencyFacts:
    """A latency run as plain values."""
    successes = run.latencies_ns[run.latencies_ns != FAILED_NS]
    return LatencyFacts(
        shape=str(run.shape),
        calls=run.calls,
        failed=run.failed,
        p50_ms=_percentile_ms(run.latencies_ns, 50),
        p95_ms=_percentile_ms(run.latencies_ns, 95),
        successes_p95_ms=_percentile_ms(successes, 95),
        duration_s=run.duration_s,
        warm_up_calls=run.warm_up.calls,
        warm_up_steady=run.warm_up.steady,
        first_call_ms=None if run.warm_up.first_ns == FAILED_NS else run.warm_up.first_ns / 1e6,
        stages_ms=_stage_medians(run.timings),
        signals={
            "cpu share": run.signals.cpu_share,
            "pressure": run.signals.pressure_ratio,
            "steal": run.signals.steal_ratio,
            "involuntary switches": run.signals.involuntary_switches,
        },
        protocol=protocol,
        samples=pack(run.latencies_ns),
        clean_p50_ms=_clean_p50_ms(run),
    )


def accuracy_facts(bench: CaseBench, accuracy: Accuracy) -> AccuracyFacts:
    """An accuracy pass under one protocol, as plain values."""
    run = accuracy.run
    records = bench.packed_records() if bench.session.settings.record else ""
    return AccuracyFacts(
        images=run.images,
        values=coco_values(accuracy),
        duration_s=run.duration_s,
        outside_classes=run.outside_classes,
        protocol=accuracy_protocol(bench, accuracy),
        model=model_protocol(bench),
        core=tier(),
        records=records,
        predictions_per_image=len(run.results.scores) / run.images,
        objects_per_image=len(bench.dataset.truth.categories) / run.images,
    )


def comparison_facts(pair: PairBench) -> ComparisonFacts:
    """What a pair has measured so far; a slow-down of calls most of which failed is no number and left out."""
    first, second = pair.sides
    runs = {str(shape): loop.run for shape, loop in pair.loops.items()}
    slow_downs = {shape: slow_down_of(run) for shape, run in runs.items()}
    measured = [bench.accuracy_run is not None for bench in pair.sides]
    images = first.accuracy_run.images if first.accuracy_run else 0
    return ComparisonFacts(
        small=first.case.model or "",
        large=second.case.model or "",
        target=first.case.target or "",
        dataset=first.case.dataset or "",
        images=images,
        small_ap=coco_values(first.accuracy()) if all(measured) else {},
        large_ap=coco_values(second.accuracy()) if all(measured) else {},
        gains={_ap_name(iou): _estimate(gain) for iou, gain in pair.gains.items()},
        slow_downs={shape: _estimate(found) for shape, found in slow_downs.items() if np.isfinite(found.value)},
        pairs={shape: run.pairs for shape, run in runs.items()},
        small_ms=_percentiles({shape: run.first for shape, run in runs.items()}),
        large_ms=_percentiles({shape: run.second for shape, run in runs.items()}),
    )


def _ap_name(iou: float | None) -> str:
    return "AP" if iou is None else f"AP{round(iou * 100)}"


def _estimate(estimate: Estimate) -> EstimateFacts:
    low, high = (limit if np.isfinite(limit) else None for limit in (estimate.low, estimate.high))
    return EstimateFacts(estimate.value, low, high)


def _percentiles(runs: dict[str, LatencyRun]) -> dict[str, EstimateFacts]:
    """p50 and p95 by shape, in ms; one that is a failed request is left out."""
    found = {}
    for shape, run in runs.items():
        for q in (50, 95):
            value = _percentile_ms(run.latencies_ns, q)
            limits = percentile_interval(run.latencies_ns, q)
            low, high = (None if limit in {None, FAILED_NS} else limit / 1e6 for limit in limits)
            if value is not None:
                found[f"{shape} p{q}"] = EstimateFacts(value, low, high)
    return found


def _coco_results(bench: CaseBench) -> str:
    """The detections of the accuracy pass as COCO results, their numbers in full precision."""
    if bench.accuracy_run is None:
        return ""
    results, dataset = bench.accuracy_run.results, bench.dataset
    columns = (results.images, results.categories, results.boxes_xywh, results.scores)
    rows = [
        {
            "image_id": dataset.images[image].id,
            "category_id": dataset.categories[category].id,
            "bbox": box,
            "score": score,
        }
        for image, category, box, score in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return msgspec.json.encode(rows).decode()


def _others(bench: CaseBench) -> dict[str, float]:
    others = {}
    if bench.starts:
        durations = np.array([start.duration_ns for start in bench.starts], dtype=np.int64)
        others["cold start s"] = percentile(durations, 50) / 1e9
    if bench.memory_use is not None:
        others["memory MB"] = bench.memory_use.used_bytes / 1e6
    return others


def _percentile_ms(latencies_ns: NDArray[np.int64], q: float) -> float | None:
    if not len(latencies_ns):
        return None
    value = percentile(latencies_ns, q)
    return None if value == FAILED_NS else value / 1e6


def _clean_p50_ms(run: LatencyRun) -> float | None:
    median_ns = clean_median(run.latencies_ns, run.cpu_ns).median_ns
    return None if np.isnan(median_ns) else median_ns / 1e6


def _stage_medians(timings: list[Timing]) -> dict[str, float]:
    """Median of each stage that the target tells apart, in ms."""
    if not timings:
        return {}
    medians = {}
    for stage, values in zip(timings[0]._fields, zip(*timings, strict=True), strict=True):
        known = [value for value in values if value is not None]
        if known:
            medians[stage.removesuffix("_ns")] = float(np.median(known)) / 1e6
    return medians
