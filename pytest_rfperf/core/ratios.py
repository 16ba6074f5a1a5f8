"""Ratios of paired latencies: how much slower one detector is than another on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr

from pytest_rfperf.data.estimate import Estimate
from pytest_rfperf.data.runs import FAILED_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.data.runs import PairedRun

_TAIL = 0.025


def paired_ratios(run: PairedRun) -> NDArray[np.float64]:
    """Latency of the first over that of the second, pair by pair.

    A failed call of the first is infinitely slow; a pair whose second call failed says nothing and is left out.
    """
    first, second = run.first.latencies_ns, run.second.latencies_ns
    answered = second != FAILED_NS
    ratios: NDArray[np.float64] = first[answered] / second[answered]
    ratios[first[answered] == FAILED_NS] = np.inf
    return ratios


def median_ratio(ratios: NDArray[np.float64]) -> Estimate:
    """The median (nearest rank) with its order-statistic interval of 95 %; few pairs leave limits open: 0 and inf.

    References
    ----------
    Conover, Practical Nonparametric Statistics (3rd edition), section 3.2.
    """
    count = len(ratios)
    if not count:
        return Estimate(np.nan, 0.0, np.inf)
    ordered = np.sort(ratios)
    below = bdtr(np.arange(count), count, 0.5)
    lower = int(np.searchsorted(below, _TAIL, side="right"))
    upper = int(np.searchsorted(below, 1 - _TAIL, side="left")) + 1
    return Estimate(
        float(ordered[(count + 1) // 2 - 1]),
        float(ordered[lower - 1]) if lower >= 1 else 0.0,
        float(ordered[upper - 1]) if upper <= count else np.inf,
    )
