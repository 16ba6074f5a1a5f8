"""--rfperf-plan and --rfperf-plan-probe: tests are collected, none runs, and each gate's needs are said instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.plugin.stash import GATE_COUNT, GATES, MEASURING, SESSION
from pytest_rfperf.plugin.state import case_of, settings_of

if TYPE_CHECKING:
    from pytest_rfperf.config import Settings
    from pytest_rfperf.planner.rows import Plan

PLANNER = "rfperf-planner"
"""The name under which the planner is registered."""
_BENCHMARK = "benchmark"


def register_planner(config: pytest.Config) -> None:
    """Plan in this session; pytest-xdist starts no workers, since planning is collecting and one process does that."""
    for name, value in (("numprocesses", None), ("dist", "no"), ("tx", [])):
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    config.pluginmanager.register(SessionPlanner(config), PLANNER)


class SessionPlanner:
    """Registered as a plugin of its own in a session that plans."""

    def __init__(self, config: pytest.Config) -> None:
        """Plan nothing yet."""
        self._config = config
        self._plan: Plan | None = None
        self._bodies = 0
        self._lines: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Plan in place of running; errors of collecting stop the session as they always do."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        from pytest_rfperf.errors import RfperfError  # noqa: PLC0415 - only in a session that plans
        from pytest_rfperf.report.plan import write_plan  # noqa: PLC0415 - only in a session that plans

        try:
            settings = settings_of(self._config)
            self._plan = self._made(session.items, settings)
            place = _place(self._config, settings)
            write_plan(self._plan, settings.path(place))
        except RfperfError as error:
            raise pytest.UsageError(str(error)) from None
        self._lines.append(f"plan: {place}")
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where some gate can never be decided; tests that nobody ran are no empty session."""
        if self._plan is None:
            return
        never = any(row.never for row in self._plan.gates)
        if never or session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if never else pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the plan."""
        if self._plan is None:
            return
        from pytest_rfperf.report.plan import plan_lines  # noqa: PLC0415 - only in a session that plans

        terminalreporter.write_sep("=", f"rfperf plan ({self._plan.mode})")
        for line in [*plan_lines(self._plan), *self._lines]:
            terminalreporter.write_line(line, **({"red": True} if line.startswith("never decided") else {}))

    def _made(self, items: list[pytest.Item], settings: Settings) -> Plan:
        from pytest_rfperf.planner.plan import Planner, Selected  # noqa: PLC0415 - only in a session that plans

        gates: dict[str, list[Any]] = {item.nodeid: item.stash[GATES] for item in items if GATES in item.stash}
        selected = [
            Selected(item.nodeid, case_of(item), gates[item.nodeid], _makes_rounds(item))
            for item in items
            if item.nodeid in gates
        ]
        self._lines += _measuring_bodies(items)
        session = _probing_session(self._config, settings) if settings.plan == "probe" else None
        shares = self._config.stash.get(GATE_COUNT, 1) if settings.run.alpha_scope == "session" else 1
        return Planner(settings, settings.run.alpha / max(1, shares), session).plan(selected)


def _probing_session(config: pytest.Config, settings: Settings) -> Any:  # noqa: ANN401 - a Session, imported only to probe
    """A session whose looks do not count against the suite's cap; the controller closes it."""
    import msgspec  # noqa: PLC0415 - only in a session that plans

    from pytest_rfperf.plugin.progress import progress_for  # noqa: PLC0415 - only in a session that plans
    from pytest_rfperf.session.session import Session  # noqa: PLC0415 - only in a session that plans

    run = msgspec.structs.replace(settings.run, suite_cap_s=None)
    settings = msgspec.structs.replace(settings, run=run)
    config.stash[SESSION] = Session(settings, progress_for(config), gate_count=config.stash.get(GATE_COUNT, 1))
    return config.stash[SESSION]


def _makes_rounds(item: pytest.Item) -> bool:
    return _BENCHMARK in getattr(item, "fixturenames", ())


def _measuring_bodies(items: list[pytest.Item]) -> list[str]:
    """Tests whose bodies measure: how much, only they know."""
    count = sum(any(name in MEASURING for name in getattr(item, "fixturenames", ())) for item in items)
    who = "1 test measures in its body" if count == 1 else f"{count} tests measure in their bodies"
    return [f"note: {who} too, which a plan does not run"] if count else []


def _place(config: pytest.Config, settings: Settings) -> str:
    """Where the plan goes: the file of the option, else beside the facts of the last session, never in their place."""
    from pytest_rfperf.plugin.options import command_line  # noqa: PLC0415 - only in a session that plans
    from pytest_rfperf.report.plan import USUAL_PLACE  # noqa: PLC0415 - only in a session that plans

    if command_line(config).json is not None:
        return settings.run.json
    facts, usual = Path(settings.run.json), Path(USUAL_PLACE).name
    name = usual if facts.name.casefold() != usual else f"tests-{usual}"
    return facts.with_name(name).as_posix()
