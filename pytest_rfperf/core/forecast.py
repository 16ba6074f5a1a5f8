"""How many calls a gate needs and how likely it decides rightly: its own rule on drawn calls, looked at as it looks."""

from __future__ import annotations

import functools
import math
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.budget import decide_median, decide_rate, exceedance_rate
from pytest_rfperf.core.evidence import HALF_PRIOR, Prior, least_pass, rate_evidence
from pytest_rfperf.data.verdict import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Exceedances = float | Bools

USUAL_POWER = 0.8
_SETS, _FEWER_SETS = 100, 40
_MOST = 100_000
"""Calls that are drawn at the most."""
_SOON = 2000
_BLOCK_S, _FIRST_BLOCK, _MOST_BLOCK = 0.1, 10, 1000
_STEP = 1.05
_STRETCH = 20
_REACH = 12
"""Standard deviations from the boundary within which every decision falls, but for a handful of calls."""


class Rule(NamedTuple):
    """A test of a rate: its boundary, its levels, and whether calls may depend on each other."""

    p0: float
    alpha: float
    beta: float
    prior: Prior | None = None
    dependent: bool = True

    def decide(self, exceeded: Bools) -> Outcome:
        """What the gate would say of exceedances in their order."""
        if self.dependent:
            return decide_rate(exceeded, self.p0, alpha=self.alpha, beta=self.beta, prior=self.prior).outcome
        return decide_median(exceeded, alpha=self.alpha, beta=self.beta).outcome

    @property
    def least(self) -> int:
        """The fewest observations that can end in PASS."""
        return least_pass(self.p0, self.beta, self.prior)


class Sides(NamedTuple):
    """Exceedances where the true figure keeps its limit by a margin, and where it misses it by as much.

    Each is a rate in [0, 1], or a series that was seen, (N,) bool, to be replayed.
    """

    within: Exceedances
    beyond: Exceedances


class Forecast(NamedTuple):
    """What a gate may be expected to do.

    Attributes
    ----------
    needed : int or None
        Observations after which half of all runs have decided, of the side that takes longer; None where fewer do.
    power : float
        Chance of the right verdict, of the side on which it is smaller.
    """

    needed: int | None
    power: float


def budget_rule(percentile: float, alpha: float, beta: float) -> Rule:
    """The test of a latency budget."""
    return Rule(exceedance_rate(percentile), alpha, beta)


def half_rule(alpha: float, beta: float, *, dependent: bool = True) -> Rule:
    """The test of "more or fewer than half"."""
    return Rule(0.5, alpha, beta, HALF_PRIOR, dependent)


def looks_at(each_s: float | None, cap_s: float) -> Ints:
    """Counts after which a gate asks its test: blocks of a tenth of a second up to the cap; of many, fewer.

    Parameters
    ----------
    each_s : float or None
        Seconds an observation takes; None where unknown, and then no cap ends the run.
    cap_s : float
    """
    most = _MOST if each_s is None else min(_MOST, max(1, math.ceil(cap_s / each_s)))
    block = _FIRST_BLOCK if each_s is None else max(1, min(_MOST_BLOCK, int(_BLOCK_S / each_s)))
    counts, at = [], min(_FIRST_BLOCK, block, most)
    while at < most:
        counts.append(at)
        at += block * max(1, int(at * (_STEP - 1) / block))
    return np.array([*counts, most], dtype=np.int64)


def forecast(sides: Sides, rule: Rule, looks: Ints, *, fail_repeats: bool = False) -> Forecast:
    """How many observations a gate needs, and how likely it comes to the right verdict.

    Parameters
    ----------
    sides : Sides
    rule : Rule
    looks : (L,) int64
        Ascending counts after which the test is asked.
    fail_repeats : bool
        Whether a FAIL counts only where a second run repeats it.
    """
    passes = _runs(sides.within, rule, looks, Outcome.PASS)
    fails = _runs(sides.beyond, rule, looks, Outcome.FAIL)
    power = [float(np.mean(np.isfinite(counts))) for counts in (passes, fails)]
    middle = [float(np.median(counts)) for counts in (passes, fails)]
    if fail_repeats:
        power[1], middle[1] = power[1] ** 2, 2 * middle[1]
    longest = max(middle)
    return Forecast(math.ceil(longest) if math.isfinite(longest) else None, min(power))


def forecast_here(exceedances: Exceedances, rule: Rule, looks: Ints, right: Outcome) -> Forecast:
    """The same for calls as they were seen, which must end in the verdict `right`."""
    counts = _runs(exceedances, rule, looks, right)
    middle = float(np.median(counts))
    return Forecast(math.ceil(middle) if math.isfinite(middle) else None, float(np.mean(np.isfinite(counts))))


