"""Progress while a test measures, past pytest's capture."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pytest_rfperf.report.progress import LineProgress

if TYPE_CHECKING:
    import pytest

    from pytest_rfperf.session.inventory import Progress

PROGRESS = "rfperf-progress"
"""The name under which a command that runs pytest registers its own."""


class Silent:
    """For workers, whose output nobody sees."""

    def show(self, what: str) -> None:
        """Say nothing."""

    def done(self) -> None:
        """Leave nothing."""


def progress_for(config: pytest.Config) -> Progress:
    """Progress of the command that runs pytest, else on the terminal where this process has it."""
    registered: Progress | None = config.pluginmanager.get_plugin(PROGRESS)
    if registered is not None:
        return registered
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return Silent()
    return _terminal_progress(reporter, config.pluginmanager.get_plugin("capturemanager"))


def _terminal_progress(reporter: Any, capture: Any) -> LineProgress:  # noqa: ANN401 - pytest's own plugins, not public types
    """Through pytest's terminal reporter and past its capture manager, the latter None with -s."""
    writer, live = reporter._tw, bool(reporter.isatty)  # noqa: SLF001 - the reporter offers no way to rewrite a line

    def write(text: str) -> None:
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            writer.write(text if live else f"\nrfperf: {text}", flush=True)

    return LineProgress(write, lambda: max(20, writer.fullwidth - 1), live=live)
