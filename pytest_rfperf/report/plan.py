"""A plan in lines for a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.report.files import FOLDER, keep_unversioned
from pytest_rfperf.report.grid import text_grid
from pytest_rfperf.store.atomic import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.planner.rows import GatePlan, MarginPlan, Plan

SCHEMA = 1
USUAL_PLACE = f"{FOLDER}/plan.json"
"""Where a plan goes unless a place is named: the facts of the last session stay."""
_HEADINGS = (
    "test",
    "case",
    "gate",
    "least",
    "5 %",
    "20 %",
    "of",
    "images",
    "s 5 %",
    "s 20 %",
    "cap s",
    "power 5 %",
    "20 %",
    "by",
)
_NUMBERS = (3, 4, 5, 7, 8, 9, 10, 11, 12)
_NEVER, _OPEN = "never", "?"
_MANY = 2


def plan_lines(plan: Plan) -> list[str]:
    """A row a gate, then remarks, those on gates that are never decided first, and the seconds in all."""
    if not plan.gates:
        return ["no gate is selected"]
    files = {row.test.partition("::")[0] for row in plan.gates}
    rows = [_cells(row, short=len(files) == 1) for row in plan.gates]
    return [
        *text_grid(_HEADINGS, rows, _NUMBERS),
        *_remarks([row for row in plan.gates if row.never], "never decided: "),
        *_remarks([row for row in plan.gates if not row.never], ""),
        *(f"note: {note}" for note in plan.notes),
        _total(plan),
    ]


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan for programs; the folder .rfperf keeps itself out of version control.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    content = {"schema": SCHEMA, "kind": "plan", **msgspec.structs.asdict(plan)}
    write_atomically(path, msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=1) + b"\n")
    if path.parent.name == FOLDER:
        keep_unversioned(path.parent)


def _cells(row: GatePlan, *, short: bool) -> tuple[str, ...]:
    near, far = row.margins or (None, None)
    test = row.test.partition("[")[0]
    return (
        test.partition("::")[2] if short else test,
        _case(row),
        row.asked,
        _count(row.least),
        *((_NEVER, _NEVER) if row.never else (_needed(near, row), _needed(far, row))),
        row.unit,
        "" if row.unit != "images" else _count(row.images) or _OPEN,
        _seconds(near),
        _seconds(far),
        "" if row.cap_s is None else f"{row.cap_s:.3g}",
        _power(near, row),
        _power(far, row),
        "" if row.never else row.basis,
    )


def _case(row: GatePlan) -> str:
    place = "/".join(filter(None, (row.target, row.dataset)))
    return f"{row.model} on {place}" if place and row.model else row.model or place


def _count(count: int | None) -> str:
    return "" if count is None else str(count)


def _needed(one: MarginPlan | None, row: GatePlan) -> str:
    """Observations; more than the cap allows where half of the runs do not decide within it."""
    if one is None:
        return ""
    if one.needed is None:
        return _OPEN if row.most is None else f">{row.most}"
    return str(one.needed)


def _seconds(one: MarginPlan | None) -> str:
    if one is None:
        return ""
    return _OPEN if one.seconds is None else f"{one.seconds:.2g}" if one.seconds < 100 else f"{one.seconds:.0f}"  # noqa: PLR2004 - two digits


def _power(one: MarginPlan | None, row: GatePlan) -> str:
    if row.remark.startswith("decided by the value"):
        return "value"
    if one is None:
        return ""
    if one.power is None:
        return _OPEN
    return f"{one.power:.0%}"


def _remarks(rows: Sequence[GatePlan], before: str) -> list[str]:
    """One line a remark; what many gates share is said once."""
    by_remark: dict[str, list[GatePlan]] = {}
    for row in rows:
        if row.remark:
            by_remark.setdefault(row.remark, []).append(row)
    return [f"{before}{_whose(owners)}: {remark}" for remark, owners in by_remark.items()]


def _whose(rows: Sequence[GatePlan]) -> str:
    named = list(dict.fromkeys(f"{row.asked} for {_case(row)}" if _case(row) else row.asked for row in rows))
    return ", ".join(named) if len(named) <= _MANY else f"{named[0]} and {len(named) - 1} more"


def _total(plan: Plan) -> str:
    near, far = plan.total
    known = f"{near.seconds:.3g} s where figures lie 5 % from their limits, {far.seconds:.3g} s where 20 %"
    unknown = f"{plan.unknown} measurement{'s' * (plan.unknown > 1)} of unknown length"
    said = " and ".join([known] * bool(near.seconds) + [unknown] * bool(plan.unknown)) or "nothing"
    cap = "" if plan.suite_cap_s is None else f"; the suite's cap is {plan.suite_cap_s:g} s"
    return f"measuring in all: {said}; opening and warming up come on top{cap}"
