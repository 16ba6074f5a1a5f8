"""Simulated latencies of one detector, for budgets: the rate at which a call truly exceeds the budget is known.

A call's work takes about 5 ms; its wall time is that and, on a busy host, the time it waited for a CPU. The truth is that of
the work: what the detector would take on a host of its own. Where nothing is contended the two are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, tuple[int, int], float], "Work"]
    Wait = Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]]

WORK_NS = 5e6
SLICE_NS = 4e6
"""Mean time for which another process has the CPU."""


class Work(NamedTuple):
    """What calls take on a host of their own, and the budget that they exceed at the asked rate."""

    work_ns: NDArray[np.float64]
    budget_ns: float


class Series(NamedTuple):
    """What a rule sees: (sets, calls) int64 each, in ns, and the budget."""

    wall_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64]
    budget_ns: float


@dataclass(frozen=True)
class World:
    """How calls come about: whether each is independent of the others, and whether it has the CPU for itself."""

    name: str
    independent: bool
    contended: bool
    work: Draw
    wait: Wait

    def series(self, rng: np.random.Generator, shape: tuple[int, int], rate: float) -> Series:
        """Calls of which a share of `rate` truly exceed the budget, in the long run."""
        work = self.work(rng, shape, rate)
        wall = work.work_ns + self.wait(rng, work.work_ns)
        cpu = work.work_ns * rng.uniform(0.985, 1.0, shape)
        return Series(wall.astype(np.int64), cpu.astype(np.int64), work.budget_ns)


def steady_chain(rng, shape, correlation):
    """Normal deviates, each correlated with the one before it in the same row."""
    noise = rng.standard_normal(shape)
    noise[:, 1:] *= (1 - correlation**2) ** 0.5
    return lfilter([1.0], [1.0, -correlation], noise, axis=1)


def spells(rng, shape, *, share, mean_calls):
    """Whether each call lies in a spell: spells of `mean_calls` on average, a `share` of all calls."""
    leave = 1 / mean_calls
    enter = leave * share / (1 - share)
    state = rng.random(shape[0]) < share
    within = np.empty(shape, dtype=np.bool_)
    for call, toss in enumerate(rng.random(shape[::-1])):
        within[:, call] = state
        state = np.where(state, toss >= leave, toss < enter)
    return within


def _log_normal(deviation):
    def work(rng, shape, rate):
        deviates = rng.standard_normal(shape)
        return Work(WORK_NS * np.exp(deviation * deviates), WORK_NS * np.exp(deviation * norm.isf(rate)))

    return work


def _two_modes(slow):
    """A slow mode of 9 ms; `slow(rng, shape, rate)` says which calls are in it, and the budget lies between."""

    def work(rng, shape, rate):
        modes = np.where(slow(rng, shape, rate), 1.8 * WORK_NS, WORK_NS)
        return Work(modes * rng.uniform(0.95, 1.05, shape), 1.4 * WORK_NS)

    return work


def _chained(rng, shape, rate):
    return Work(WORK_NS * np.exp(0.1 * steady_chain(rng, shape, 0.8)), WORK_NS * np.exp(0.1 * norm.isf(rate)))


def _drifting(rng, shape, rate):
    """A speed that wanders by 4 % over about four seconds, and calls that differ by 3 % from one to the next."""
    deviates = 0.04 * steady_chain(rng, shape, 1 - 1 / 800) + 0.03 * rng.standard_normal(shape)
    return Work(WORK_NS * np.exp(deviates), WORK_NS * np.exp(0.05 * norm.isf(rate)))


def _calm(rng, work_ns):
    return np.zeros_like(work_ns)


def _interrupted(each_ns):
    """Put off the CPU as often as a timer of that period would do, so that longer calls are put off more often."""

    def wait(rng, work_ns):
        interrupted = rng.random(work_ns.shape) < -np.expm1(-work_ns / each_ns)
        return np.where(interrupted, rng.exponential(SLICE_NS, work_ns.shape), 0.0)

    return wait


def _interrupted_in_spells(rng, work_ns):
    """Half of the time, in spells of half a second."""
    return _interrupted(4e6)(rng, work_ns) * spells(rng, work_ns.shape, share=0.5, mean_calls=100)


def _independent_slow(rng, shape, rate):
    return rng.random(shape) < rate


def _slow_in_bursts(rng, shape, rate):
    return spells(rng, shape, share=rate, mean_calls=5)


WORLDS = (
    World("quiet", True, False, _log_normal(0.03), _calm),
    World("lognormal", True, False, _log_normal(0.5), _calm),
    World("bimodal", True, False, _two_modes(_independent_slow), _calm),
    World("autocorrelated", False, False, _chained, _calm),
    World("bursts of five", False, False, _two_modes(_slow_in_bursts), _calm),
    World("drifting", False, False, _drifting, _calm),
    World("contended", True, True, _log_normal(0.05), _interrupted(6e6)),
    World("contended in spells", False, True, _log_normal(0.05), _interrupted_in_spells),
    World("lightly contended", True, True, _log_normal(0.05), _interrupted(100e6)),
)
