"""Judging a latency against numbers of earlier runs: between two runs a host drifts more than calls differ in one."""

from __future__ import annotations

import math
from statistics import median, stdev
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_RUNS = 5
_DEVIATIONS = 3


class StoredDecision(NamedTuple):
    """What stored medians say of a new one.

    Attributes
    ----------
    outcome : Outcome
    change : float
        The new median over the median of the stored ones, less 1.
    noise : float
        Three standard deviations of the stored medians' logarithms.
    """

    outcome: Outcome
    change: float
    noise: float


def decide_stored(median_ns: float, stored_ns: Sequence[float], tolerance: float) -> StoredDecision:
    """Set a median beside those of earlier runs.

    FAIL where it is slower by more than the tolerance and by more than the runs differ among themselves; PASS where it
    would keep the tolerance even if that much slower.

    Parameters
    ----------
    median_ns : float
    stored_ns : sequence of float
        At least `LEAST_RUNS` of them.
    tolerance : float
        0.025 is 2.5 %.
    """
    logarithms = [math.log(one) for one in stored_ns]
    shift, noise = math.log(median_ns) - median(logarithms), _DEVIATIONS * stdev(logarithms)
    allowed = math.log1p(tolerance)
    if shift > max(allowed, noise):
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS if shift + noise <= allowed else Outcome.INCONCLUSIVE
    return StoredDecision(outcome, math.expm1(shift), noise)
