"""What a pytest configuration carries for this plugin: its settings and its session, made when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.config import Settings, load_settings
from pytest_rfperf.plugin.options import command_line
from pytest_rfperf.plugin.progress import progress_for

if TYPE_CHECKING:
    from pytest_rfperf.gates.gate import Gate
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.session import Session

SETTINGS = pytest.StashKey[Settings]()
SESSION: pytest.StashKey[Any] = pytest.StashKey()
GATE_COUNT = pytest.StashKey[int]()
GATES: pytest.StashKey[list[Any]] = pytest.StashKey()
PROBLEM = pytest.StashKey[str]()
FACTS = pytest.StashKey[str]()
UNDECIDED = pytest.StashKey[str]()
_PARTS = ("model", "target", "dataset")


def settings_of(config: pytest.Config) -> Settings:
    """The settings of the project; read once.

    Raises
    ------
    UsageError
        If the configuration, a variable or an option is wrong.
    """
    if SETTINGS not in config.stash:
        config.stash[SETTINGS] = load_settings(config.rootpath, command_line(config))
    return config.stash[SETTINGS]


def session_of(config: pytest.Config) -> Session:
    """The session of this process; made once."""
    if SESSION not in config.stash:
        from pytest_rfperf.session.session import Session  # noqa: PLC0415 - collecting imports no numpy

        config.stash[SESSION] = Session(
            settings_of(config), progress_for(config), gate_count=config.stash.get(GATE_COUNT, 1)
        )
    return config.stash[SESSION]  # type: ignore[no-any-return]


def parameter(part: str) -> str:
    """The private fixture that carries a part of the case: model, target or dataset."""
    return f"_rfperf_{part}"


def case_of(item: pytest.Item) -> Case:
    """The model, target and dataset that a test was parametrised with."""
    from pytest_rfperf.session.facts import Case  # noqa: PLC0415 - collecting imports no msgspec

    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    return Case(*(parameters.get(parameter(part)) for part in _PARTS))


def gates_of(item: pytest.Item) -> list[Gate]:
    """The gates of a test; empty for a test without."""
    return item.stash.get(GATES, [])
