"""How many faults a suite catches: what each run comes to, in the words and figures of `rfperf mutate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pytest_rfperf.session.faults import FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.workshop.suite_run import Result, SuiteRun, Verdict

CAUGHT, UNDECIDED, SURVIVED, BROKE = "caught", "undecided", "survived", "broke"
_RAN_THROUGH = (0, 1)
_WIDTHS = "{:<9} {:<45} {:<41} {:<10} {}"
_ASSERTION = "an assertion of"


class Remedy(NamedTuple):
    """The gates that a fault must be caught by, any of them, and the marker that has one where none did."""

    metrics: tuple[str, ...]
    marker: str


_SLOWER = "@no_regression(latency=0.025)"
_LESS = "@no_regression(map=0.005)"
REMEDIES: dict[Fault, Remedy] = {
    "slow": Remedy(("no_regression.latency",), _SLOWER),
    "spike": Remedy(("latency_ratio of p99",), '@latency_ratio(1.25, against="baseline", percentile=99)'),
    "dropped": Remedy(("same_detections",), '@same_detections("baseline")'),
    "swapped": Remedy(("no_regression.map", "min_map"), _LESS),
    "bgr": Remedy(("no_regression.map", "min_map"), _LESS),
    "fallback": Remedy(("no_regression.latency", "latency_budget"), _SLOWER),
    "stale": Remedy(("no_regression.map", "min_map"), _LESS),
}
"""The tail's limit is 1.25, since 1.1 is just what 10 % slower comes to: no number of calls would decide that."""


class Said(msgspec.Struct, frozen=True):
    """A gate, or an assertion of a body, that failed or stayed undecided under a fault."""

    metric: str
    test: str
    message: str


class Mutant(msgspec.Struct, frozen=True):
    """What one fault came to.

    Attributes
    ----------
    fault, what : str
    must : list of str
        Gates of which one must catch it.
    result : str
        "caught" by a FAIL; "undecided" where a gate was INCONCLUSIVE only; "survived"; "broke" where the run ended
        otherwise, which catches nothing.
    caught_by, undecided : list of Said
    there : list of Said
        Where it was not caught: what gates of the kind that must catch it said all the same.
    marker : str
        The one that would catch it, ready to paste; empty where it was caught.
    seconds : float
    """

    fault: Fault
    what: str
    must: list[str]
    result: str
    caught_by: list[Said]
    undecided: list[Said]
    there: list[Said]
    marker: str
    seconds: float
    said: str = ""


def mutant_of(fault: Fault, run: SuiteRun, sound: SuiteRun, seconds: float) -> Mutant:
    """Score a run under a fault beside the one without; a gate that was undecided there says nothing by being so."""
    caught = [
        Said(verdict.metric, result.name, verdict.message)
        for result, verdict in run.verdicts
        if verdict.outcome == "FAIL"
    ]
    caught += [Said(f"{_ASSERTION} {one.name}", one.name, one.message) for one in run.results if one.asserted]
    before = {(result.name, verdict.metric) for result, verdict in undecided_in(sound)}
    open_ = [
        Said(verdict.metric, result.name, verdict.message)
        for result, verdict in undecided_in(run)
        if (result.name, verdict.metric) not in before
    ]
    errors = [verdict.message for _, verdict in run.verdicts if verdict.outcome == "ERROR"] + [
        one.message for one in run.results if one.failed and not one.asserted and not one.verdicts
    ]
    broke = run.status not in _RAN_THROUGH or bool(errors)
    result = CAUGHT if caught else BROKE if broke else UNDECIDED if open_ else SURVIVED
    remedy = REMEDIES[fault]
    return Mutant(
        fault=fault,
        what=FAULTS[fault],
        must=list(remedy.metrics),
        result=result,
        caught_by=caught,
        undecided=open_,
        there=[] if caught else _there(run, remedy),
        marker="" if caught else remedy.marker,
        seconds=seconds,
        said="" if not broke or caught else "\n".join(errors) or run.said,
    )


def _there(run: SuiteRun, remedy: Remedy) -> list[Said]:
    """What the gates said that must have caught it."""
    kinds = {metric.partition(" ")[0] for metric in remedy.metrics}
    return [
        Said(verdict.metric, result.name, f"{verdict.message}: {verdict.outcome}")
        for result, verdict in run.verdicts
        if verdict.metric in kinds and verdict.outcome != "INCONCLUSIVE"
    ]


def undecided_in(run: SuiteRun) -> list[tuple[Result, Verdict]]:
    """Verdicts that are INCONCLUSIVE, each with its test."""
    return [(result, verdict) for result, verdict in run.verdicts if verdict.outcome == "INCONCLUSIVE"]


def heading() -> str:
    """The first line of the table."""
    return _WIDTHS.format("fault", "what it does", "must be caught by", "result", "by")


def row(mutant: Mutant) -> str:
    """The line of one fault."""
    by = list(dict.fromkeys(said.metric for said in (mutant.caught_by or mutant.undecided)))
    must = " or ".join(mutant.must)
    return _WIDTHS.format(mutant.fault, mutant.what, must, mutant.result, ", ".join(by)).rstrip()


def advice(mutant: Mutant) -> list[str]:
    """What to do about a fault that was not caught."""
    if mutant.result == CAUGHT:
        return []
    if mutant.result == BROKE:
        return [f"{mutant.fault} broke the run, which catches nothing:", *(f"  {x}" for x in mutant.said.splitlines())]
    lines = [f"{mutant.fault} {mutant.result}; the marker that catches it:  {mutant.marker}"]
    lines += [f"  there already: {said.metric} ({said.test}): {said.message}" for said in mutant.there]
    if mutant.result == UNDECIDED:
        lines += [f"  undecided: {said.metric} ({said.test}): {said.message}" for said in mutant.undecided]
        lines.append(f"  measure longer: rfperf mutate --fault {mutant.fault} -- --rfperf-cap=120")
    return lines


def score(mutants: Sequence[Mutant]) -> str:
    """One line: how many of how many, and what became of the others."""
    counts = {result: sum(one.result == result for one in mutants) for result in (UNDECIDED, SURVIVED, BROKE)}
    rest = "".join(f", {count} {result}" for result, count in counts.items() if count)
    return f"{sum(one.result == CAUGHT for one in mutants)} of {len(mutants)} caught{rest}"
