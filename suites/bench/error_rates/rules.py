"""Rules that judge a budget, each over many series at once: PASS, FAIL or neither, and after how many calls.

Ours is `core.budget.decide_budget`, asked after every block, as a gate asks it. The shortcut before it only leaves out
looks at which it must answer INCONCLUSIVE, since no count has crossed a limit; a test asks it at every look.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import bdtr, betainc

from pytest_rfperf.core.budget import CALM_SHARE, CLEAN_RATIO, decide_budget
from pytest_rfperf.core.evidence import rate_evidence
from pytest_rfperf.core.percentiles import nearest_rank
from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from error_rates.worlds import Series
    from numpy.typing import NDArray

PERCENTILE, P0 = 95, 0.05
ERROR = 0.05
BLOCK = 20
"""Calls of 5 ms in a tenth of a second."""
NAIVE_CALLS = 200
PASS, FAIL, NEITHER = 1, -1, 0
CODES = {Outcome.PASS: PASS, Outcome.FAIL: FAIL, Outcome.INCONCLUSIVE: NEITHER}


class Judged(NamedTuple):
    """One answer a series: PASS, FAIL or NEITHER, and the calls that it took."""

    answers: NDArray[np.int64]
    calls: NDArray[np.int64]


class Limits(NamedTuple):
    """By the number of calls: the most exceedances that PASS (-1 for none) and the fewest that FAIL."""

    most_pass: NDArray[np.int64]
    least_fail: NDArray[np.int64]


@cache
def limits(p0: float, alpha: float, beta: float, calls: int, prior=None) -> Limits:
    """Where the evidence test crosses; each limit grows by none or one from call to call."""
    passes, fails = np.empty(calls + 1, dtype=np.int64), np.empty(calls + 1, dtype=np.int64)
    most, least = -1, 1
    for n in range(calls + 1):
        if most + 1 <= n and rate_evidence(most + 1, n, p0, prior).log_low >= -math.log(beta):
            most += 1
        while least <= n and rate_evidence(least, n, p0, prior).log_high < -math.log(alpha):
            least += 1
        passes[n], fails[n] = most, least
    return Limits(passes, fails)


def looks(calls: int) -> NDArray[np.int64]:
    """After how many calls a rule is asked."""
    return np.arange(BLOCK, calls + 1, BLOCK)


def at_looks(flags):
    """How many are set, of each series, at each look."""
    return np.cumsum(flags, axis=1, dtype=np.int64)[:, BLOCK - 1 :: BLOCK]


def first_of(passes, fails):
    """The first look of each series at which either is so, and nothing at the cap where none is."""
    decided = passes | fails
    when = np.where(decided.any(axis=1), decided.argmax(axis=1), decided.shape[1] - 1)
    row = np.arange(len(when))
    answers = np.where(passes[row, when], PASS, np.where(fails[row, when], FAIL, NEITHER))
    return Judged(answers, (when + 1) * BLOCK)


def ours(series: Series) -> Judged:
    """`decide_budget` after every block."""
    return first_answers(undecided_ruled_out(series), lambda row, calls: decided(series, row, calls))


def decided(series: Series, row: int, calls: int) -> int:
    """What `decide_budget` says of the first calls of one series."""
    wall, cpu = series.wall_ns[row, :calls], series.cpu_ns[row, :calls]
    decision = decide_budget(wall, cpu, series.budget_ns, PERCENTILE, alpha=ERROR, beta=ERROR)
    return CODES[decision.rate.outcome]


def undecided_ruled_out(series: Series) -> NDArray[np.bool_]:
    """Looks at which it may decide: all calls crossed a limit, or the clean ones alone the one for FAIL."""
    over, count = series.wall_ns > series.budget_ns, series.wall_ns.shape[1]
    all_limits, clean_limits = limits(P0, ERROR, ERROR, count), limits(P0, ERROR / 2, ERROR, count)
    clean = series.cpu_ns > CLEAN_RATIO * series.wall_ns
    k, n = at_looks(over), looks(count)
    shares = at_looks(series.cpu_ns) / at_looks(series.wall_ns)
    calm = (k <= all_limits.most_pass[n]) | (k >= all_limits.least_fail[n])
    busy = (k <= all_limits.most_pass[n]) | (at_looks(over & clean) >= clean_limits.least_fail[at_looks(clean)])
    margin = 1e-9
    return (calm & (shares >= CALM_SHARE - margin)) | (busy & (shares < CALM_SHARE + margin))


def first_answers(asked, ask) -> Judged:
    """Ask, series by series, at the looks that are marked, until there is an answer."""
    answers = np.full(len(asked), NEITHER)
    calls = np.full(len(asked), asked.shape[1] * BLOCK)
    for row, marks in enumerate(asked):
        for look in np.flatnonzero(marks):
            answers[row] = ask(row, (look + 1) * BLOCK)
            if answers[row] != NEITHER:
                calls[row] = (look + 1) * BLOCK
                break
    return Judged(answers, calls)


def binomial_peeked(series: Series) -> Judged:
    """An exact binomial test of 5 % a side, looked at after every block as if it had been the only time."""
    k, n = at_looks(series.wall_ns > series.budget_ns), looks(series.wall_ns.shape[1])
    return first_of(bdtr(k, n, P0) <= ERROR, 1 - np.where(k > 0, bdtr(np.maximum(k - 1, 0), n, P0), 0.0) <= ERROR)


CERTAINTY = 0.99
"""LoadGen's."""


