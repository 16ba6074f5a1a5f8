"""Simulated calls in turns, for ratios: how many times as long one detector truly takes as the other is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from error_rates.worlds import SLICE_NS, spells, steady_chain
from scipy.optimize import brentq
from scipy.stats import norm

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORK_NS = 3e6
RUN_CALLS = 333
"""Of each of the two separate runs that the rule over stored means compares: a second of calls."""


class Pairs(NamedTuple):
    """What a rule sees: int64 each, in ns.

    The four of calls in turns are (sets, pairs). The last two are wall times of separate runs, (sets, calls): first the
    second side, the baseline, then the first.
    """

    first_wall: NDArray[np.int64]
    first_cpu: NDArray[np.int64]
    second_wall: NDArray[np.int64]
    second_cpu: NDArray[np.int64]
    first_run: NDArray[np.int64]
    second_run: NDArray[np.int64]


NEVER = (0.0, 1.0)


@dataclass(frozen=True)
class PairWorld:
    """What the times of calls are made of; deviations are those of logarithms.

    Attributes
    ----------
    independent, contended : bool
        Whether each pair is independent of the others; whether other processes take the CPU.
    noise : float
        Of each call on its own.
    images : float
        Of images, the same for both calls of a pair.
    own, own_correlation : float
        Of each side's own speed, which stays alike from call to call.
    drift : float
        Of the host's speed, which wanders over thousands of calls and slows both sides.
    slow, second_slow : (share, factor)
        Share of calls that take that many times as long; of the second side where it differs from the first.
    interrupted_each_ns : float
        Work after which another process takes the CPU; 0 for never.
    quantum_ns : float
        CPU time that the scheduler grants at a time, before it has other processes run for twice a slice; 0 for no end.
    in_spells : bool
        Whether it does so half of the time, in spells of fifty pairs on average.
    """

    name: str
    independent: bool = True
    contended: bool = False
    noise: float = 0.02
    images: float = 0.0
    own: float = 0.0
    own_correlation: float = 0.0
    drift: float = 0.0
    slow: tuple[float, float] = NEVER
    second_slow: tuple[float, float] | None = None
    interrupted_each_ns: float = 0.0
    quantum_ns: float = 0.0
    in_spells: bool = False

    def pairs(self, rng: np.random.Generator, shape: tuple[int, int], ratio: float) -> Pairs:
        """Calls of which the first side's truly take `ratio` times as long, but for what `slow` adds to either."""
        sets, count = shape
        slows = (self.slow, self.second_slow or self.slow)
        host = self._host(rng, (sets, 2 * count))
        spell = np.repeat(self._spells(rng, (sets, count)), 2, axis=1)
        image = rng.normal(0, self.images, shape)
        begins = rng.random(shape) < 0.5
        slots = [np.where(begins, host[:, side::2], host[:, 1 - side :: 2]) for side in (0, 1)]
        first = self._calls(rng, slots[0] + image + np.log(ratio), spell[:, ::2], slows[0])
        second = self._calls(rng, slots[1] + image, spell[:, ::2], slows[1])
        runs = [self._run(rng, sets, np.log(one), slow) for one, slow in zip((ratio, 1.0), slows, strict=True)]
        return Pairs(*first, *second, *runs)

    def true_ratio(self, percentile: float) -> float:
        """How many times as long the first side's percentile is at a ratio of 1, of work in a steady world."""
        first, second = (self._percentile(slow, percentile) for slow in (self.slow, self.second_slow or self.slow))
        return first / second

    def _percentile(self, slow, percentile):
        share, factor = slow

        def excess(log_time):
            slower = (log_time - np.log(factor)) / self.noise
            return (1 - share) * norm.sf(log_time / self.noise) + share * norm.sf(slower) - (1 - percentile / 100)

        return float(np.exp(brentq(excess, -3.0, 3.0, xtol=1e-12)))

    def _host(self, rng, shape):
        return self.drift * steady_chain(rng, shape, 1 - 1 / 3000) if self.drift else np.zeros(shape)

    def _spells(self, rng, shape):
        """Whether other processes are about at each pair."""
        return spells(rng, shape, share=0.5, mean_calls=50) if self.in_spells else np.ones(shape, dtype=np.bool_)

    def _calls(self, rng, logarithm, spell, slow):
        """Wall and CPU time of one side's calls."""
        work = self._work(rng, logarithm, slow)
        return work + self._wait(rng, work, spell), work

    def _run(self, rng, sets, logarithm, slow):
        shape = (sets, RUN_CALLS)
        whole = self._host(rng, shape) + rng.normal(0, self.images, shape) + logarithm
        return self._calls(rng, whole, self._spells(rng, shape), slow)[0]

    def _work(self, rng, logarithm, slow):
        shape, (share, factor) = logarithm.shape, slow
        own = self.own * steady_chain(rng, shape, self.own_correlation) if self.own else 0.0
        slower = np.log(factor) * (rng.random(shape) < share)
        return (WORK_NS * np.exp(logarithm + own + slower + rng.normal(0, self.noise, shape))).astype(np.int64)

    def _wait(self, rng, work, spell):
        if self.quantum_ns:
            times = np.floor(rng.random(work.shape) + work / self.quantum_ns)
            return (2 * SLICE_NS * times * rng.normal(1, 0.01, work.shape)).astype(np.int64)
        if not self.interrupted_each_ns:
            return np.zeros_like(work)
        interrupted = spell & (rng.random(work.shape) < -np.expm1(-work / self.interrupted_each_ns))
        return (interrupted * rng.exponential(SLICE_NS, work.shape)).astype(np.int64)


PAIR_WORLDS = (
    PairWorld("quiet"),
    PairWorld("lognormal", noise=0.3, images=0.3),
    PairWorld("bimodal", slow=(0.1, 1.6)),
    PairWorld("autocorrelated", independent=False, own=0.03, own_correlation=0.8),
    PairWorld("drifting", independent=False, drift=0.08),
    PairWorld("contended", contended=True, interrupted_each_ns=4e6),
    PairWorld("heavily contended", contended=True, quantum_ns=3e6),
    PairWorld("contended in spells", independent=False, contended=True, interrupted_each_ns=2e6, in_spells=True),
)
TAIL_WORLDS = (
    PairWorld("lognormal, p95", noise=0.3),
    PairWorld("bimodal, p95", slow=(0.1, 1.6)),
    PairWorld("a few spikes beside more bumps, p95", slow=(0.045, 4.0), second_slow=(0.055, 1.5)),
    PairWorld("more bumps beside a few spikes, p95", slow=(0.055, 1.5), second_slow=(0.045, 4.0)),
    PairWorld("drifting, p95", independent=False, noise=0.1, drift=0.08),
)
