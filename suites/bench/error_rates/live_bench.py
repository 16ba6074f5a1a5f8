"""What the gates ask for, of ONNX files in this process, and the rule over stored means in the same run."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from error_rates.onnx_sessions import SHAPE, feeds, in_turns, opened
from pytest_benchmark.stats import Stats
from pytest_benchmark.utils import parse_compare_fail

from pytest_rfperf.gates.latency_budget import LatencyBudget
from pytest_rfperf.gates.turns import TurnsAsked, judge_turns
from pytest_rfperf.measure.calm import CalmWait
from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.closed_loop import ClosedLoop

if TYPE_CHECKING:
    from pathlib import Path

WARM_CALLS = 20
MEAN_RULE = parse_compare_fail("mean:5%")
"""pytest-benchmark's own reading of --benchmark-compare-fail=mean:5%."""


class Turns:
    """The two files as a gate's opponent: fresh sessions for each measurement, in swapped order the second time."""

    alike = True

    def __init__(self, candidate: Path, baseline: Path, seed: int, cap_s: float) -> None:
        """Open nothing yet."""
        self.said = "the baseline"
        self._files, self._seed, self._cap_s = (candidate, baseline), seed, cap_s
        self.runs = []

    def measure(self, shape, decided):
        return self._run(decided, again=False)

    def again(self, shape, decided):
        return self._run(decided, again=True)

    def _run(self, decided, *, again):
        loop = in_turns(*self._files, seed=2 * self._seed + again, second_first=again)
        self.runs.append(loop.extend(decided, self._cap_s, lambda run: None))
        return self.runs[-1]


class Bench:
    """One detector as a gate's bench."""

    where, alpha, beta, cap_option = "fast here", 0.05, 0.05, "--cap"

    def __init__(self, path: Path, seed: int, cap_s: float) -> None:
        """Open nothing yet."""
        self._path, self._seed, self.cap_s = path, seed, cap_s
        self.run = None

    def latency(self, shape, decided):
        clock = SystemClock()
        loop = ClosedLoop(
            opened(self._path), feeds(), shape, clock, one_thread=True, seed=self._seed, calm=CalmWait(clock)
        )
        self.run = loop.extend(decided, self.cap_s, lambda run: None)
        return self.run


def judged_in_turns(candidate: Path, baseline: Path, limit: float, *, seed: int, cap_s: float) -> dict[str, object]:
    """Ours: the verdict of no_regression's measurement, and what it took."""
    turns = Turns(candidate, baseline, seed, cap_s)
    found = judge_turns(TurnsAsked(SHAPE, limit), turns, Bench(candidate, seed, cap_s))
    first, *again = turns.runs
    return {
        "outcome": found.outcome.value,
        "pairs": first.pairs,
        "measured_s": round(first.duration_s, 4),
        "confirmed_s": round(again[0].duration_s, 4) if again else None,
        "cpu_share": round(first.first.signals.cpu_share, 3),
        "text": found.text,
    }


def judged_budget(path: Path, budget_ms: float, *, seed: int, cap_s: float) -> dict[str, object]:
    """Ours: the verdict of a latency_budget at p95, and what it took."""
    bench = Bench(path, seed, cap_s)
    verdict = LatencyBudget(budget_ms, percentile=95, scope="model-only").judge(bench)
    return {
        "outcome": verdict.outcome.value,
        "pairs": bench.run.calls,
        "measured_s": round(bench.run.duration_s, 4),
        "cpu_share": round(bench.run.signals.cpu_share, 3),
        "text": verdict.message,
    }


def judged_by_means(candidate: Path, baseline: Path, stretch_s: float) -> dict[str, object]:
    """pytest-benchmark's statistics and check over one round a call: the baseline's stretch first, then the candidate's."""
    stored, current = (stretch(path, stretch_s) for path in (baseline, candidate))
    return {
        "mean_fails": MEAN_RULE.fails({"mean": current.mean}, {"mean": stored.mean}) is not None,
        "mean_ratio": round(current.mean / stored.mean, 4),
    }


def stretch(path: Path, seconds: float) -> Stats:
    """Rounds in a fresh session, warmed up, for that long."""
    call, items, stats = opened(path), feeds(), Stats()
    for number in range(WARM_CALLS):
        call(items[number % len(items)])
    end, number = perf_counter() + seconds, 0
    while perf_counter() < end:
        begin = perf_counter()
        call(items[number % len(items)])
        stats.update(perf_counter() - begin)
        number += 1
    return stats
