"""The plan of a session: for each gate the calls, images and seconds it needs, and how likely it decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pytest_rfperf.core.planning import MARGINS
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import RfperfError
from pytest_rfperf.gates.accuracy_regression import AccuracyRegression
from pytest_rfperf.gates.cold_start_budget import ColdStartBudget
from pytest_rfperf.gates.gate import BASELINE
from pytest_rfperf.gates.latency_budget import LatencyBudget
from pytest_rfperf.gates.latency_ratio import LatencyRatio
from pytest_rfperf.gates.latency_regression import LatencyRegression
from pytest_rfperf.gates.memory_budget import MEMORY_CALLS, MemoryBudget
from pytest_rfperf.gates.min_map import MinMap
from pytest_rfperf.gates.same_detections import SameDetections
from pytest_rfperf.planner.accuracy import planned_accuracy, planned_regression, planned_same
from pytest_rfperf.planner.known import BaselineKnown
from pytest_rfperf.planner.latency import planned_budget, planned_starts, planned_turns
from pytest_rfperf.planner.probe import ProbeKnown
from pytest_rfperf.planner.rows import GatePlan, MarginPlan, Plan, Share

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pytest_rfperf.config import Settings
    from pytest_rfperf.gates.gate import Gate
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.session import Session

_MEMORY_PROCESSES = 4
"""As in `session.bench`, which brings in the runtime that a static plan does without."""


class Selected(NamedTuple):
    """A test with gates.

    Attributes
    ----------
    test : str
        Its node id.
    case : Case
    gates : sequence of Gate
    by_benchmark : bool
        Whether its body makes the calls, with the fixture of pytest-benchmark.
    """

    test: str
    case: Case
    gates: Sequence[Gate]
    by_benchmark: bool = False


class Planner:
    """Plans gates in the order in which they would run: the first may leave the others nothing of the suite's cap.

    Parameters
    ----------
    settings : Settings
    alpha : float
        Chance of a wrong FAIL that the session grants a gate.
    session : Session or None
        To probe with; None opens nothing.
    """

    def __init__(self, settings: Settings, alpha: float, session: Session | None = None) -> None:
        """Look at nothing yet."""
        self._settings, self._alpha, self._session = settings, alpha, session
        self._known: dict[Case, BaselineKnown] = {}
        self._spent: dict[Hashable, GatePlan] = {}

    def plan(self, selected: Sequence[Selected]) -> Plan:
        """The plan of all gates."""
        rows = [self._row(one, gate) for one in selected for gate in one.gates]
        run = self._settings.run
        problems = dict.fromkeys(known.problem for known in self._known.values() if known.problem)
        return Plan(
            mode="probe" if self._session else "static",
            cap_s=run.cap_s,
            suite_cap_s=run.suite_cap_s,
            gates=rows,
            total=[self._total(rank, margin) for rank, margin in enumerate(MARGINS)],
            unknown=sum(_seconds(row, 0) is None for row in self._spent.values()),
            notes=[*problems, *(self._session.notes if self._session else ())],
        )

    def _row(self, one: Selected, gate: Gate) -> GatePlan:
        case = one.case
        row = GatePlan(
            test=one.test,
            model=case.model or "",
            target=case.target or "",
            dataset=case.dataset or "",
            gate=gate.metric,
            asked=asked_words(gate),
        )
        if one.by_benchmark and isinstance(gate, LatencyBudget):
            return msgspec.structs.replace(
                row, remark="judges the rounds that the body makes, which a plan does not run"
            )
        key = _key(gate, case)
        try:
            row = self._planned(gate, row, case, self._share(key))
        except RfperfError as error:
            return msgspec.structs.replace(row, never=True, remark=str(error).removeprefix(f"{gate.name}: "))
        before = self._spent.get(key)
        if key is not None and not row.never and (before is None or _longest(before) < _longest(row)):
            self._spent[key] = row
        return row

    def _planned(self, gate: Gate, row: GatePlan, case: Case, share: Share) -> GatePlan:
        for kind, planned in _BY_KIND.items():
            if isinstance(gate, kind):
                return planned(gate, row, self._known_of(case), share)
        return msgspec.structs.replace(row, unit="", remark="decided by the value: nothing is measured")

    def _known_of(self, case: Case) -> BaselineKnown:
        if case not in self._known:
            session = self._session
            self._known[case] = BaselineKnown(self._settings, case) if session is None else ProbeKnown(session, case)
        return self._known[case]

    def _share(self, key: Hashable) -> Share:
        run = self._settings.run
        if run.suite_cap_s is None:
            return Share(self._alpha, run.alpha, run.cap_s, math.inf)
        others = sum(_longest(row) for other, row in self._spent.items() if other != key)
        return Share(self._alpha, run.alpha, run.cap_s, max(0.0, run.suite_cap_s - others), others)

    def _total(self, rank: int, margin: float) -> MarginPlan:
        seconds = [_seconds(row, rank) or 0.0 for row in self._spent.values()]
        return MarginPlan(margin, None, sum(seconds), None)


def asked_words(gate: Gate) -> str:
    """A gate as its marker was written, without what is usual: latency_budget(ms=50)."""
    from dataclasses import fields  # noqa: PLC0415 - the name is that of msgspec's elsewhere

    given = [
        (field.name, getattr(gate, field.name)) for field in fields(gate) if getattr(gate, field.name) != field.default
    ]
    return f"{gate.name}({', '.join(f'{name}={value!r}' for name, value in given)})"


def _key(gate: Gate, case: Case) -> Hashable:
    """Gates of one key share what is measured."""
    if isinstance(gate, LatencyBudget):
        return ("calls", case, gate.shape)
    if isinstance(gate, LatencyRatio):
        pair = tuple(sorted((case.model or "", gate.against)))
        return ("turns", case.target, case.dataset, pair, gate.scope)
    if isinstance(gate, LatencyRegression):
        return ("turns", case.target, case.dataset, tuple(sorted((case.model or "", BASELINE))), LoadShape().scope)
    if isinstance(gate, (MinMap, AccuracyRegression, SameDetections)):
        return ("accuracy", case)
    return (gate.name, case) if isinstance(gate, (ColdStartBudget, MemoryBudget)) else None


def _turns(gate: Any, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ANN401 - one of two gates
    if isinstance(gate, LatencyRegression):
        return planned_turns(LatencyRatio(1 + gate.latency, BASELINE), row, known, share, by_numbers=True)
    return planned_turns(gate, row, known, share)


def _memory(gate: Gate, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ARG001 - as all are called
    each_s, start_s = known.image_s, known.start_s
    seconds = None if each_s is None or start_s is None else _MEMORY_PROCESSES * (start_s + MEMORY_CALLS * each_s)
    return msgspec.structs.replace(
        row,
        unit="processes",
        least=_MEMORY_PROCESSES,
        margins=[MarginPlan(margin, _MEMORY_PROCESSES, seconds, None) for margin in MARGINS],
        remark="decided by the value: the highest of three processes, less a bare one",
    )


def _seconds(row: GatePlan, rank: int) -> float | None:
    return row.margins[rank].seconds if rank < len(row.margins) else None


def _longest(row: GatePlan) -> float:
    return max((one.seconds or 0.0 for one in row.margins), default=0.0)


_BY_KIND: dict[type[Gate], Callable[[Any, GatePlan, BaselineKnown, Share], GatePlan]] = {
    LatencyBudget: planned_budget,
    LatencyRatio: _turns,
    LatencyRegression: _turns,
    ColdStartBudget: planned_starts,
    MemoryBudget: _memory,
    MinMap: planned_accuracy,
    AccuracyRegression: planned_regression,
    SameDetections: planned_same,
}
