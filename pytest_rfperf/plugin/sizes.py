"""The marker `sizes`: a test that runs for some of the models only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.catalogue import CLASSES
from pytest_rfperf.plugin.stash import PREFIX
from pytest_rfperf.plugin.state import settings_of

if TYPE_CHECKING:
    import pytest

    from pytest_rfperf.config import Settings

NAME = "sizes"


def sized(node: pytest.Item, settings: Settings) -> tuple[str, ...]:
    """Selected models that the closest marker names; where it names none of them, those that it does name."""
    mark, chosen = node.get_closest_marker(NAME), settings.chosen_models
    if mark is None:
        return chosen
    named = tuple(name for name, model in settings.models.items() if name in mark.args or model.size in mark.args)
    return tuple(name for name in chosen if name in named) or named or chosen


def deselect_sizes(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of models that the command line did not select."""
    marked = [item for item in items if item.get_closest_marker(NAME) and _model(item) is not None]
    chosen = settings_of(config).chosen_models if marked else ()
    out = [item for item in marked if _model(item) not in chosen]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def check_sizes(item: pytest.Item) -> None:
    """Refuse a marker that cannot be meant; on a test without a gate or a fixture of ours it is somebody else's.

    Raises
    ------
    UsageError
        If it names nothing, something unknown, or stands on a test that runs for no model.
    """
    gated = any(mark.name in CLASSES for mark in item.iter_markers())
    if item.get_closest_marker(NAME) is None or not (gated or any(map(_is_ours, getattr(item, "fixturenames", ())))):
        return
    settings = settings_of(item.config)
    known = [*settings.models, *(model.size for model in settings.models.values() if model.size)]
    for mark in item.iter_markers(NAME):
        if mark.kwargs or not mark.args:
            msg = "sizes: takes names of sizes or models, at least one, as in sizes('fast')"
            raise UsageError(msg)
        for name in mark.args:
            if name not in known:
                msg = f"sizes: no model of the name or size {name!r}; known: {', '.join(dict.fromkeys(known))}"
                raise UsageError(msg)
        if _model(item) is None:
            msg = "sizes: this test runs for no model; add a gate, or ask for the fixture `model`"
            raise UsageError(msg)


def _is_ours(fixture: str) -> bool:
    return fixture.startswith(PREFIX)


def _model(item: pytest.Item) -> str | None:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get(PREFIX + "model")
