"""The session: an inventory, and a bench for each case that is measured with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_rfperf.session.bench import CaseBench
from pytest_rfperf.session.inventory import Inventory

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

    def bench(self, case: Case) -> CaseBench:
        """The bench of a case, made at the first use."""
        if case not in self._benches:
            self._benches[case] = CaseBench(self, case)
        return self._benches[case]
