"""Rules that judge how much slower one detector is than another, each over many sets of pairs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from error_rates.rules import CODES, ERROR, FAIL, PASS, Judged, first_answers, limits
from error_rates.trace_files import latency_run

from pytest_rfperf.core.budget import exceedance_rate
from pytest_rfperf.core.evidence import HALF_PRIOR
from pytest_rfperf.core.regression import MEDIAN, decide_regression, pairs_behind
from pytest_rfperf.data.runs import PairedRun

if TYPE_CHECKING:
    from error_rates.pair_worlds import Pairs
    from numpy.typing import NDArray

LIMIT = 1.025
"""To catch 5 %."""
BLOCK = 20
"""As `rules.BLOCK`: pairs of twice 3 ms in 0.12 s."""
MEAN_FAILS_ABOVE = 1.05


def ours(pairs: Pairs, percentile: float = MEDIAN, limit: float = LIMIT) -> Judged:
    """`decide_regression` after every block, before a FAIL is confirmed in fresh sessions."""
    asked = undecided_ruled_out(pairs, percentile, limit)
    return first_answers(asked, lambda row, calls: decided(pairs, row, calls, percentile, limit))


def decided(pairs: Pairs, row: int, calls: int, percentile: float = MEDIAN, limit: float = LIMIT) -> int:
    """What `decide_regression` says of the first pairs of one set."""
    first = latency_run(pairs.first_wall[row, :calls], pairs.first_cpu[row, :calls])
    second = latency_run(pairs.second_wall[row, :calls], pairs.second_cpu[row, :calls])
    decision = decide_regression(
        PairedRun(first, second), limit, percentile=percentile, alpha=ERROR, beta=ERROR, cpu_may_fail=True
    )
    return CODES[decision.outcome]


def undecided_ruled_out(pairs: Pairs, percentile: float, limit: float) -> NDArray[np.bool_]:
    """Looks at which it may decide: wall time crossed a limit, or CPU time the one for FAIL."""
    crossing = limits(0.5, ERROR / 2, ERROR, pairs.first_wall.shape[1], HALF_PRIOR)
    k, n = _counts(pairs.first_wall / limit, pairs.second_wall.astype(float), percentile)
    asked = (k <= crossing.most_pass[n]) | (k >= crossing.least_fail[n])
    k, n = _counts(pairs.first_cpu / limit, pairs.second_cpu.astype(float), percentile)
    return asked | (k >= crossing.least_fail[n])


def _counts(first, second, percentile):
    """Exceedances and observations, of each set, at each look."""
    if percentile == MEDIAN:
        over, told = first > second, np.ones(first.shape, dtype=np.bool_)
    else:
        over, told = tail_flags(first, second, percentile)
    return (np.cumsum(flags, axis=1, dtype=np.int64)[:, BLOCK - 1 :: BLOCK] for flags in (over, told))


def tail_flags(first, second, percentile):
    """`core.regression.tail_exceedances` of many sets at once, and which pairs tell something."""
    over, told = np.zeros((2, *first.shape), dtype=np.bool_)
    begin, count = pairs_behind(percentile), first.shape[1]
    while begin < count:
        part = slice(begin, begin + max(1, begin // 10))
        behind = np.concatenate((first[:, :begin], second[:, :begin]), axis=1)
        rank = behind.shape[1] - 1 - int(exceedance_rate(percentile) * behind.shape[1])
        threshold = np.partition(behind, rank, axis=1)[:, [rank]]
        one, other = first[:, part] >= threshold, second[:, part] >= threshold
        over[:, part], told[:, part] = one & ~other, one != other
        begin = part.stop
    return over, told


def mean_of_runs(pairs: Pairs) -> Judged:
    """The means of two separate runs, as `--benchmark-compare-fail=mean:5%` sets them beside each other."""
    means = pairs.first_run.mean(axis=1) / pairs.second_run.mean(axis=1)
    calls = np.full(len(means), 2 * pairs.first_run.shape[1])
    return Judged(np.where(means > MEAN_FAILS_ABOVE, FAIL, PASS), calls)
