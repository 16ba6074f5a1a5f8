"""Recorded calls of real ONNX graphs, replayed: no verdict is wrong, on a quiet host or a busy one.

Truth is known: the first side is a copy of the second's file, or the same graph with extra work that costs 5 %.
"""

from __future__ import annotations

import numpy as np
import pytest
from error_rates.trace_files import LOADS, RATIOS, load_traces

from pytest_rfperf.core.budget import clean_mask, decide_budget
from pytest_rfperf.core.regression import decide_regression
from pytest_rfperf.data.verdict import Outcome

REPLAYS = 20
PAIRS, BLOCK = 480, 12
"""About three seconds of calls, looked at ten times a second."""
TRACES = {(trace.load, trace.change): trace for trace in load_traces()}


def test_every_load_and_change_is_recorded():
    assert set(TRACES) == {(load, change) for load in LOADS for change in RATIOS}
    for (_, change), trace in TRACES.items():
        assert trace.ratio == pytest.approx(RATIOS[change], abs=0.003)


def replayed(trace, seed):
    """The trace from a start that the seed draws."""
    return trace.begun_at(int(np.random.default_rng([17, seed]).integers(trace.pairs)))


def first_verdict(decide):
    """Look after every block until there is a verdict."""
    found = (decide(pairs) for pairs in range(BLOCK, PAIRS + 1, BLOCK))
    return next((outcome for outcome in found if outcome is not Outcome.INCONCLUSIVE), Outcome.INCONCLUSIVE)


def ratio_verdict(trace, limit, *, swapped=False):
    def decide(pairs):
        run = trace.run(pairs)
        run = type(run)(run.second, run.first) if swapped else run
        return decide_regression(run, limit, alpha=0.05, beta=0.05, cpu_may_fail=True).outcome

    return first_verdict(decide)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    ("change", "limit", "swapped", "wrong"),
    [
        ("same", 1.025, False, Outcome.FAIL),
        ("same", 1.025, True, Outcome.FAIL),
        ("same", 1 / 1.025, False, Outcome.PASS),
        ("slower_5", 1.025, False, Outcome.PASS),
        ("slower_5", 1.10, False, Outcome.FAIL),
        ("slower_5", 1.0, True, Outcome.FAIL),
    ],
)
def test_no_ratio_is_judged_wrongly(load, change, limit, swapped, wrong):
    verdicts = [ratio_verdict(replayed(TRACES[load, change], seed), limit, swapped=swapped) for seed in range(REPLAYS)]
    assert wrong not in verdicts


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(("change", "right"), [("same", Outcome.PASS), ("slower_5", Outcome.FAIL)])
def test_ratios_are_decided_and_not_only_left_open(load, change, right):
    verdicts = [ratio_verdict(replayed(TRACES[load, change], seed), 1.025) for seed in range(REPLAYS)]
    assert verdicts.count(right) >= 0.9 * REPLAYS


def quiet_p95_ns():
    """Of the calls that had a CPU for themselves, on the quiet host."""
    trace = TRACES["quiet", "same"]
    walls, cpus = (
        np.concatenate((trace.first_wall, trace.second_wall)),
        np.concatenate((trace.first_cpu, trace.second_cpu)),
    )
    return float(np.quantile(walls[clean_mask(walls, cpus)], 0.95))


def budget_verdict(trace, budget_ns):
    walls, cpus = (
        np.stack(sides, axis=1).ravel()
        for sides in ((trace.first_wall, trace.second_wall), (trace.first_cpu, trace.second_cpu))
    )

    def decide(pairs):
        calls = slice(0, 2 * pairs)
        return decide_budget(walls[calls], cpus[calls], budget_ns, 95, alpha=0.05, beta=0.05).rate.outcome

    return first_verdict(decide)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(("share", "wrong"), [(1.2, Outcome.FAIL), (0.8, Outcome.PASS)])
def test_no_budget_is_judged_wrongly(load, share, wrong):
    trace = TRACES[load, "same"]
    verdicts = [budget_verdict(replayed(trace, seed), share * quiet_p95_ns()) for seed in range(REPLAYS)]
    assert wrong not in verdicts


CALM_PAIRS = 120


def calm_starts(trace):
    """Where a stretch of a second begins in which each call had a CPU for itself."""
    cpu, wall = trace.first_cpu + trace.second_cpu, trace.first_wall + trace.second_wall
    starts = range(0, trace.pairs - CALM_PAIRS, CALM_PAIRS // 2)
    return [at for at in starts if cpu[at : at + CALM_PAIRS].sum() > 0.99 * wall[at : at + CALM_PAIRS].sum()]


@pytest.mark.parametrize(("share", "right"), [(1.2, Outcome.PASS), (0.8, Outcome.FAIL)])
def test_calm_stretches_decide_budgets(share, right):
    calm = [trace.begun_at(start) for trace in TRACES.values() for start in calm_starts(trace)]
    assert len(calm) >= 20
    verdicts = [budget_verdict(trace, share * quiet_p95_ns()) for trace in calm]
    assert verdicts.count(right) >= 0.95 * len(calm)
