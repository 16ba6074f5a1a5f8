"""A gate on a test that uses pytest-benchmark's fixture judges that fixture's raw data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.data.runs import HostSignals, LatencyRun, LoadShape, WarmUp
from pytest_rfperf.errors import UsageError
from pytest_rfperf.session.facts import CaseFacts
from pytest_rfperf.session.recorder import latency_facts, verdict_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.config import Settings
    from pytest_rfperf.data.verdict import Verdict

BENCHMARK = "benchmark"


class BenchmarkBench:
    """As much of `gates.gate.Bench` as rounds that are already made can answer."""

    def __init__(self, nodeid: str, run: LatencyRun, settings: Settings, alpha: float) -> None:
        """Take the rounds."""
        self.where = nodeid.rpartition("::")[2]
        self.alpha = alpha
        self.beta = settings.run.alpha
        self.cap_s = settings.run.cap_s
        self.cap_option = "the number of rounds"
        self._run = run

    def latency(self, shape: LoadShape, decided: Callable[[LatencyRun], bool]) -> LatencyRun:  # noqa: ARG002 - the seam of a bench
        """Give all rounds, whatever was asked."""
        return self._run


def benchmark_bench(nodeid: str, fixture: Any, settings: Settings, alpha: float) -> Any:  # noqa: ANN401 - pytest-benchmark has no types
    """Make a bench of a finished `benchmark` fixture.

    Raises
    ------
    UsageError
        If the benchmark made no rounds, or several iterations a round, which hide single calls.
    """
    return BenchmarkBench(nodeid, _run_of(fixture), settings, alpha)


def benchmark_facts(nodeid: str, fixture: Any, verdicts: Sequence[Verdict]) -> CaseFacts:  # noqa: ANN401 - pytest-benchmark has no types
    """The rounds of a `benchmark` fixture as the facts of a case of their own."""
    run = latency_facts(_run_of(fixture), {"shape": "pytest-benchmark rounds"})
    return CaseFacts(
        test=nodeid,
        model=nodeid.rpartition("::")[2],
        size="",
        target="",
        dataset="",
        artifact="",
        artifact_sha256="",
        latency=[run],
        verdicts=[verdict_facts(verdict) for verdict in verdicts],
    )


def _run_of(fixture: Any) -> LatencyRun:  # noqa: ANN401 - pytest-benchmark has no types
    metadata = fixture.stats
    rounds = getattr(getattr(metadata, "stats", None), "data", None)
    if not rounds:
        msg = "latency_budget: the benchmark fixture made no rounds: it was not called, or is disabled (as under xdist)"
        raise UsageError(msg)
    if metadata.iterations > 1:
        msg = (
            f"latency_budget: the benchmark made {metadata.iterations} iterations a round, whose mean hides single "
            f"calls; use benchmark.pedantic(..., iterations=1, rounds=N)"
        )
        raise UsageError(msg)
    latencies_ns = np.round(np.asarray(rounds, dtype=np.float64) * 1e9).astype(np.int64)
    return LatencyRun(
        shape=LoadShape(),
        latencies_ns=latencies_ns,
        cpu_ns=None,
        timings=[],
        warm_up=WarmUp(calls=0, duration_s=0.0, steady=True, first_ns=0),
        signals=HostSignals(),
        duration_s=float(latencies_ns.sum()) / 1e9,
    )
