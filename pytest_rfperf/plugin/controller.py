"""What the controlling process does with the facts: gather, write, show. Workers only close what they opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.plugin.stash import SESSION

if TYPE_CHECKING:
    from pytest_rfperf.report.summary import Summary

_RAN_THROUGH = (0, 1)


class Controller:
    """Registered as a plugin of its own; one a configuration."""

    def __init__(self, config: pytest.Config) -> None:
        """Start from nothing."""
        self._config = config
        self._facts: list[tuple[str, bool]] = []
        self._failed: list[tuple[str, tuple[str, ...], str]] = []
        self._stopped = ""
        self._summary: Summary | None = None
        self._lines: list[str] = []
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what a test found out, wherever it ran."""
        facts = getattr(report, "rfperf_facts", None)
        if report.failed:
            # Without it nothing is known of the case: a worker that crashed reports none.
            parts = tuple(getattr(report, "rfperf_failed_case", ()))
            self._failed.append((report.nodeid, parts, facts or ""))
        if facts:
            self._facts.append((facts, hasattr(report, "wasxfail")))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close what this process opened; the controller writes the files."""
        if SESSION in self._config.stash:
            try:
                self._config.stash[SESSION].close()
            except Exception as error:  # noqa: BLE001 - an adapter's own error must not cost the report
                self.problems.append(f"closing: {error}")
        if self._facts and not hasattr(self._config, "workerinput"):
            self._stopped = str(session.shouldfail or session.shouldstop or "")
            self._write(int(exitstatus))
            if self.problems and not exitstatus:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table, what was written and what could not be."""
        if self._summary is None and not self.problems:
            return
        from pytest_rfperf.report.summary import terminal_lines  # noqa: PLC0415 - stays light without gates

        terminalreporter.write_sep("=", "rfperf")
        for line in [*(terminal_lines(self._summary) if self._summary else []), *self._lines]:
            terminalreporter.write_line(line, **_colour(line))
        for line in self.problems:
            terminalreporter.write_line(f"error: {line}", red=True)

    def _write(self, exitstatus: int) -> None:
        import msgspec  # noqa: PLC0415 - stays light without gates

        from pytest_rfperf.errors import RfperfError  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.plugin.state import settings_of  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.report.files import append_job_summary, write_detections, write_json  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.report.summary import summarise  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.session.facts import ReportFacts, as_expected  # noqa: PLC0415 - stays light without gates

        settings = settings_of(self._config)
        try:
            facts = [(msgspec.json.decode(text, type=ReportFacts), expected) for text, expected in self._facts]
            cases = [as_expected(case) if expected else case for found, expected in facts for case in found.cases]
            comparisons = [comparison for found, _ in facts for comparison in found.comparisons]
            self._summary = summarise(cases, settings, comparisons)
            self.problems += self._summary.problems
            recording = self._named(settings)
            write_json(self._summary, settings.path(settings.run.json), exit_status=exitstatus, recording=recording)
            append_job_summary(self._summary, os.environ)
            self._draw(settings)
            if settings.save_detections:
                written = write_detections(self._summary, settings.path(str(settings.save_detections)))
                self._lines += [f"detections: {path}" for path in written]
            if settings.record and self._stopped:
                self._lines.append(f"not recorded: nothing of this session is: it ended early ({self._stopped})")
            elif settings.record and exitstatus in _RAN_THROUGH:
                self._record(settings, recording)
        except RfperfError as error:
            self.problems.append(str(error))

    def _draw(self, settings: Any) -> None:  # noqa: ANN401 - Settings, which is imported only with gates
        """Draw what failed; a picture that cannot be drawn is a problem, but keeps nothing else from being written."""
        if self._summary is None or not any(case.pictures for case in self._summary.cases):
            return
        from pytest_rfperf.errors import RfperfError  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.report.files import FOLDER, keep_unversioned  # noqa: PLC0415 - stays light without gates
        from pytest_rfperf.report.pictures import write_pictures  # noqa: PLC0415 - OpenCV only with pictures

        try:
            keep_unversioned(settings.path(FOLDER))
            written = write_pictures(self._summary.cases, settings.path(FOLDER) / "pictures")
        except RfperfError as error:
            self.problems.append(str(error))
        else:
            self._lines += [f"pictures: {path}" for path in written]

    def _named(self, settings: Any) -> Any:  # noqa: ANN401 - Settings and Recording, which are imported only with gates
        """Name a session that records, and say what failed in it; one that stopped early is none."""
        if not settings.record or self._stopped:
            return None
        from pytest_rfperf.baselines.recording import failed_test, recording_of  # noqa: PLC0415 - stays light without gates

        return recording_of(settings, [failed_test(*one) for one in self._failed], _now())

    def _record(self, settings: Any, recording: Any) -> None:  # noqa: ANN401 - as above
        from pytest_rfperf.baselines.recording import record  # noqa: PLC0415 - stays light without gates

        if self._summary is not None:
            failed = recording.failed if recording else []
            self._lines += record(self._summary.cases, settings, failed, _now(), recording)


def _now() -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - stays light without gates

    return datetime.now(UTC).isoformat(timespec="seconds")


def _colour(line: str) -> dict[str, bool]:
    marks = {
        "PASS": "green",
        "FAIL": "red",
        "ERROR": "red",
        "INCONCLUSIVE": "yellow",
        "WAIVED": "yellow",
        "note": "cyan",
        "recorded": "green",
    }
    return {marks[line.partition(":")[0]]: True} if line.partition(":")[0] in marks else {}
