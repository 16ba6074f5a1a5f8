"""The pytest edge: each hook calls one function of the files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.gates.catalogue import SIGNATURES
from pytest_rfperf.plugin.controller import Controller
from pytest_rfperf.plugin.fixtures import (
    _rfperf_compare,
    _rfperf_dataset,
    _rfperf_detector,
    _rfperf_measure,
    _rfperf_model,
    _rfperf_target,
    compare,
    dataset,
    detector,
    measure,
    model,
    target,
)
from pytest_rfperf.plugin.options import add_options, add_short_option, register_markers
from pytest_rfperf.plugin.stash import (
    COMPARE,
    CONTROLLER,
    FACTS,
    GATES,
    MARK_COUNT,
    MEASURING,
    PARTS,
    PREFIX,
    PROBLEM,
    SHORT_OPTION_TAKEN,
    UNDECIDED,
    WAIVED,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

__all__ = [
    "_rfperf_compare",
    "_rfperf_dataset",
    "_rfperf_detector",
    "_rfperf_measure",
    "_rfperf_model",
    "_rfperf_target",
    "compare",
    "dataset",
    "detector",
    "measure",
    "model",
    "target",
]


_REPORTED = {"rfperf_facts": FACTS, "rfperf_undecided": UNDECIDED}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the options that carry the prefix."""
    add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> Generator[None, Any, Any]:
    """Offer --target once every other plugin and conftest had its chance to."""
    result = yield
    add_short_option(early_config, parser)
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and keep what tests report."""
    register_markers(config)
    config.pluginmanager.register(Controller(config), CONTROLLER)
    if config.getoption("rfperf_plan") or config.getoption("rfperf_plan_probe"):
        from pytest_rfperf.plugin.planning import register_planner  # noqa: PLC0415 - sessions that measure pay nothing

        register_planner(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where --target belongs to somebody else, so that nobody wonders."""
    if SHORT_OPTION_TAKEN in config.stash:
        return "rfperf: warning: --target belongs to another plugin here; use --rfperf-target"
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each selected model, target and dataset that it needs."""
    if _has_gates(metafunc.definition) or _asks_for_parts(metafunc.fixturenames):
        from pytest_rfperf.plugin.collection import parametrise  # noqa: PLC0415 - projects without gates pay nothing

        parametrise(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make the gates, and refuse what cannot be meant."""
    if any(_has_gates(item) or _asks_for_parts(getattr(item, "fixturenames", ())) for item in items):
        from pytest_rfperf.plugin.collection import prepare_gates  # noqa: PLC0415 - projects without gates pay nothing

        prepare_gates(config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that a worker could not refuse, and forget what an earlier attempt at it reported."""
    for key in (FACTS, UNDECIDED):
        if key in item.stash:
            del item.stash[key]
    if PROBLEM in item.stash:
        pytest.fail(item.stash[PROBLEM], pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Judge the gates of a test once its body has passed; what a body compared is kept even where it failed."""
    __tracebackhide__ = True
    try:
        result = yield
    except (Exception, pytest.fail.Exception):
        if COMPARE in getattr(item, "fixturenames", ()):
            from pytest_rfperf.plugin.judging import keep_facts  # noqa: PLC0415 - projects without gates pay nothing

            keep_facts(item, [])
        raise
    if sum(mark.name in SIGNATURES for mark in item.iter_markers()) != item.stash.get(MARK_COUNT, 0):
        pytest.fail("a gate was added to this test after it was collected, too late to be judged", pytrace=False)
    if GATES in item.stash or any(name in MEASURING for name in getattr(item, "fixturenames", ())):
        from pytest_rfperf.plugin.judging import judge_test  # noqa: PLC0415 - projects without gates pay nothing

        judge_test(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the facts travel with the report, also from a worker to its controller."""
    report = yield
    if report.failed:
        vars(report)["rfperf_failed_case"] = _failed_case(item)
    if report.when == "call":
        vars(report).update({name: item.stash[key] for name, key in _REPORTED.items() if key in item.stash})
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:  # noqa: ANN401 - test and collect reports
    """Show a test that is undecided or waived as a category of its own, never as passed."""
    if report.when != "call" or not report.passed or hasattr(report, "wasxfail"):
        return None
    if getattr(report, "rfperf_undecided", None):
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    if any(name == WAIVED for name, _ in getattr(report, "user_properties", ())):
        return "waived", "W", ("WAIVED", {"yellow": True})
    return None


def _failed_case(item: pytest.Item) -> list[str]:
    """Model, target and dataset of a test that failed, as far as it has them."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    return [str(parameters.get(PREFIX + part, "")) for part in PARTS]


def _has_gates(node: pytest.Item) -> bool:
    return any(mark.name in SIGNATURES for mark in node.iter_markers())


def _asks_for_parts(fixturenames: Iterable[str]) -> bool:
    return any(name.startswith(PREFIX) for name in fixturenames)
