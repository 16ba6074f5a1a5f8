"""Plans of gates on times: budgets, models in turns, fresh processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from pytest_rfperf.core.budget import exceedance_rate
from pytest_rfperf.core.forecast import (
    USUAL_POWER,
    Rule,
    Sides,
    budget_rule,
    count_for,
    forecast,
    forecast_here,
    half_rule,
    looks_at,
)
from pytest_rfperf.core.planning import (
    MARGINS,
    SPREAD,
    budget_sides,
    nearest,
    pair_sides,
    start_sides,
    stored_power,
    tail_sides,
)
from pytest_rfperf.core.regression import MEDIAN, pairs_behind
from pytest_rfperf.core.stored_runs import LEAST_RUNS
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.gates.cold_start_budget import COLD_CAP_FACTOR, MOST_STARTS
from pytest_rfperf.gates.stored_numbers import _LEAST_CALLS
from pytest_rfperf.planner.rows import GatePlan, MarginPlan, Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.core.forecast import Exceedances
    from pytest_rfperf.gates.cold_start_budget import ColdStartBudget
    from pytest_rfperf.gates.latency_budget import LatencyBudget
    from pytest_rfperf.gates.latency_ratio import LatencyRatio
    from pytest_rfperf.planner.known import BaselineKnown, Opposed

ASSUMED = f"assumed: log-normal, {100 * SPREAD:.0f} % spread"
"""As in `session.bench`, which brings in the runtime that a static plan does without."""
_ROOM = 1.2


class _Course(NamedTuple):
    """How a gate on times goes on.

    `sides` gives, for a margin, the exceedances and the share of calls that count; `ahead` are calls before the first
    that counts; `least_share` is the share of calls that count where none exceeds.
    """

    rule: Rule
    sides: Callable[[float], tuple[Sides, float]]
    each_s: float | None
    ahead: int = 0
    least_share: float = 1.0
    fail_repeats: bool = False


def planned_budget(gate: LatencyBudget, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:
    """The plan of a latency budget."""
    seen = known.seen(gate.shape)
    times, rule = None if seen is None else seen.times, budget_rule(gate.percentile, share.alpha, share.beta)
    course = _Course(
        rule, lambda margin: (budget_sides(times, gate.percentile, margin), 1.0), None if seen is None else seen.each_s
    )
    row = msgspec.structs.replace(row, unit="calls", basis=ASSUMED if seen is None else seen.said)
    row = _planned(row, course, share, gate.shape.pace_ns / 1e9)
    if times is None or row.never:
        return row
    figure = nearest(times, gate.percentile) / 1e6
    return _with_here(row, course, share, times > gate.ms * 1e6, (figure, gate.ms, f"p{gate.percentile:g}", "ms"))


def planned_turns(
    gate: LatencyRatio, row: GatePlan, known: BaselineKnown, share: Share, *, by_numbers: bool = False
) -> GatePlan:
    """The plan of two models in turns; `by_numbers` where recorded numbers may decide in place of the other one."""
    shape = LoadShape(gate.scope)
    opposed = known.opposed(gate.against, shape)
    row = msgspec.structs.replace(row, unit="pairs", basis=opposed.said or ASSUMED)
    if opposed.never or (opposed.medians is not None and not by_numbers):
        return msgspec.structs.replace(row, never=True, remark=opposed.never or opposed.remark)
    if opposed.medians is not None:
        return _by_numbers(gate.max - 1, row, opposed, opposed.medians)
    course = _in_turns(gate, opposed, half_rule(share.alpha / 2, share.beta))
    row = _planned(row, course, share, 0.0)
    row = msgspec.structs.replace(row, remark="; ".join(filter(None, (opposed.remark, row.remark))))
    if opposed.ratio is None or opposed.log_ratios is None or gate.percentile != MEDIAN or row.never:
        return row
    exceeded = opposed.log_ratios > math.log(gate.max)
    return _with_here(row, course, share, exceeded, (opposed.ratio, gate.max, "median ratio", "x"))


def planned_starts(gate: ColdStartBudget, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ARG001 - as all are called
    """The plan of fresh processes."""
    each_s, rule = known.start_s, half_rule(share.alpha, share.beta, dependent=False)
    granted_s = min(COLD_CAP_FACTOR * share.cap_s, share.left_s)
    most = MOST_STARTS if each_s is None else min(MOST_STARTS, 1 + int(granted_s / each_s))
    basis = f"{ASSUMED}{'' if each_s is None else f', {each_s:.2g} s a start'}"
    row = msgspec.structs.replace(row, unit="starts", least=rule.least, most=most, cap_s=granted_s, basis=basis)
    if most < rule.least:
        needed_s = _rounded_up(rule.least * (each_s or 0.0))
        option, seconds = share.option, needed_s / (1 if share.left_s < share.cap_s else COLD_CAP_FACTOR)
        why = f"a PASS needs {rule.least} starts, and the cap allows {most}; raise {option} to {seconds:g} s or more"
        return msgspec.structs.replace(row, never=True, remark=why)
    looks = np.arange(1, most + 1)
    found = [forecast(start_sides(margin), rule, looks) for margin in MARGINS]
    margins = [
        MarginPlan(margin, one.needed, _times(one.needed or most, each_s), one.power)
        for margin, one in zip(MARGINS, found, strict=True)
    ]
    weak = found[0].power < USUAL_POWER
    remark = f"seldom decided at {MARGINS[0]:.0%}: {MOST_STARTS} starts are the most; keep the budget further away"
    return msgspec.structs.replace(row, margins=margins, remark=remark if weak else "")


def _in_turns(gate: LatencyRatio, opposed: Opposed, rule: Rule) -> _Course:
    if gate.percentile == MEDIAN:
        return _Course(
            rule, lambda margin: (pair_sides(opposed.log_ratios, margin), 1.0), opposed.each_s, fail_repeats=True
        )
    return _Course(
        rule._replace(alpha=rule.alpha / 2, beta=rule.beta / 2, dependent=False),
        lambda margin: tail_sides(opposed.times, gate.percentile, margin),
        opposed.each_s,
        ahead=pairs_behind(gate.percentile),
        least_share=2 * exceedance_rate(gate.percentile),
        fail_repeats=True,
    )


def _by_numbers(tolerance: float, row: GatePlan, opposed: Opposed, medians: tuple[float, ...]) -> GatePlan:
    """The plan of a comparison with recorded numbers."""
    count = len(medians)
    row = msgspec.structs.replace(row, unit="calls", least=_LEAST_CALLS, basis=f"{count} recorded runs")
    if count < LEAST_RUNS:
        why = f"{opposed.remark}; numbers alone decide from {LEAST_RUNS} recorded runs on, there are {count}"
        return msgspec.structs.replace(row, never=True, remark=why)
    seconds = _times(_LEAST_CALLS, opposed.each_s)
    powers = [stored_power(medians, tolerance, margin) for margin in MARGINS]
    margins = [MarginPlan(margin, _LEAST_CALLS, seconds, power) for margin, power in zip(MARGINS, powers, strict=True)]
    return msgspec.structs.replace(row, margins=margins, remark=f"decided by recorded numbers: {opposed.remark}")


def _planned(row: GatePlan, course: _Course, share: Share, gap_s: float) -> GatePlan:
    """Calls and power at each margin, and what the cap never lets happen."""
    least = course.ahead + math.ceil(course.rule.least / course.least_share)
    each_s = course.each_s
    most = None if each_s is None else math.ceil(share.granted_s / each_s)
    row = msgspec.structs.replace(row, least=least, most=most, cap_s=share.granted_s)
    least_s = least * (each_s or gap_s)
    if least_s > share.granted_s:
        why = (
            f"a PASS needs at least {least} {row.unit}, {least_s:.3g} s, and {share.granted_s:.3g} s are left; raise "
            f"{share.option} to {_enough(share, least_s * _ROOM):g} s"
        )
        return msgspec.structs.replace(row, never=True, remark=why)
    margins = [_margin(course, margin, share) for margin in MARGINS]
    return msgspec.structs.replace(row, margins=margins, remark=_weakness(row, course, margins, share))


def _margin(course: _Course, margin: float, share: Share) -> MarginPlan:
    sides, counting = course.sides(margin)
    each_s = None if course.each_s is None else course.each_s / max(counting, 1e-9)
    ahead_s = course.ahead * (course.each_s or 0.0)
    looks = looks_at(each_s, max(0.0, share.granted_s - ahead_s))
    found = forecast(sides, course.rule, looks, fail_repeats=course.fail_repeats)
    needed = None if found.needed is None else course.ahead + math.ceil(found.needed / max(counting, 1e-9))
    seconds = share.granted_s if needed is None and each_s is not None else _times(needed, course.each_s)
    return MarginPlan(margin, needed, seconds, None if each_s is None else found.power)


def _weakness(row: GatePlan, course: _Course, margins: list[MarginPlan], share: Share) -> str:
    """What would let the gate decide at the smaller margin where it seldom does; or who knows the time of a call."""
    if course.each_s is None:
        return "seconds unknown: --rfperf-plan-probe finds out, and a recorded baseline too"
    power = margins[0].power
    if power is None or power >= USUAL_POWER:
        return ""
    sides, counting = course.sides(MARGINS[0])
    needed = count_for(sides, course.rule)
    if needed is None:
        return f"decides at {MARGINS[0]:.0%} in {power:.0%} of runs, whatever the cap: keep the limit further away"
    calls = course.ahead + math.ceil(needed / max(counting, 1e-9))
    seconds = _enough(share, calls * course.each_s)
    return (
        f"decides at {MARGINS[0]:.0%} in {power:.0%} of runs; {USUAL_POWER:.0%} take about {calls} {row.unit}: raise "
        f"{share.option} to {seconds:g} s"
    )


def _with_here(
    row: GatePlan,
    course: _Course,
    share: Share,
    exceeded: Exceedances,
    said: tuple[float, float, str, str],
) -> GatePlan:
    """Add what is expected at the figure that was seen; `said` is that, its limit, its name and its unit."""
    figure, limit, name, unit = said
    right = Outcome.PASS if figure <= limit else Outcome.FAIL
    if course.each_s is None or not math.isfinite(figure):
        return row
    found = forecast_here(exceeded, course.rule, looks_at(course.each_s, share.granted_s), right)
    here = MarginPlan(1 - figure / limit, found.needed, _times(found.needed, course.each_s), found.power)
    side = "within" if right is Outcome.PASS else "beyond"
    calls = f"about {found.needed} {row.unit}" if found.needed else "seldom decided within the cap"
    seen = f"{name} so far {figure:.3g} {unit}, {abs(here.margin):.0%} {side} the limit: {calls}"
    return msgspec.structs.replace(row, here=here, remark="; ".join(filter(None, (seen, row.remark))))


def _enough(share: Share, needed_s: float) -> float:
    """What the option that is short must be raised to."""
    return _rounded_up(needed_s if share.cap_s <= share.left_s else needed_s + share.used_s)


def _times(count: int | None, each_s: float | None) -> float | None:
    return None if count is None or each_s is None else count * each_s


def _rounded_up(seconds: float) -> float:
    """Two digits, upwards."""
    unit = 10.0 ** (math.floor(math.log10(max(seconds, 1.0))) - 1)
    return math.ceil(seconds / unit) * unit
