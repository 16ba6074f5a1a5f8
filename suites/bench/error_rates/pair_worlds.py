"""Simulated calls in turns, for ratios: how many times as long one detector truly takes as the other is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from error_rates.worlds import SLICE_NS, spells, steady_chain

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
    slow_share : float
        Share of calls that take 1.6 times as long.
    interrupted_each_ns : float
        Work after which another process takes the CPU; 0 for never.
    in_spells : bool
        Whether it does so in spells of a hundred calls, half of the time.
    """

    name: str
    independent: bool = True
    contended: bool = False
    noise: float = 0.02
    images: float = 0.0
    own: float = 0.0
    own_correlation: float = 0.0
    drift: float = 0.0
    slow_share: float = 0.0
    interrupted_each_ns: float = 0.0
    in_spells: bool = False

    def pairs(self, rng: np.random.Generator, shape: tuple[int, int], ratio: float) -> Pairs:
        """Calls of which the first side's truly take `ratio` times as long, by any percentile."""
        sets, count = shape
        host = self._host(rng, (sets, 2 * count))
        image = rng.normal(0, self.images, shape)
        begins = rng.random(shape) < 0.5
        first = self._calls(rng, host[:, ::2], host[:, 1::2], begins, image + np.log(ratio))
        second = self._calls(rng, host[:, 1::2], host[:, ::2], begins, image)
        return Pairs(*first, *second, self._run(rng, sets, ratio), self._run(rng, sets, 1.0))

    def _host(self, rng, shape):
        return self.drift * steady_chain(rng, shape, 1 - 1 / 3000) if self.drift else np.zeros(shape)

    def _calls(self, rng, here, there, begins, logarithm):
        """Wall and CPU time of one side's calls: a coin says which call of a pair is made at which time."""
        work = self._work(rng, np.where(begins, here, there) + logarithm)
        return work + self._wait(rng, work), work

    def _run(self, rng, sets, ratio):
        shape = (sets, RUN_CALLS)
        images = rng.normal(0, self.images, shape)
        work = self._work(rng, self._host(rng, shape) + images + np.log(ratio))
        return work + self._wait(rng, work)

    def _work(self, rng, logarithm):
        shape = logarithm.shape
        own = self.own * steady_chain(rng, shape, self.own_correlation) if self.own else 0.0
        slow = np.log(1.6) * (rng.random(shape) < self.slow_share)
        return (WORK_NS * np.exp(logarithm + own + slow + rng.normal(0, self.noise, shape))).astype(np.int64)

    def _wait(self, rng, work):
        if not self.interrupted_each_ns:
            return np.zeros_like(work)
        interrupted = rng.random(work.shape) < -np.expm1(-work / self.interrupted_each_ns)
        if self.in_spells:
            interrupted &= spells(rng, work.shape, share=0.5, mean_calls=100)
        return (interrupted * rng.exponential(SLICE_NS, work.shape)).astype(np.int64)


PAIR_WORLDS = (
    PairWorld("quiet"),
    PairWorld("lognormal", noise=0.3, images=0.3),
    PairWorld("bimodal", slow_share=0.1),
    PairWorld("autocorrelated", independent=False, own=0.03, own_correlation=0.8),
    PairWorld("drifting", independent=False, drift=0.08),
    PairWorld("contended", contended=True, interrupted_each_ns=4e6),
    PairWorld("contended in spells", independent=False, contended=True, interrupted_each_ns=2e6, in_spells=True),
)
TAIL_WORLDS = (
    PairWorld("lognormal, p95", noise=0.3),
    PairWorld("bimodal, p95", slow_share=0.1),
    PairWorld("drifting, p95", independent=False, noise=0.1, drift=0.08),
)
