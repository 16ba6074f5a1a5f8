"""The plugin of a run that `rfperf mutate` starts: it tells what is collected and what each test found, a line each.

It also takes the facts off the reports, so that a run with a fault overwrites no file that the project keeps.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_rfperf.errors import RfperfError
from pytest_rfperf.plugin.stash import GATES, PREFIX
from pytest_rfperf.plugin.state import case_of, settings_of
from pytest_rfperf.session.facts import ReportFacts
from pytest_rfperf.store.baseline import baseline_path
from pytest_rfperf.workshop.suite_run import KEPT, REPORT, Result, Test, Verdict

_FACTS = "rfperf_facts"
_ASSERTED = ("AssertionError", "assert ", "Failed: ")
_TIMED_OUT = "Failed: Timeout "
"""What pytest-timeout says: the run broke, and no test has found anything."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell of each test that measures, when that is all that is asked for."""
    if session.config.option.collectonly:
        for item in session.items:
            if GATES in item.stash or any(name.startswith(PREFIX) for name in getattr(item, "fixturenames", ())):
                _tell(Test(_name(item.nodeid), [gate.metric for gate in item.stash.get(GATES, [])], _baseline(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell how a test ended, where it ended or could not begin."""
    facts: str = getattr(report, _FACTS, "")
    if facts and not os.environ.get(KEPT):
        delattr(report, _FACTS)
    if report.when == "call" or report.failed:
        _tell(_result(report, facts))


def _result(report: pytest.TestReport, facts: str) -> Result:
    if hasattr(report, "wasxfail"):
        return Result(_name(report.nodeid), failed=False)
    cases = msgspec.json.decode(facts, type=ReportFacts).cases if facts else []
    verdicts = [
        Verdict(verdict.metric, verdict.outcome, verdict.message) for case in cases for verdict in case.verdicts
    ]
    message = _crash(report) if report.failed else ""
    asserted = report.when == "call" and not verdicts and message.startswith(_ASSERTED)
    asserted = asserted and not message.startswith(_TIMED_OUT)
    return Result(_name(report.nodeid), report.failed, asserted, message, verdicts)


def _name(nodeid: str) -> str:
    """The node id, but for what is left of a path that lies outside of the root."""
    return nodeid.lstrip(":")


def _crash(report: pytest.TestReport) -> str:
    """The first line of what went wrong, after the name of its class."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return next(iter(text.strip().splitlines()), "")


def _baseline(item: pytest.Item) -> str:
    """Whether the gates of a test are judged against a baseline, and whether that is there."""
    gates = item.stash.get(GATES, [])
    if not any(gate.name in {"no_regression", "same_detections"} or _against(gate) for gate in gates):
        return ""
    case = case_of(item)
    try:
        settings = settings_of(item.config)
    except RfperfError:
        return "missing"
    folder = settings.path(settings.run.baselines)
    place = baseline_path(folder, case.target or "", case.dataset or "", case.model or "")
    return "there" if place.is_file() else "missing"


def _against(gate: Any) -> bool:  # noqa: ANN401 - any gate
    return getattr(gate, "against", "") == "baseline"


def _tell(what: Test | Result) -> None:
    with Path(os.environ[REPORT]).open("ab") as file:
        file.write(msgspec.json.encode(what) + b"\n")
