"""Contestants that do the same work in alternating runs of one process, and how they compare.

A machine speeds up and slows down between runs, so contestants are compared within a round and the median of
those ratios counts. Time on the CPU is the measure; the wall clock is shown beside it.
"""

from __future__ import annotations

import gc
import importlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_S = 0.005
"""A sample repeats its call for this long at least, since the clock of the CPU is coarse."""
SLOW_S = 20.0
"""A call of this length is made once: its warm-up is its sample."""


@dataclass
class Contestant:
    """One way of doing the work, and what was seen of it; `ours` marks the tiers of this package.

    `within` is entered about the calls of a round and is not timed.
    """

    name: str
    starts_from: str
    run: Callable[[], Any]
    ours: bool = False
    within: Callable[[], AbstractContextManager[Any]] = nullcontext
    answer: Any = None
    calls: int = 1
    rounds: int = 1
    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)

    def warm_up(self, rounds, budget_s):
        """Run once, and settle how often to run again."""
        self.sample()
        seconds = self.cpu_s[0] if self.cpu_s[0] > SLOW_S else self._again()
        self.calls = max(1, int(SHORTEST_S / max(seconds, 1e-6)))
        self.rounds = 1 if seconds > SLOW_S else max(3, min(rounds, int(budget_s / max(seconds, 1e-6))))

    def _again(self):
        """The second run is the first without imports and first allocations; neither is a sample."""
        self.sample()
        seconds = self.cpu_s[-1]
        self.cpu_s.clear()
        self.wall_s.clear()
        return seconds

    def sample(self):
        """Time the calls of one round and keep the answer."""
        gc.collect()
        with self.within():
            cpu, wall = process_time(), perf_counter()
            for _ in range(self.calls):
                self.answer = self.run()
            self.wall_s.append((perf_counter() - wall) / self.calls)
            self.cpu_s.append((process_time() - cpu) / self.calls)

    def times(self, other):
        """How many times as long as `other` it takes: the median over the rounds that both were in."""
        return median(mine / theirs for mine, theirs in zip(self.cpu_s, other.cpu_s, strict=False))


def contest(contestants, *, rounds, budget_s=10.0):
    """Let all of them run in every round, each time begun by another one."""
    gc.collect()
    gc.freeze()
    for one in contestants:
        one.warm_up(rounds, budget_s)
    for turn in range(rounds):
        first = turn % len(contestants)
        for one in contestants[first:] + contestants[:first]:
            if len(one.cpu_s) < one.rounds:
                one.sample()
    gc.unfreeze()


def peers_named(names, field_name):
    """What each peer's module in `peers` offers, by the peer's name; a reason where it cannot be had."""
    found = {}
    for name in names:
        try:
            found[name] = getattr(importlib.import_module(f"peers.{name.replace('-', '_')}"), field_name)
        except ModuleNotFoundError:
            found[name] = "not installed"
        except (ImportError, OSError, RuntimeError) as error:
            found[name] = f"does not load: {str(error).splitlines()[0]}"
    return found
