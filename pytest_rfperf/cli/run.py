"""pytest as a command runs it: on tests of this package, with facts as they come instead of dots."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import msgspec
import pytest

from pytest_rfperf.cli.exit_codes import INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.plugin.progress import PROGRESS
from pytest_rfperf.plugin.stash import CONTROLLER
from pytest_rfperf.session.facts import CaseFacts, ComparisonFacts, ReportFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_rfperf.report.progress import LineProgress

_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
"""Plugins, options and conftest files of the project around have no say in a command."""


@dataclass
class Heard:
    """What the tests of a run found out, in their order, and what failed, as text."""

    facts: list[ReportFacts] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    exit_status: int = 0

    @property
    def cases(self) -> list[CaseFacts]:
        """All cases."""
        return [case for facts in self.facts for case in facts.cases]

    @property
    def comparisons(self) -> list[ComparisonFacts]:
        """All comparisons."""
        return [comparison for facts in self.facts for comparison in facts.comparisons]


def run_tests(
    paths: Sequence[Path],
    options: Sequence[str],
    root: Path,
    hear: Callable[[ReportFacts], None],
    *,
    unset: Sequence[str] = (),
) -> Heard:
    """Run tests in this process; `hear` is told what each found out.

    Parameters
    ----------
    paths : sequence of Path
        Test files or folders.
    options : sequence of str
        Further options of pytest.
    root : Path
        The folder whose configuration holds, and that files are written below.
    hear : callable
    unset : sequence of str
        Environment variables that must have no say.

    Raises
    ------
    SystemExit
        If Ctrl-C ended it.
    """
    progress = stderr_progress()
    listener = _Listener(hear, progress)
    arguments = [
        *map(str, paths),
        *("-p", "pytest_rfperf.plugin", "-p", "no:terminal", "-p", "no:cacheprovider", "-s"),
        *("-c", os.devnull, "--noconftest", f"--rootdir={root}"),
        "--import-mode=importlib",
        *options,
    ]
    try:
        with _environment(_ALONE | dict.fromkeys(unset, "")):
            listener.heard.exit_status = int(pytest.main(arguments, plugins=[listener]))
    finally:
        progress.done()
    if listener.heard.exit_status == pytest.ExitCode.INTERRUPTED:
        click.echo("stopped", err=True)
        raise SystemExit(INTERRUPTED)
    return listener.heard


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and put back what they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Listener:
    """A plugin of one run."""

    def __init__(self, hear: Callable[[ReportFacts], None], progress: LineProgress) -> None:
        self.heard = Heard()
        self._hear, self._progress = hear, progress

    def pytest_configure(self, config: pytest.Config) -> None:
        """Show progress on this command's own line."""
        config.pluginmanager.register(self._progress, PROGRESS)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Hear of what could not be written."""
        yield
        controller: Any = session.config.pluginmanager.get_plugin(CONTROLLER)
        self.heard.failures += controller.problems

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear what a test found out."""
        if report.failed:
            self.heard.failures.append(report.longreprtext)
        text = getattr(report, "rfperf_facts", None)
        if text:
            facts = msgspec.json.decode(text, type=ReportFacts)
            self.heard.facts.append(facts)
            self._progress.done()
            self._hear(facts)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Hear of what could not be collected."""
        if report.failed:
            self.heard.failures.append(report.longreprtext)
