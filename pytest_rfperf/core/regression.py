"""Whether one detector is slower than another by more than a tolerance, from calls made in turns.

Wall time is what users wait for, so there is no PASS without it. CPU time hardly knows contention, so it may prove a
FAIL where it is observable on both sides; it is blind to sleeps, input and lost parallelism, so it alone proves no
PASS. Calls that wait for a CPU wait alike, which brings their ratio to 1: what a contended host shows on that way, a
PASS of a limit above 1 or a FAIL of one below it, CPU time must show too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.budget import CALM_SHARE, RateDecision, cpu_share, decide_median, decide_rate, exceedance_rate
from pytest_rfperf.core.evidence import HALF_PRIOR, least_pass
from pytest_rfperf.core.ratios import paired_ratios
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.runs import PairedRun

MEDIAN = 50
_SEEN_BEYOND = 15
"""Calls of each side that lie beyond a threshold of the tail, on the average, before the first pair counts."""


@dataclass(frozen=True, slots=True)
class RegressionDecision:
    """What calls in turns show of a limit on their ratio.

    Attributes
    ----------
    outcome : Outcome
    wall : RateDecision
        Of wall times; its calls are the pairs that told something.
    cpu : RateDecision or None
        The same of CPU times; None where they were not read on both sides.
    by_cpu : bool
        Whether CPU time alone proved the FAIL.
    diluted : bool
        Whether wall time crossed the limit on a contended host, towards a ratio of 1, and CPU time does not show it.
    """

    outcome: Outcome
    wall: RateDecision
    cpu: RateDecision | None
    by_cpu: bool
    diluted: bool = False

    @property
    def cpu_unchanged(self) -> bool:
        """Whether nothing was decided, although CPU time keeps the limit."""
        return self.outcome is Outcome.INCONCLUSIVE and self.cpu is not None and self.cpu.outcome is Outcome.PASS


def decide_regression(
    run: PairedRun, limit: float, *, percentile: float = MEDIAN, alpha: float, beta: float, cpu_may_fail: bool
) -> RegressionDecision:
    """Decide whether a percentile of the first side's latency is at most `limit` times the second's.

    Parameters
    ----------
    run : PairedRun
    limit : float
        Greater than 0.
    percentile : float
        50 asks for the median of the paired ratios; more asks for the tail, by `tail_exceedances`.
    alpha, beta : float
        Chance of a wrong FAIL and of a wrong PASS.
    cpu_may_fail : bool
        Whether both sides compute alike, one thread on the CPU, so that more CPU time is a regression. Wall and CPU
        time then share alpha.
    """
    has_cpu = run.first.cpu_ns is not None and run.second.cpu_ns is not None
    share = alpha / 2 if cpu_may_fail and has_cpu else alpha
    decide = _decide_pairs if percentile == MEDIAN else _decide_tail
    wall = decide(_wall_exceedances(run, limit, percentile), share, beta)
    if not has_cpu:
        return RegressionDecision(wall.outcome, wall, None, by_cpu=False)
    cpu = decide(_cpu_exceedances(run, limit, percentile), share, beta)
    towards_one = Outcome.PASS if limit >= 1 else Outcome.FAIL
    diluted = cpu_may_fail and wall.outcome is towards_one is not cpu.outcome and _is_contended(run)
    outcome = Outcome.INCONCLUSIVE if diluted else wall.outcome
    by_cpu = cpu_may_fail and outcome is Outcome.INCONCLUSIVE and cpu.outcome is Outcome.FAIL
    return RegressionDecision(Outcome.FAIL if by_cpu else outcome, wall, cpu, by_cpu=by_cpu, diluted=diluted)


def _is_contended(run: PairedRun) -> bool:
    """Whether both sides waited for a CPU: waiting adds as much to either, and brings the ratio of wall times to 1."""
    shares = (cpu_share(side.latencies_ns, side.cpu_ns) for side in (run.first, run.second))
    return any(share is not None and share < CALM_SHARE for share in shares)


def pairs_behind(percentile: float) -> int:
    """Pairs that a threshold of the tail is read from before the first one counts."""
    return math.ceil(_SEEN_BEYOND / exceedance_rate(percentile))


def least_pairs(percentile: float, beta: float) -> int:
    """About how many pairs a PASS needs at least; of a tail, where each pair beyond its threshold speaks for it."""
    if percentile == MEDIAN:
        return least_pass(0.5, beta, HALF_PRIOR)
    telling = least_pass(0.5, beta / 2, HALF_PRIOR)
    return pairs_behind(percentile) + math.ceil(telling / (2 * exceedance_rate(percentile)))


def tail_exceedances(first: NDArray[np.float64], second: NDArray[np.float64], percentile: float) -> NDArray[np.bool_]:
    """Of the pairs of which one side alone is among the slowest calls of both: whether it is the first.

    Parameters
    ----------
    first, second : (N,) float64
        Latencies in the order of the pairs; the first already divided by the limit. Infinite where a call failed.
    percentile : float
        In (0, 100). A call is among the slowest where it is over this percentile of both sides' calls together.

    Returns
    -------
    (M,) bool
        Above 1/2 in the long run exactly where the first's percentile is above the second's: where the threshold t is
        the percentile of both together, as many of the first lie above t as of the second, or fewer, exactly where the
        first's own percentile is at most t. Pairs that both or neither exceed say nothing, so that a burst that slows
        both calls of a pair costs nothing. The threshold of a pair is read from pairs before it alone, so that each
        is an independent trial.
    """
    count, asked = len(first), exceedance_rate(percentile)
    exceeded = []
    behind: NDArray[np.float64] = np.empty(0)
    begin = pairs_behind(percentile)
    while begin < count:
        end = min(count, begin + max(1, begin // 10))
        behind = np.concatenate((first[:begin], second[:begin]))
        rank = len(behind) - 1 - int(asked * len(behind))
        threshold = np.partition(behind, rank)[rank]
        over = np.stack((first[begin:end] >= threshold, second[begin:end] >= threshold))
        exceeded.append(over[0][over[0] != over[1]])
        begin = end
    return np.concatenate([np.zeros(0, dtype=np.bool_), *exceeded])


def _decide_pairs(exceeded: NDArray[np.bool_], alpha: float, beta: float) -> RateDecision:
    return decide_rate(exceeded, 0.5, alpha=alpha, beta=beta, prior=HALF_PRIOR)


def _decide_tail(exceeded: NDArray[np.bool_], alpha: float, beta: float) -> RateDecision:
    """A coin says which side of a pair is called first, so which one a burst hits is independent from pair to pair.

    The threshold is itself read from calls, which costs some certainty: half of each chance is kept for it.
    """
    return decide_median(exceeded, alpha=alpha / 2, beta=beta / 2)


def _wall_exceedances(run: PairedRun, limit: float, percentile: float) -> NDArray[np.bool_]:
    if percentile == MEDIAN:
        return paired_ratios(run) > limit
    answered = run.second.latencies_ns != FAILED_NS
    first, second = (_wall(side.latencies_ns[answered]) for side in (run.first, run.second))
    return tail_exceedances(first / limit, second, percentile)


def _cpu_exceedances(run: PairedRun, limit: float, percentile: float) -> NDArray[np.bool_]:
    """Pairs of which both calls were answered, by CPU time."""
    if run.first.cpu_ns is None or run.second.cpu_ns is None:
        return np.zeros(0, dtype=np.bool_)
    answered = (run.first.latencies_ns != FAILED_NS) & (run.second.latencies_ns != FAILED_NS)
    first, second = run.first.cpu_ns[answered].astype(np.float64), run.second.cpu_ns[answered].astype(np.float64)
    if percentile == MEDIAN:
        over: NDArray[np.bool_] = first > limit * second
        return over
    return tail_exceedances(first / limit, second, percentile)


def _wall(latencies_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    wall = latencies_ns.astype(np.float64)
    wall[latencies_ns == FAILED_NS] = np.inf
    return wall
