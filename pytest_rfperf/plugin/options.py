"""Command-line options and marker lines: all that a project without gates ever pays for."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from pytest_rfperf.gates.catalogue import SELECTORS, SIGNATURES
from pytest_rfperf.plugin.stash import SHORT_OPTION_TAKEN

if TYPE_CHECKING:
    import pytest

    from pytest_rfperf.config import CommandLine

_TARGET_HELP = "run on this target of [tool.rfperf.targets]; give it again for more"


def add_options(parser: pytest.Parser) -> None:
    """Add the group of options; an option that takes a value always takes one."""
    group = parser.getgroup("rfperf", "accuracy and latency gates for object detectors (pytest-rfperf)")
    add = group.addoption
    add("--rfperf-target", action="append", dest="rfperf_target", metavar="NAME", help=_TARGET_HELP)
    add("--rfperf-size", action="append", metavar="NAME", help="only models of this size, such as fast or accurate")
    add("--rfperf-dataset", action="append", metavar="NAME", help="only this dataset")
    add("--rfperf-bundled", action="store_true", help="the bundled detectors and tasks, whatever is configured")
    add("--rfperf-cap", metavar="SECONDS", help="longest measuring a gate (30)")
    add("--rfperf-suite-cap", metavar="SECONDS", help="longest measuring of all gates together (no limit)")
    add(
        "--rfperf-plan",
        action="store_true",
        help="say what each selected gate would measure and how likely it decides; opens nothing",
    )
    add("--rfperf-plan-probe", action="store_true", help="the same after a short look at each detector")
    add("--rfperf-fault", metavar="NAME", help=SUPPRESS)
    add("--rfperf-record", action="store_true", help="write baselines of what passed; review the diff, commit it")
    add(
        "--rfperf-inconclusive",
        metavar="POLICY",
        help="what an undecided gate does to its test: fail (the default), warn or skip",
    )
    add("--rfperf-json", metavar="FILE", help="where the facts of the session go (.rfperf/last.json)")
    add("--rfperf-alpha", metavar="RATE", help="chance of a wrong verdict that a gate may take (0.05)")
    add("--rfperf-alpha-scope", metavar="SCOPE", help="whether that chance is for each gate or for the session")
    add("--rfperf-save-detections", metavar="FOLDER", help="write detections as COCO results below this folder")


def add_short_option(early_config: pytest.Config, parser: pytest.Parser) -> None:
    """Add --target, unless another plugin or conftest has it."""
    if "--target" in _option_names(parser):
        early_config.stash[SHORT_OPTION_TAKEN] = True
        return
    group = parser.getgroup("rfperf")
    group.addoption("--target", action="append", dest="rfperf_target", metavar="NAME", help=_TARGET_HELP)


def register_markers(config: pytest.Config) -> None:
    """Make the markers known to --strict-markers and --markers."""
    for line in (*SIGNATURES.values(), *SELECTORS.values()):
        config.addinivalue_line("markers", line)


def command_line(config: pytest.Config) -> CommandLine:
    """What was said on the command line."""
    from pytest_rfperf.config import CommandLine  # noqa: PLC0415 - only with gates

    def given(name: str) -> Any:  # noqa: ANN401 - as argparse gives it
        return config.getoption(f"rfperf_{name}")

    return CommandLine(
        targets=_names(given("target")),
        target_option="--rfperf-target" if SHORT_OPTION_TAKEN in config.stash else "--target",
        sizes=_names(given("size")),
        datasets=_names(given("dataset")),
        bundled=bool(given("bundled")),
        cap_s=given("cap"),
        suite_cap_s=given("suite_cap"),
        alpha=given("alpha"),
        alpha_scope=given("alpha_scope"),
        inconclusive=given("inconclusive"),
        json=given("json"),
        record=bool(given("record")),
        save_detections=given("save_detections"),
        plan="probe" if given("plan_probe") else "static" if given("plan") else "",
        fault=given("fault") or "",
    )


def _option_names(parser: pytest.Parser) -> set[str]:
    """Every option that is offered so far; pytest has no public way to ask, and reports a clash too late."""
    groups = [*parser._groups, parser._anonymous]  # noqa: SLF001 - see above
    return {name for group in groups for option in group.options for name in option.names()}


def _names(values: list[str] | None) -> tuple[str, ...]:
    """Names given one by one or separated by commas."""
    return tuple(name for value in values or () for name in value.split(",") if name)