def count_for(sides: Sides, rule: Rule, power: float = USUAL_POWER) -> int | None:
    """Observations with which that share of all runs has decided rightly on either side; None for over 100,000."""
    looks = looks_at(None, math.inf)
    sought = ((sides.within, Outcome.PASS), (sides.beyond, Outcome.FAIL))
    counts = [_runs(exceedances, rule, looks, right, sets=_FEWER_SETS) for exceedances, right in sought]
    most = max(float(np.quantile(side, power, method="higher")) for side in counts)
    return int(most) if math.isfinite(most) else None


def _runs(exceedances: Exceedances, rule: Rule, looks: Ints, right: Outcome, *, sets: int = _SETS) -> Floats:
    """Observations of each drawn run until the right verdict, (sets,) float64; infinite where it does not come."""
    asked = tuple(looks.tolist())
    return (
        _runs_at_rate(exceedances, rule, asked, right, sets)
        if isinstance(exceedances, float)
        else _drawn_runs(exceedances, rule, asked, right, sets)
    )


def _drawn_runs(exceedances: Exceedances, rule: Rule, asked: tuple[int, ...], right: Outcome, sets: int) -> Floats:
    random = np.random.default_rng(0)
    return np.array([_drawn_run(exceedances, rule, asked, right, random) for _ in range(sets)])


def _drawn_run(
    exceedances: Exceedances, rule: Rule, asked: tuple[int, ...], right: Outcome, random: np.random.Generator
) -> float:
    """Observations until the right verdict; most runs end among the first, so the others are drawn only when needed."""
    pass_at, fail_at = _boundaries(rule, asked)
    looks = np.array(asked, dtype=np.int64)
    soon = int(np.searchsorted(looks, _SOON, side="right")) or 1
    drawn = np.zeros(0, dtype=np.bool_)
    for part in (slice(0, soon), slice(soon, None)):
        if not len(looks[part]):
            break
        drawn = np.concatenate((drawn, _drawn(exceedances, int(looks[part][-1]) - len(drawn), random)))
        so_far = np.cumsum(drawn)[looks[part] - 1]
        for look in looks[part][(so_far <= pass_at[part]) | (so_far >= fail_at[part])]:
            outcome = rule.decide(drawn[:look])
            if outcome is not Outcome.INCONCLUSIVE:
                return float(look) if outcome is right else math.inf
    return math.inf


_runs_at_rate = functools.lru_cache(maxsize=256)(_drawn_runs)
"""Gates of which nothing is known but their percentile have the same course."""


def _drawn(exceedances: Exceedances, count: int, random: np.random.Generator) -> Bools:
    """Independent draws at a rate, or stretches of 20 calls of the series, so that what comes in bursts still does."""
    if isinstance(exceedances, float):
        independent: Bools = random.random(count, dtype=np.float32) < exceedances
        return independent
    begins = random.integers(len(exceedances), size=(math.ceil(count / _STRETCH), 1))
    replayed: Bools = exceedances[(begins + np.arange(_STRETCH)) % len(exceedances)].ravel()[:count]
    return replayed


@functools.lru_cache(maxsize=64)
def _boundaries(rule: Rule, looks: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Most exceedances that may PASS, and fewest that may FAIL, after each look; -1 and n + 1 where none do."""
    least_low, least_high = -math.log(rule.beta), -math.log(rule.alpha)
    passes, fails = [], []
    for n in looks:
        sd = math.sqrt(n * rule.p0 * (1 - rule.p0))
        low, middle = max(0, int(n * rule.p0 - _REACH * sd)), int(n * rule.p0)
        high = min(n + 1, int(n * rule.p0 + _REACH * sd) + _REACH)
        too_many = bisect_left(range(low, middle + 1), True, key=lambda k: _low(k, n, rule) < least_low)  # noqa: FBT003 - what is sought
        enough = bisect_left(range(middle, high), True, key=lambda k: _high(k, n, rule) >= least_high)  # noqa: FBT003 - what is sought
        passes.append(low + too_many - 1)
        fails.append(middle + enough)
    return np.array(passes, dtype=np.int64), np.array(fails, dtype=np.int64)


def _low(k: int, n: int, rule: Rule) -> float:
    return rate_evidence(k, n, rule.p0, rule.prior).log_low


def _high(k: int, n: int, rule: Rule) -> float:
    return rate_evidence(k, n, rule.p0, rule.prior).log_high
