"""Waivers of markers and of the configuration: which gate of which test each is of, and which is of none."""

from __future__ import annotations

import glob
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from pytest_rfperf.gates.waiver import NAME, Waiver, judge_waived, make_waiver
from pytest_rfperf.plugin.stash import GATES, PARTS, PREFIX
from pytest_rfperf.plugin.state import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from pytest_rfperf.config import Settings
    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.gates.gate import Bench, Gate

WAIVERS: pytest.StashKey[dict[Any, Waiver]] = pytest.StashKey()
"""On a test: the waiver of each gate that has one, by the gate's key."""
_METRIC = "metric"
_NARROWING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "ignore", "ignore_glob", "rfperf_bundled")
"""Options under which tests that are there may not be collected or run."""


class Row(NamedTuple):
    """A waiver of the configuration, and the tests that it is for: a node id, with * and ? for anything."""

    test: str
    waiver: Waiver

    def names(self, nodeid: str) -> bool:
        """Whether it is for that test; an id without brackets is for all cases of the test. Brackets are literal."""
        pattern = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in self.test)
        return any(re.fullmatch(pattern, one, re.DOTALL) for one in (nodeid, nodeid.partition("[")[0]))


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def waiver_rows(settings: Settings) -> list[Row]:
    """The waivers of the configuration.

    Raises
    ------
    UsageError
        If a row cannot be meant.
    """
    rows = []
    for rank, row in enumerate(settings.waivers):
        keys = msgspec.structs.asdict(row)
        test = keys.pop("test")
        rows.append(Row(test, make_waiver((), keys, f"{settings.source}: waivers[{rank}]")))
    return rows


def waivers_of(item: pytest.Item, gates: Sequence[Gate], rows: Sequence[Row]) -> dict[Any, Waiver]:
    """The waivers of a test's gates by the gates' keys; of markers of one gate the closest counts.

    Raises
    ------
    UsageError
        If a marker cannot be meant or is of no gate of the test, or a row is of a gate that is waived already.
    """
    found: dict[Any, Waiver] = {}
    for mark in item.iter_markers(NAME):
        waiver = make_waiver(mark.args, mark.kwargs)
        gate = waiver.gate_of(gates)
        if gate is None:
            known = ", ".join(sorted({one.metric for one in gates})) or "none"
            raise waiver.refuse(_METRIC, f"this test has no such gate; it has {known}")
        found.setdefault(gate.key, waiver)
    for row in rows:
        gate = row.waiver.gate_of(gates) if row.names(item.nodeid) else None
        if gate is None:
            continue
        if gate.key in found:
            raise row.waiver.refuse(_METRIC, f"this gate is waived already ({found[gate.key].source}); keep one")
        found[gate.key] = row.waiver
    return found


def judged_with_waiver(item: pytest.Item, gate: Gate, bench: Bench) -> Verdict:
    """The verdict of one gate of a test, with regard to its waiver where it has one."""
    waiver = item.stash.get(WAIVERS, {}).get(gate.key)
    return gate.judge(bench) if waiver is None else judge_waived(gate, waiver, bench, today())


def waiver_notes(item: pytest.Item) -> list[str]:
    """What a report says of the waivers of a test that are in force."""
    day = today()
    return [waiver.note(day) for waiver in item.stash.get(WAIVERS, {}).values() if waiver.days_left(day) >= 0]


def unused_rows(config: pytest.Config, items: Sequence[pytest.Item], rows: Sequence[Row]) -> list[str]:
    """Say which rows are of no gate that was collected; nothing where not all tests were."""
    if not rows or _narrowed(config, items):
        return []
    settings = settings_of(config)
    unused = [row for row in rows if not any(_is_of(row, item, settings) for item in items)]
    return [_unused(row, items) for row in unused]


def _is_of(row: Row, item: pytest.Item, settings: Settings) -> bool:
    metrics = {gate.metric for gate in item.stash.get(GATES, [])}
    return row.waiver.metric in metrics and any(row.names(nodeid) for nodeid in _ids(item, settings))


def _ids(item: pytest.Item, settings: Settings) -> Iterator[str]:
    """The id of a test, and those that it has on targets that are configured but not selected."""
    yield item.nodeid
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    parts = {part: parameters[PREFIX + part] for part in PARTS if PREFIX + part in parameters}
    for target in settings.targets if "target" in parts else ():
        yield item.nodeid.replace("-".join(parts.values()), "-".join((parts | {"target": target}).values()))


def _unused(row: Row, items: Sequence[pytest.Item]) -> str:
    named = next((item for item in items if row.names(item.nodeid)), None)
    why = (
        "no collected test is called that"
        if named is None
        else f"no test of that name has the gate {row.waiver.metric}; for example {named.nodeid}"
    )
    return f"{row.waiver.source}: test={row.test!r}: {why}; correct the row, or remove it"


def _narrowed(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Whether a run leaves out tests or cases that are there; the default target is no choice of a run."""
    if hasattr(config, "workerinput") or any(getattr(config.option, name, None) for name in _NARROWING):
        return True
    if any(item.session.testsfailed for item in items[:1]) or not _takes_all_paths(config):
        return True
    settings = settings_of(config)
    targets_left_out = set(settings.targets) - set(settings.chosen_targets)
    return (
        set(settings.models) != set(settings.chosen_models)
        or set(settings.datasets) != set(settings.chosen_datasets)
        or (settings.chosen_by["target"] != "default-target" and bool(targets_left_out))
    )


def _takes_all_paths(config: pytest.Config) -> bool:
    """Whether the folders and files that a run was given cover `testpaths`, or all below the root folder without it."""
    given = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    patterns = config.getini("testpaths")
    names = [name for one in patterns for name in glob.iglob(one, root_dir=config.rootpath, recursive=True)]  # noqa: PTH207 - as pytest reads testpaths
    wanted = [Path(config.rootpath, name).resolve() for name in names] or [config.rootpath.resolve()]
    return all(any(path.is_relative_to(one) for one in given) for path in wanted)
