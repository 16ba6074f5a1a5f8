"""What a pytest configuration carries for this plugin: its settings and its session, made when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.config import load_settings
from pytest_rfperf.plugin.options import command_line
from pytest_rfperf.plugin.progress import progress_for
from pytest_rfperf.plugin.stash import GATE_COUNT, PARTS, PREFIX, SESSION, SETTINGS

if TYPE_CHECKING:
    import pytest

    from pytest_rfperf.config import Settings
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.session import Session


def settings_of(config: pytest.Config) -> Settings:
    """The settings of the project; read once.

    Raises
    ------
    UsageError
        If the configuration, a variable or an option is wrong.
    """
    if SETTINGS not in config.stash:
        config.stash[SETTINGS] = load_settings(config.rootpath, command_line(config))
    return config.stash[SETTINGS]  # type: ignore[no-any-return]


def session_of(config: pytest.Config) -> Session:
    """The session of this process; made once."""
    if SESSION not in config.stash:
        from pytest_rfperf.session.session import Session  # noqa: PLC0415 - collecting imports no numpy

        config.stash[SESSION] = Session(
            settings_of(config), progress_for(config), gate_count=config.stash.get(GATE_COUNT, 1)
        )
    return config.stash[SESSION]  # type: ignore[no-any-return]


def case_of(item: pytest.Item) -> Case:
    """The model, target and dataset that a test was parametrised with."""
    from pytest_rfperf.session.facts import Case  # noqa: PLC0415 - collecting imports no msgspec

    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    return Case(*(parameters.get(PREFIX + part) for part in PARTS))
