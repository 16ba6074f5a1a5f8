"""The session: an inventory, and a bench for each case that is measured with it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pytest_rfperf.session.bench import CaseBench
from pytest_rfperf.session.inventory import Inventory
from pytest_rfperf.session.pair_bench import PairBench

if TYPE_CHECKING:
    from pytest_rfperf.config import Settings
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.inventory import Progress


class Session(Inventory):
    """Made like an `Inventory`; gives each case the one bench that keeps what it has measured."""

    def __init__(self, settings: Settings, progress: Progress, **more: Any) -> None:  # noqa: ANN401 - as an Inventory takes it
        """Open nothing yet."""
        super().__init__(settings, progress, **more)
        self._benches: dict[Case, CaseBench] = {}
        self._pairs: dict[tuple[Case, Case], PairBench] = {}

    def close(self) -> None:
        """Close what took turns, then all that an inventory holds."""
        with contextlib.ExitStack() as stack:
            stack.callback(super().close)
            for bench in self._benches.values():
                stack.callback(bench.close)
            for pair in self._pairs.values():
                stack.callback(pair.close)

    def bench(self, case: Case) -> CaseBench:
        """The bench of a case, made at the first use."""
        if case not in self._benches:
            self._benches[case] = CaseBench(self, case)
        return self._benches[case]

    def pair(self, case: Case, other: str) -> PairBench:
        """The bench of a case and another model on the same target and dataset, the smaller model first."""
        order = list(self.settings.models)
        first, second = sorted((case, case._replace(model=other)), key=lambda one: order.index(one.model or ""))
        if (first, second) not in self._pairs:
            self._pairs[first, second] = PairBench(self, self.bench(first), self.bench(second))
        return self._pairs[first, second]

    def pairs_with(self, case: Case) -> list[PairBench]:
        """All pairs that a case is a side of."""
        return [pair for cases, pair in self._pairs.items() if case in cases]