def least_queries(over: int, percentile: float, certainty: float = CERTAINTY) -> int:
    """The fewest queries of which `over` may exceed, by LoadGen's rule of early stopping.

    The least h + t with I_p(h, t + 1) <= 1 - c, for h queries within the latency and t over it.

    References
    ----------
    MLPerf Inference rules, "Early stopping criterion"; tolerance 0.
    """
    p = percentile / 100
    low, high = 0, 1
    while betainc(high, over + 1, p) > 1 - certainty:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if betainc(middle, over + 1, p) <= 1 - certainty else (middle, high)
    return high + over


@cache
def loadgen_needs(calls: int) -> NDArray[np.int64]:
    """By exceedances: the queries that LoadGen asks for."""
    return np.array([least_queries(over, PERCENTILE) for over in range(calls + 1)])


def loadgen_peeked(series: Series) -> Judged:
    """LoadGen's rule, looked at after every block. It has no FAIL: it asks for more queries."""
    k, n = at_looks(series.wall_ns > series.budget_ns), looks(series.wall_ns.shape[1])
    passes = loadgen_needs(int(k.max(initial=0)))[k] <= n
    return first_of(passes, np.zeros_like(passes))


def loadgen_unpeeked(series: Series) -> Judged:
    """LoadGen's rule, looked at once, at the end."""
    count = series.wall_ns.shape[1]
    over = (series.wall_ns > series.budget_ns).sum(axis=1)
    passes = loadgen_needs(int(over.max(initial=0)))[over] <= count
    return Judged(np.where(passes, PASS, NEITHER), np.full(len(over), count))


def naive(series: Series) -> Judged:
    """The p95 of the first 200 calls beside the budget: PASS or FAIL, nothing between."""
    over = (series.wall_ns[:, :NAIVE_CALLS] > series.budget_ns).sum(axis=1)
    passes = over <= NAIVE_CALLS - nearest_rank(NAIVE_CALLS, PERCENTILE)
    return Judged(np.where(passes, PASS, FAIL), np.full(len(over), NAIVE_CALLS))


RULES = {
    "pytest-rfperf": ours,
    "exact binomial, peeked at": binomial_peeked,
    "LoadGen, peeked at": loadgen_peeked,
    "LoadGen, once at the cap": loadgen_unpeeked,
    f"p95 of {NAIVE_CALLS} calls": naive,
}
