"""Collecting: parametrise what needs a model, target or dataset, and make gates of markers."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.errors import RfperfError, UsageError
from pytest_rfperf.gates.catalogue import CLASSES
from pytest_rfperf.gates.gate import gate_class, make_gate
from pytest_rfperf.plugin.sizes import check_sizes, deselect_sizes, sized
from pytest_rfperf.plugin.stash import GATE_COUNT, GATES, MARK_COUNT, PARTS, PREFIX, PROBLEM
from pytest_rfperf.plugin.state import settings_of
from pytest_rfperf.plugin.waivers import WAIVERS, unused_rows, waiver_rows, waivers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rfperf.config import Settings
    from pytest_rfperf.gates.gate import Gate
    from pytest_rfperf.plugin.waivers import Row

BENCHMARK = "benchmark"


def parametrise(metafunc: pytest.Metafunc) -> None:
    """Make one test of each selected model, target and dataset, as far as fixtures and gates need them."""
    needed = _needed(metafunc)
    if not needed:
        return
    try:
        settings = settings_of(metafunc.config)
        for part in needed:
            values = _values(part, settings, metafunc.definition)
            name = PREFIX + part
            if name not in metafunc.fixturenames:
                metafunc.fixturenames.append(name)
            metafunc.parametrize(name, values, indirect=True, ids=values, scope="session")
    except RfperfError as error:
        metafunc.config.stash[PROBLEM] = str(error)


def prepare_gates(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn the markers of every collected test into gates.

    A worker of pytest-xdist cannot end the run: there each test concerned fails with the message.

    Raises
    ------
    pytest.UsageError
        Naming every marker that cannot be meant, with its test; or what is wrong with the configuration.
    """
    deselect_sizes(config, items)
    rows = _waiver_rows(config)
    for item in items:
        try:
            _prepare(item, rows)
        except UsageError as error:
            general = str(error) == config.stash.get(PROBLEM, "")
            item.stash[PROBLEM] = str(error) if general else f"{item.nodeid.partition('[')[0]}: {error}"
    config.stash[GATE_COUNT] = sum(len(item.stash.get(GATES, ())) for item in items)
    problems = [item.stash[PROBLEM] for item in items if PROBLEM in item.stash] or unused_rows(config, items, rows)
    if problems and not hasattr(config, "workerinput"):
        raise pytest.UsageError("\n".join(dict.fromkeys(problems)))


def _prepare(item: pytest.Item, rows: Sequence[Row]) -> None:
    """Put the gates of one test on it, and their waivers."""
    marks = [mark for mark in item.iter_markers() if mark.name in CLASSES]
    _refuse(item.config, item, marks)
    check_sizes(item)
    gates = _closest(part for mark in marks for part in make_gate(mark.name, mark.args, mark.kwargs).parts)
    waivers = waivers_of(item, gates, rows)
    item.stash[MARK_COUNT] = len(marks)
    if gates:
        item.stash[GATES] = gates
    if waivers:
        item.stash[WAIVERS] = waivers


def _waiver_rows(config: pytest.Config) -> list[Row]:
    """The waivers of the configuration; what is wrong with it is said once, by every test that it concerns."""
    try:
        return waiver_rows(settings_of(config))
    except UsageError as error:
        config.stash.setdefault(PROBLEM, str(error))
        return []


def _needed(metafunc: pytest.Metafunc) -> list[str]:
    """Parts of the case that a test's fixtures and gates need, in the order of the test's id."""
    names = {mark.name for mark in metafunc.definition.iter_markers() if mark.name in CLASSES}
    if BENCHMARK in metafunc.fixturenames:
        names.discard("latency_budget")
    gates = [gate_class(name) for name in names]
    by_gate = {
        "model": any(gate.needs_model for gate in gates),
        "target": any(gate.needs_target for gate in gates),
        "dataset": any(gate.needs_dataset for gate in gates),
    }
    return [part for part in PARTS if by_gate[part] or PREFIX + part in metafunc.fixturenames]


def _values(part: str, settings: Settings, test: pytest.Item) -> tuple[str, ...]:
    chosen = {
        "model": sized(test, settings),
        "target": settings.chosen_targets,
        "dataset": settings.chosen_datasets,
    }[part]
    if not chosen:
        examples = {"model": 'artifact = "best.onnx"', "dataset": 'path = "data/street"', "target": ""}
        msg = f"{settings.source}: no {part} is configured; add [tool.rfperf.{part}s.NAME] with {examples[part]}"
        raise UsageError(msg)
    return chosen


def _closest(gates: Iterable[Gate]) -> list[Gate]:
    """One gate a key: markers come closest first, so that a method's wins over its class's."""
    by_key: dict[Any, Gate] = {}
    for gate in gates:
        by_key.setdefault(gate.key, gate)
    return list(by_key.values())


def _refuse(config: pytest.Config, item: pytest.Item, marks: list[pytest.Mark]) -> None:
    """Refuse a configuration that cannot be meant, and methods that pytest does not run itself."""
    if PROBLEM in config.stash and (marks or _asks_for_case(item)):
        raise UsageError(config.stash[PROBLEM])
    owner = getattr(item, "cls", None)
    if marks and isinstance(owner, type) and issubclass(owner, unittest.TestCase):
        msg = (
            f"{marks[0].name} cannot judge the unittest method {item.name}; write a function, or a class that is "
            f"no unittest.TestCase"
        )
        raise UsageError(msg)


def _asks_for_case(item: pytest.Item) -> bool:
    return any(PREFIX + part in getattr(item, "fixturenames", ()) for part in PARTS)
