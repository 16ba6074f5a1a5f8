"""Whether a percentile keeps a budget, on a host that may be busy with something else.

Contention only adds time, and does not make a request fail. So on a contended host all calls may prove a PASS; the
clean calls alone, or the failed ones among all, may prove a FAIL; and nothing else is decided: no rule that treats
contended calls as independent holds its error rate. The same holds for a FAIL on a calm host where calls that were
interrupted come to more than half of what the percentile allows: they alone may push it over its budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.autocorrelation import autocorrelation_time
from pytest_rfperf.core.evidence import HALF_PRIOR, Prior, rate_evidence
from pytest_rfperf.core.percentiles import percentile
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

CALM_SHARE = 0.95
CLEAN_RATIO = 0.97
_INTERRUPTED_RATIO = 0.9
_MAX_TAU = 10.0
_CALLS_PER_TAU = 20


@dataclass(frozen=True, slots=True)
class RateDecision:
    """What a series of exceedances shows of its true rate.

    Attributes
    ----------
    outcome : Outcome
    exceedances, calls : int
    tau : float
        Autocorrelation time in calls that the counts were divided by; 1 where it was not needed.
    reason : str
        Why nothing was decided; empty otherwise.
    """

    outcome: Outcome
    exceedances: int
    calls: int
    tau: float
    reason: str


@dataclass(frozen=True, slots=True)
class BudgetDecision:
    """A rate decision, and which calls it rests on.

    Attributes
    ----------
    rate : RateDecision
        Its counts are those of the calls that decided.
    cpu_share : float or None
        CPU time over wall time of all calls; None where not observable.
    clean_calls : int or None
        Calls that had a CPU for themselves; None on a calm host, where all calls count.
    """

    rate: RateDecision
    cpu_share: float | None
    clean_calls: int | None


class CleanMedian(NamedTuple):
    """A median in ns, NaN without a call, and how many calls it is of."""

    median_ns: float
    calls: int


def exceedance_rate(percentile: float) -> float:
    """The rate that a percentile allows, 1 - percentile / 100, without the float's own error."""
    return float(1 - Fraction(str(percentile)) / 100)


def decide_rate(exceeded: Bools, p0: float, *, alpha: float, beta: float, prior: Prior | None = None) -> RateDecision:
    """Decide whether the true rate of `exceeded`, calls in order, lies below (PASS) or above (FAIL) `p0`.

    Calls that follow one another are alike, so counts are divided by their autocorrelation time before they
    decide; where that is longer than ten calls, or the run shorter than twenty of them, nothing is decided.
    """
    k, n = int(exceeded.sum()), len(exceeded)
    first = _crossed(k, n, p0, alpha, beta, prior)
    if first is Outcome.INCONCLUSIVE:
        return RateDecision(first, k, n, 1.0, "too few calls to tell")
    tau = autocorrelation_time(exceeded)
    if tau > _MAX_TAU:
        reason = f"slow calls come in bursts (autocorrelation time {tau:.0f} calls)"
        return RateDecision(Outcome.INCONCLUSIVE, k, n, tau, reason)
    if tau > 1 and n < _CALLS_PER_TAU * tau:
        return RateDecision(Outcome.INCONCLUSIVE, k, n, tau, "too few calls for calls that depend on each other")
    outcome = _crossed(k / tau, n / tau, p0, alpha, beta, prior)
    return RateDecision(outcome, k, n, tau, "" if outcome is first else "too few independent calls to tell")


def decide_median(exceeded: Bools, *, alpha: float, beta: float) -> RateDecision:
    """Decide whether fewer (PASS) or more (FAIL) than half of all observations exceed, these being independent."""
    k, n = int(exceeded.sum()), len(exceeded)
    outcome = _crossed(k, n, 0.5, alpha, beta, HALF_PRIOR)
    return RateDecision(outcome, k, n, 1.0, "" if outcome is not Outcome.INCONCLUSIVE else "too few to tell")


def decide_budget(
    latencies_ns: Ints, cpu_ns: Ints | None, budget_ns: float, percentile: float, *, alpha: float, beta: float
) -> BudgetDecision:
    """Decide whether a percentile of the latency keeps a budget.

    Parameters
    ----------
    latencies_ns : (N,) int64
        In the order of the calls; a failed request is larger than any budget.
    cpu_ns : (N,) int64 or None
        CPU time of each call where one thread does all the work, else None.
    budget_ns : float
        A latency above it is an exceedance.
    percentile : float
        In (0, 100).
    alpha, beta : float
        Chance of a wrong FAIL and of a wrong PASS.
    """
    p0 = exceedance_rate(percentile)
    exceeded = latencies_ns > budget_ns
    everything = decide_rate(exceeded, p0, alpha=alpha, beta=beta)
    share = cpu_share(latencies_ns, cpu_ns)
    if share is None or cpu_ns is None:
        return BudgetDecision(everything, share, None)
    clean = clean_mask(latencies_ns, cpu_ns)
    clean_calls = int(clean.sum())
    few = float(_interrupted(latencies_ns, cpu_ns).mean()) <= p0 / 2
    if share >= CALM_SHARE and (everything.outcome is not Outcome.FAIL or few):
        return BudgetDecision(everything, share, None)
    if everything.outcome is Outcome.PASS:
        return BudgetDecision(everything, share, clean_calls)
    for alone in (exceeded[clean], latencies_ns == FAILED_NS):
        decision = decide_rate(alone, p0, alpha=alpha / 2, beta=beta)
        if decision.outcome is Outcome.FAIL:
            return BudgetDecision(decision, share, clean_calls)
    contended = RateDecision(
        Outcome.INCONCLUSIVE, everything.exceedances, everything.calls, everything.tau, "host contended"
    )
    return BudgetDecision(contended, share, clean_calls)


def _interrupted(latencies_ns: Ints, cpu_ns: Ints) -> Bools:
    """Answered calls that lost their CPU to something else for a good part of their time."""
    lost: Bools = (cpu_ns < _INTERRUPTED_RATIO * latencies_ns) & (latencies_ns != FAILED_NS)
    return lost


def clean_mask(latencies_ns: Ints, cpu_ns: Ints) -> Bools:
    """Answered calls that had a CPU for themselves."""
    mask: Bools = (cpu_ns > CLEAN_RATIO * latencies_ns) & (latencies_ns != FAILED_NS)
    return mask


def clean_median(latencies_ns: Ints, cpu_ns: Ints | None) -> CleanMedian:
    """The median (nearest rank) of calls that had a CPU for themselves: of none where that cannot be seen."""
    calls = latencies_ns[:0] if cpu_ns is None else latencies_ns[clean_mask(latencies_ns, cpu_ns)]
    return CleanMedian(float(percentile(calls, 50)) if len(calls) else math.nan, len(calls))


def cpu_share(latencies_ns: Ints, cpu_ns: Ints | None) -> float | None:
    """CPU time over wall time of the answered calls; None where not observable."""
    if cpu_ns is None:
        return None
    answered = latencies_ns != FAILED_NS
    if not answered.any():
        return None
    walls = np.sum(latencies_ns[answered], dtype=np.float64)
    return float(np.sum(cpu_ns[answered], dtype=np.float64) / max(1.0, walls))


def _crossed(k: float, n: float, p0: float, alpha: float, beta: float, prior: Prior | None = None) -> Outcome:
    evidence = rate_evidence(k, n, p0, prior)
    if evidence.log_low >= -math.log(beta):
        return Outcome.PASS
    return Outcome.FAIL if evidence.log_high >= -math.log(alpha) else Outcome.INCONCLUSIVE
