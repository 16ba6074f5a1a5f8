"""Options, and a project that has some of its own."""

from __future__ import annotations

import json

import pytest
from fakes import write_project

GATE = "from pytest_rfperf import model_size_budget\n@model_size_budget(mb=1)\ndef test_size({}): ..."
OWN_OPTION = "def pytest_addoption(parser): parser.addoption('--target', default='none')\n"
OWN_FIXTURES = """
import pytest
@pytest.fixture
def model(): return "mine"
@pytest.fixture
def target(request): return request.config.getoption("--target")
@pytest.fixture
def dataset(): return 3
"""


def test_help_shows_the_group(pytester):
    pytester.runpytest("--help").stdout.fnmatch_lines(["*--rfperf-save-detections=FOLDER*", "*--target=NAME*"])


@pytest.mark.parametrize("option", ["--target=cpu", "--rfperf-target=cpu"])
def test_both_forms_of_the_target_option_select_a_target(pytester, option):
    pytester.makepyfile(GATE.format("target"))
    pytester.runpytest(option, "--co", "-q").stdout.fnmatch_lines(
        ["*test_size[[]fast-cpu]", "*test_size[[]accurate-cpu]"]
    )


def test_a_value_apart_from_its_option_is_no_test_path(pytester):
    pytester.makepyfile(GATE.format("target"))
    pytester.runpytest("--target", "cpu").assert_outcomes(passed=2)


def test_targets_are_given_one_by_one_or_separated_by_commas(pytester):
    pytester.makefile(".toml", rfperf='[targets.two]\nkind = "onnxruntime"\nthreads = 2\n')
    pytester.makepyfile(GATE.format("target"))
    for options in (["--target=cpu", "--target=two"], ["--target=cpu,two"]):
        shown = pytester.runpytest(*options, "--rfperf-size=fast", "--co", "-q").stdout
        shown.fnmatch_lines(["*test_size[[]fast-cpu]", "*test_size[[]fast-two]"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--target=jetson", "--target=jetson: no such name in [[]targets]; known: cpu"),
        ("--rfperf-size=huge", "--rfperf-size=huge: no such name in [[]models]; known: accurate, fast"),
        (
            "--rfperf-dataset=street",
            "--rfperf-dataset=street: no such name in [[]datasets]; known: bees, chocolates, pieces, pills, players",
        ),
        ("--rfperf-alpha=3", "--rfperf-alpha=3: Expected `float` < 0.5"),
        ("--rfperf-cap=soon", "--rfperf-cap=soon: Expected `float`*"),
        (
            "--rfperf-inconclusive=ignore",
            "--rfperf-inconclusive=ignore: Invalid enum value 'ignore'; known: fail, warn, skip",
        ),
    ],
)
def test_an_impossible_value_is_a_usage_error_that_names_the_option(pytester, option, message):
    pytester.makepyfile(GATE.format("target, dataset"))
    result = pytester.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_a_project_with_its_own_target_option_and_fixtures_is_left_alone(pytester):
    pytester.makeconftest(OWN_OPTION + OWN_FIXTURES)
    pytester.makepyfile("def test_own(model, target, dataset): assert (model, target, dataset) == ('mine', 'phone', 3)")
    for options in (["--target=phone"], ["--target", "phone"]):
        result = pytester.runpytest(*options, "-W", "error")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["rfperf: warning: --target belongs to another plugin here; use --rfperf-target"])


def test_a_plugin_that_brings_target_itself_keeps_it(pytester):
    pytester.syspathinsert()
    pytester.makepyfile(other=OWN_OPTION, test_one=GATE.format("target"))
    result = pytester.runpytest("-p", "other", "--target=theirs", "--rfperf-target=cpu")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["rfperf: warning: --target belongs to another plugin here*"])


def test_overridden_fixtures_do_not_break_a_gate(pytester):
    pytester.makeconftest(OWN_FIXTURES.replace("request.config.getoption('--target')", "4"))
    pytester.makepyfile(
        """
        from pytest_rfperf import min_map
        @min_map(0.1)
        def test_release(dataset, model):
            assert (dataset, model) == (3, "mine")
        """
    )
    result = pytester.runpytest("--target=cpu", "--rfperf-size=fast", "--rfperf-dataset=pieces", "-rA")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED *test_release[[]fast-cpu-pieces]"])


def test_without_configuration_of_a_part_that_is_needed_the_key_is_named(pytester):
    pytester.makefile(".toml", rfperf='[models.fast]\nartifact = "fast.onnx"\n')
    pytester.makepyfile(GATE.format("dataset"))
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*rfperf.toml: no dataset is configured; add*datasets.NAME*"])


RECORDED = "@min_map(0.1)\n@latency_budget(ms=1000)\ndef test_release(): ...\n"


@pytest.fixture
def project(pytester, monkeypatch):
    """Two models on a fake target; write a test file of theirs."""
    monkeypatch.setenv("RFPERF_CACHE", str(pytester.path / "cache"))
    write_project(pytester.path)

    def write(more=""):
        pytester.makepyfile(test_release=f"import os\nfrom pytest_rfperf import *\n{RECORDED}{more}")
        return pytester

    return write


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_session_that_stopped_early_records_nothing_and_leaves_nothing_to_accept(project, option):
    pytester = project("def test_own(): assert not 'mine'\n@model_size_budget(0.000001)\ndef test_size(): ...\n")
    result = pytester.runpytest("--rfperf-record", "--rfperf-size=fast", option)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["not recorded: nothing of this session is: it ended early (stopping after 1 failures)"]
    )
    assert not (pytester.path / "baselines").exists()
    assert "recording" not in json.loads((pytester.path / ".rfperf/last.json").read_text())


def test_a_failure_elsewhere_that_stops_nothing_still_lets_both_be_recorded(project):
    pytester = project("def test_own(): assert not 'mine'\n")
    pytester.runpytest("--rfperf-record").assert_outcomes(passed=2, failed=1)
    assert len(list((pytester.path / "baselines").rglob("*.json"))) == 2


def test_a_worker_that_crashed_keeps_every_case_from_being_recorded(project):
    """Its report says nothing of the case that it was of."""
    pytester = project("def test_zz(detector): os._exit(1)\n")
    result = pytester.runpytest("--rfperf-record", "--rfperf-size=fast", "-n1")
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/street: test_release.py::test_zz[[]fast-cpu[]] failed"])
    assert not (pytester.path / "baselines").exists()


@pytest.mark.parametrize(
    ("key", "variable", "place"),
    [
        ("", "", ".rfperf/plan.json"),
        ("json = 'mine/facts.json'\n", "", "mine/plan.json"),
        ("", "mine/facts.json", "mine/plan.json"),
        ("json = 'mine/plan.json'\n", "", "mine/tests-plan.json"),
    ],
)
def test_a_plan_never_replaces_the_facts_of_the_last_session(project, monkeypatch, key, variable, place):
    pytester = project()
    toml = pytester.path / "rfperf.toml"
    toml.write_text(key + toml.read_text())
    if variable:
        monkeypatch.setenv("RFPERF_JSON", variable)
    pytester.runpytest("--rfperf-size=fast").assert_outcomes(passed=1)
    before = {path: path.read_bytes() for path in pytester.path.rglob("*.json")}
    pytester.runpytest("--rfperf-plan", "--rfperf-size=fast").stdout.fnmatch_lines([f"plan: {place}"])
    assert {path: path.read_bytes() for path in before} == before
    assert json.loads((pytester.path / place).read_text())["kind"] == "plan"
