"""Percentiles that are observed values, and what a sample says about the population's."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_WHOLE = 100


def nearest_rank(count: int, q: float) -> int:
    """The 1-based rank ceil(q n / 100), exact where floats are one rank high (q = 64.4, n = 250).

    Raises
    ------
    ValueError
        If `count` is 0 or `q` lies outside (0, 100].
    """
    exact = Fraction(str(q))
    if count < 1 or not 0 < exact <= _WHOLE:
        msg = f"percentile {q!r} of {count} values: need at least one value and 0 < percentile <= 100"
        raise ValueError(msg)
    return math.ceil(exact * count / 100)


def percentile(latencies_ns: Ints, q: float) -> int:
    """Nearest-rank percentile: an observed latency, never an interpolated one.

    Parameters
    ----------
    latencies_ns : (N,) int64
        One latency a request, in nanoseconds, any order, N >= 1.
    q : float
        Percentile in (0, 100]; 99 is p99.

    Returns
    -------
    int
        The smallest latency that at least `q` % of the sample does not exceed, in ns.

    Raises
    ------
    ValueError
        If the sample is empty or `q` lies outside (0, 100].

    References
    ----------
    Hyndman and Fan (1996), The American Statistician 50(4), definition 1.
    """
    rank = nearest_rank(len(latencies_ns), q)
    return int(np.partition(latencies_ns, rank - 1)[rank - 1])


def percentile_interval(latencies_ns: Ints, q: float, certainty: float = 0.95) -> tuple[int | None, int | None]:
    """Order-statistic interval of a percentile, in ns: free of any assumption on the distribution's shape.

    Returns
    -------
    tuple of int or None
        Lower and upper limit, each wrong with probability at most (1 - certainty) / 2. None for a side that a
        sample of this size cannot bound (p99 of 50 calls has no upper limit).

    References
    ----------
    Conover, Practical Nonparametric Statistics (3rd edition), section 3.2.
    """
    count, tail = len(latencies_ns), (1 - certainty) / 2
    below = bdtr(np.arange(count), count, q / 100)
    lower = int(np.searchsorted(below, tail, side="right"))
    upper = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    ordered = np.sort(latencies_ns)
    return (
        int(ordered[lower - 1]) if lower >= 1 else None,
        int(ordered[upper - 1]) if upper <= count else None,
    )
