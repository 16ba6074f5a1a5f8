"""Calls that are made and discarded until latency is steady."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pytest_rfperf.data.runs import FAILED_NS, WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW = 10
_WINDOWS = 3
_TOLERANCE = 0.05
_MAX_CALLS = 50
_LEAST_CALLS = 5
_MAX_S = 2.0


def warm_up(timed_call: Callable[[], int], now_ns: Callable[[], int]) -> WarmUp:
    """Call until three windows of ten calls agree within 5 % on the median.

    Parameters
    ----------
    timed_call : callable
        Makes one call and returns its latency in ns.
    now_ns : callable
        The wall clock.

    Returns
    -------
    WarmUp
        Not steady where the cap came first: 50 calls, or the longer of 2 s and 5 calls.
    """
    begin, latencies = now_ns(), []
    while True:
        latencies.append(timed_call())
        duration_s = (now_ns() - begin) / 1e9
        steady = _is_steady(latencies)
        if steady or len(latencies) >= _MAX_CALLS or (len(latencies) >= _LEAST_CALLS and duration_s >= _MAX_S):
            return WarmUp(len(latencies), duration_s, steady, latencies[0])


def _is_steady(latencies: list[int]) -> bool:
    count = _WINDOW * _WINDOWS
    if len(latencies) < count or len(latencies) % _WINDOW:
        return False
    if FAILED_NS in latencies[-count:]:
        return False
    medians = [median(latencies[i : i + _WINDOW]) for i in range(len(latencies) - count, len(latencies), _WINDOW)]
    return max(medians) <= (1 + _TOLERANCE) * min(medians)
