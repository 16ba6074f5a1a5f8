"""`--rfperf-record`: baselines from the facts of a session that passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pytest_rfperf.baselines.provenance import commit_of, person, session_id
from pytest_rfperf.baselines.storing import Entry, what_of, write_case
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.session.facts import ReportFacts
from pytest_rfperf.store.baseline import shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.config import Settings
    from pytest_rfperf.session.facts import CaseFacts, VerdictFacts

REGRESSION = "no_regression"
_WELL = (Outcome.PASS.value, Outcome.RECORDING.value)


class FailedTest(NamedTuple):
    """A test that failed for any reason.

    Attributes
    ----------
    test : str
        Node id.
    case : tuple of str
        Its model, target and dataset; empty text for a part that it does not have. Empty where nothing is known of it,
        as of one whose worker crashed: it may be of any case.
    by_gates : bool
        Whether it was its gates that failed it, and so nothing but them: they are judged after a body that passed.
    """

    test: str
    case: tuple[str, ...]
    by_gates: bool = False


class Recording(msgspec.Struct, frozen=True):
    """What a session that records leaves in its facts, so that it can be accepted later.

    Attributes
    ----------
    run : str
        Names the session.
    commit : str
        The commit of the project, see `provenance.commit_of`.
    failed : list of FailedTest
    """

    run: str
    commit: str
    failed: list[FailedTest] = []


def failed_test(test: str, case: Sequence[str], facts: str) -> FailedTest:
    """A test that failed, from what its report carries; `facts` are empty text where it was not judged."""
    cases = msgspec.json.decode(facts, type=ReportFacts).cases if facts else []
    return FailedTest(test, tuple(case), any(one.outcome not in _WELL for each in cases for one in each.verdicts))


def recording_of(settings: Settings, failed_tests: Sequence[FailedTest], now: str) -> Recording | None:
    """Name a session that records; None where it may not: it only plans, or its detectors have a fault."""
    if not settings.record or settings.fault or settings.plan:
        return None
    return Recording(session_id(now), commit_of(settings), list(failed_tests))


def record(
    cases: Sequence[CaseFacts],
    settings: Settings,
    failed_tests: Sequence[FailedTest],
    now: str,
    recording: Recording | None = None,
) -> list[str]:
    """Write a baseline for each case of which every gate passed.

    Parameters
    ----------
    cases : sequence of CaseFacts
        Merged: one a model, target and dataset.
    settings : Settings
    failed_tests : sequence of FailedTest
    now : str
        Date and time, for the record.
    recording : Recording, optional
        The same session as its facts name it; named here without.

    Returns
    -------
    list of str
        A line a case: what was written, or why not.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    session = recording or recording_of(settings, failed_tests, now)
    if session is None:
        why = f"its detectors had the fault '{settings.fault}'" if settings.fault else "it only planned"
        return [f"not recorded: nothing of this session is: {why}"]
    entry = Entry(now, person(settings.root), session.run, session.commit)
    lines, regressed = [], False
    for case in filter(has_figures, cases):
        stop = obstacle(case, failed_tests)
        lines.append(refused(case, stop) if stop else write_case(case, settings, entry))
        regressed = regressed or (bool(stop) and not obstacle(case, failed_tests, (REGRESSION,)))
    if regressed:
        lines.append(
            f"to take a regression into the baseline all the same: rfperf baselines accept "
            f'{shown_path(settings.path(settings.run.json), settings.root)} --despite {REGRESSION} --reason "..."'
        )
    return lines


def has_figures(case: CaseFacts) -> bool:
    """Whether there is something to record, and a place for it."""
    return bool(case.target and case.dataset and (case.latency or case.accuracy))


def refused(case: CaseFacts, why: str) -> str:
    """The line of a case that is not recorded."""
    return f"not recorded: {what_of(case)}: {why}"


def accepted(verdict: VerdictFacts, despite: Sequence[str]) -> bool:
    """Whether a verdict that is no pass is one of those that are accepted; an error never is."""
    named = {verdict.metric, verdict.gate} & set(despite)
    return bool(named) and verdict.outcome not in {*_WELL, Outcome.ERROR.value}


def obstacle(case: CaseFacts, failed_tests: Sequence[FailedTest], despite: Sequence[str] = ()) -> str:
    """What keeps a case from being recorded, although the gates in `despite` may fail; empty where nothing does."""
    bad = [verdict for verdict in case.verdicts if verdict.outcome not in _WELL and not accepted(verdict, despite)]
    if bad:
        return f"{bad[0].gate} {'is only waived' if bad[0].outcome == 'WAIVED' else 'did not pass'}"
    place = (case.model, case.target, case.dataset)
    failed = [
        one.test
        for one in failed_tests
        if (any(one.case) or not one.case)
        and all(part in ("", here) for part, here in zip(one.case, place, strict=False))
        and not (despite and one.by_gates and one.test in case.test.split("\n"))
    ]
    return f"{failed[0]} failed" if failed else ""
