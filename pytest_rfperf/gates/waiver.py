"""waiver: what a gate may fail by until a date; it judges nothing by itself, but has a failing gate judged again."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.errors import RfperfError, UsageError
from pytest_rfperf.gates.catalogue import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rfperf.gates.gate import Bench, Gate

NAME = "waiver"
_PARTS = {"no_regression": ("no_regression.latency", "no_regression.map")}
METRICS: tuple[str, ...] = tuple(metric for name in CLASSES for metric in _PARTS.get(name, (name,)))
"""What a waiver can be of: `Gate.metric` of every gate."""
_LEAST = ("min_ap", "min_map", "same_detections")
"""Gates whose limit is a least value: the looser one is the lower one."""
_TEXTS = {"owner": "whom to ask", "issue": "where it is followed up", "reason": "why it is tolerated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What is tolerated of one gate until a date.

    Attributes
    ----------
    metric : str
        One of `METRICS`.
    ceiling : float
        What is tolerated in place of the gate's own limit, in the unit of its marker.
    expires : date
        The last day, in UTC, on which it holds.
    owner, issue, reason : str
        Whom to ask, where it is followed up, and why; one line each.
    source : str
        Where it is written, as messages say it: "waiver" for a marker, else the row of the file.
    """

    metric: str
    ceiling: float
    expires: date
    owner: str
    issue: str
    reason: str
    source: str = NAME

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.metric in _PARTS:
            raise self.refuse("metric", f"it has several limits; name the one: {', '.join(_PARTS[self.metric])}")
        if self.metric not in METRICS:
            near = get_close_matches(str(self.metric), METRICS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise self.refuse("metric", f"no gate is called that; known: {', '.join(METRICS)}{hint}")
        ceiling: Any = self.ceiling
        number = isinstance(ceiling, (int, float)) and not isinstance(ceiling, bool)
        if not number or not math.isfinite(ceiling):
            raise self.refuse("ceiling", "expected a number")
        for name, meaning in _TEXTS.items():
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip() or len(text.splitlines()) > 1:
                raise self.refuse(name, f"expected a line that says {meaning}")

    def refuse(self, field: str, why: str) -> UsageError:
        """Say what is wrong with a field."""
        value = getattr(self, field)
        return UsageError(f"{self.source}: {field}={value!r}: {why}")

    def days_left(self, today: date) -> int:
        """Days on which it still holds after this one; negative once it has expired."""
        return (self.expires - today).days

    def note(self, today: date) -> str:
        """What a report says of it while it is in force."""
        days = self.days_left(today)
        left = "its last day is today" if not days else f"{days} day{'s' if days > 1 else ''} left"
        return (
            f"waiver of {self.metric} to {self.ceiling:g} by {self.owner} ({self.issue}): {left}, expires "
            f"{self.expires}: {self.reason}"
        )

    def gate_of(self, gates: Sequence[Gate]) -> Gate | None:
        """The gate that it is of; None where there is none.

        Raises
        ------
        UsageError
            If several are, or if the ceiling cannot be that gate's limit or is no looser than the one it has.
        """
        found = [gate for gate in gates if gate.metric == self.metric]
        if len(found) > 1:
            why = (
                f"this test has {len(found)} such gates, and a ceiling is for one; put the other into a test of its "
                f"own, which measures nothing twice"
            )
            raise self.refuse("metric", why)
        for gate in found:
            self._check_ceiling(gate)
        return next(iter(found), None)

    def _check_ceiling(self, gate: Gate) -> None:
        """Refuse a ceiling under which the gate would fail all the same."""
        try:
            there = gate.at(self.ceiling)
        except UsageError as error:
            raise self.refuse("ceiling", f"it cannot be the limit of the gate: {error}") from error
        argument = next((f.name for f in fields(gate) if getattr(gate, f.name) != getattr(there, f.name)), "")
        if not argument:
            raise self.refuse("ceiling", f"{gate.metric} has that limit itself; expected a looser one, or no waiver")
        limit, least = getattr(gate, argument), gate.name in _LEAST
        if self.ceiling > limit if least else self.ceiling < limit:
            wanted = f"{'below' if least else 'above'} {limit:g}"
            why = f"{gate.metric} itself has {argument}={limit:g}; expected a ceiling {wanted}, or no waiver"
            raise self.refuse("ceiling", why)


def make_waiver(arguments: Sequence[Any], keywords: Mapping[str, Any], source: str = NAME) -> Waiver:
    """Make a waiver of the arguments of its marker, or of the keys of its row.

    Raises
    ------
    UsageError
        If an argument is unknown, missing, given twice or impossible; the message names the known ones.
    """
    known = [field.name for field in fields(Waiver) if field.name != "source"]
    if len(arguments) > 1 or (arguments and known[0] in keywords):
        msg = f"{source}: takes one positional argument, {known[0]}; all others are given by name"
        raise UsageError(msg)
    given = dict(keywords) | dict(zip(known, arguments, strict=False))
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"{source}: unknown argument '{name}'; known: {', '.join(known)}{hint}"
            raise UsageError(msg)
    missing = [name for name in known if name not in given]
    if missing:
        msg = f"{source}: argument '{missing[0]}' is missing; known: {', '.join(known)}"
        raise UsageError(msg)
    return Waiver(**given | {"expires": _day(given["expires"], source)}, source=source)


def judge_waived(gate: Gate, waiver: Waiver, bench: Bench, today: date) -> Verdict:
    """The verdict of a gate that has a waiver.

    Where the gate fails, it is judged again at the ceiling on the same evidence: WAIVED where it passes there.
    An expired waiver is an error whatever the gate says, so that it is renewed or removed.
    """
    if waiver.days_left(today) < 0:
        verdict = _whatever(gate, bench)
        return replace(verdict, outcome=Outcome.ERROR, message=f"{verdict.message}; {_expired(verdict, waiver, today)}")
    verdict = gate.judge(bench)
    if verdict.outcome is Outcome.PASS:
        text = f"waiver not needed, remove it ({waiver.owner}, {waiver.issue})"
        return replace(verdict, message=f"{verdict.message}; {text}")
    if verdict.outcome is not Outcome.FAIL:
        return verdict
    there = _whatever(gate.at(waiver.ceiling), bench)
    ceiling = f"{waiver.ceiling:g} {verdict.unit}".rstrip()
    until = f"until {waiver.expires} by {waiver.owner} ({waiver.issue}): {waiver.reason}"
    if there.outcome is Outcome.PASS:
        return replace(verdict, outcome=Outcome.WAIVED, message=f"{verdict.message}; waived to {ceiling} {until}")
    if there.outcome is Outcome.FAIL:
        return replace(verdict, message=f"{verdict.message}; beyond the waiver's ceiling of {ceiling} {until}")
    text = f"not shown to keep the waiver's ceiling of {ceiling} ({there.outcome.value} there: {there.message})"
    return replace(verdict, message=f"{verdict.message}; {text}")


def _whatever(gate: Gate, bench: Bench) -> Verdict:
    """A verdict also where the gate cannot be judged, which must hide neither a failure nor an expired waiver."""
    try:
        return gate.judge(bench)
    except RfperfError as error:
        message = str(error).removeprefix(f"{gate.name}: ")
        return Verdict(
            gate=gate.name,
            metric=gate.metric,
            outcome=Outcome.ERROR,
            measured=None,
            limit=0.0,
            unit="",
            message=message,
        )


def _expired(verdict: Verdict, waiver: Waiver, today: date) -> str:
    """What has run out, and the next step."""
    place = "the marker" if waiver.source == NAME else waiver.source
    step = (
        "the gate passes: remove the waiver"
        if verdict.outcome is Outcome.PASS
        else f"fix it, or renew the waiver with {waiver.owner} ({waiver.issue})"
    )
    return f"its waiver ({place}) has expired: expires was {waiver.expires}, today is {today}; {step}"


def _day(value: Any, source: str) -> date:  # noqa: ANN401 - what a user wrote
    """A day given as text or as a date.

    Raises
    ------
    UsageError
        If it is neither, or no day of the calendar.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        msg = f"{source}: expires={value!r}: expected a day, such as '2026-12-31'"
        raise UsageError(msg) from error
