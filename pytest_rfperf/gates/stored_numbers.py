"""Judging latency against the numbers of recorded runs, where the baseline's artefact cannot be measured again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from pytest_rfperf.data.runs import LatencyRun, LoadShape
    from pytest_rfperf.gates.gate import Bench, StoredNumbers

_LEAST_CALLS = 100


class StoredFound(NamedTuple):
    """What stored numbers answer: the outcome, the change of the median where there is one, and the words for both."""

    outcome: Outcome
    change: float | None
    text: str


def judge_stored(shape: LoadShape, tolerance: float, stored: StoredNumbers, bench: Bench) -> StoredFound:
    """Measure at least 100 calls that had a CPU for themselves, and set their median beside the recorded ones."""
    from pytest_rfperf.core.budget import clean_median  # noqa: PLC0415 - collecting imports no numpy
    from pytest_rfperf.core.stored_runs import LEAST_RUNS, decide_stored  # noqa: PLC0415 - collecting imports no numpy

    medians = bench.stored_medians(shape)
    if len(medians) < LEAST_RUNS:
        text = (
            f"undecided: {stored.why}; numbers alone decide from {LEAST_RUNS} comparable recorded runs on, and there "
            f"are {len(medians)} for {bench.where}"
        )
        return StoredFound(Outcome.INCONCLUSIVE, None, text)

    def enough(run: LatencyRun) -> bool:
        return run.cpu_ns is None or clean_median(run.latencies_ns, run.cpu_ns).calls >= _LEAST_CALLS

    run = bench.latency(shape, enough)
    found = clean_median(run.latencies_ns, run.cpu_ns)
    if found.calls < _LEAST_CALLS:
        seen = f"{found.calls} of {run.calls} calls had a CPU for themselves, {_LEAST_CALLS} are needed"
        if run.cpu_ns is None:
            seen = "whether a call had a CPU for itself cannot be seen on this target"
        text = f"undecided: {seen}"
        return StoredFound(Outcome.INCONCLUSIVE, None, f"{text}; {stored.why}")
    decision = decide_stored(found.median_ns, medians, tolerance)
    text = (
        f"median {found.median_ns / 1e6:.3g} ms, {decision.change:+.1%} from that of {len(medians)} recorded runs "
        f"(three standard deviations among them: {decision.noise:.1%}), tolerance {100 * tolerance:g}% for "
        f"{bench.where} (n={found.calls} clean calls)"
    )
    if decision.outcome is Outcome.INCONCLUSIVE:
        text += f"; undecided by numbers alone: {stored.why}"
    return StoredFound(decision.outcome, decision.change, text)
