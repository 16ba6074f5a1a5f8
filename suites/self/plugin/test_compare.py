"""The fixture compare, the ratio gates and --rfperf-bundled at pytest's edge, on the fake target."""

from __future__ import annotations

import json

import fakes
import pytest


@pytest.fixture
def project(pytester):
    """Make a project of two sizes."""
    fakes.write_project(pytester.path)
    return pytester


def facts_of(project):
    return json.loads((project.path / ".rfperf" / "last.json").read_text())


def test_a_test_that_compares_runs_once_a_target_and_dataset(project):
    project.makepyfile("def test_it(compare): assert compare().gain(iou=0.5).value == 0")
    result = project.runpytest("-rA")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED *test_it[[]cpu-street[]]"])


def test_the_report_shows_both_models_and_the_comparison(project):
    project.makepyfile("def test_it(compare):\n    both = compare()\n    both.gain(iou=0.5)\n    both.slow_down()")
    result = project.runpytest()
    result.stdout.fnmatch_lines(
        [
            "fast * cpu * street *no gate",
            "Accuracy",
            "Speed, measured in turns",
            "Service time of accurate where fast takes 1*",
            "Advice (goal accuracy*",
            "street on cpu: tie: take fast: *",
        ]
    )
    (comparison,) = facts_of(project)["comparisons"]
    assert (comparison["small"], comparison["large"]) == ("fast", "accurate")


def test_a_comparison_that_is_not_as_asserted_fails_its_test_and_is_reported_all_the_same(project):
    project.makepyfile("def test_it(compare): assert compare().gain(iou=0.5).low > 0")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 0.0 > 0*", "Accuracy"])
    assert [comparison["gains"]["AP50"]["value"] for comparison in facts_of(project)["comparisons"]] == [0.0]


def test_a_failed_comparison_keeps_both_models_from_being_recorded(project):
    project.makepyfile(
        "from pytest_rfperf import min_map\n"
        "@min_map(0)\ndef test_gate(): ...\n"
        "def test_it(compare): assert compare().gain(iou=0.5).low > 0"
    )
    result = project.runpytest("--rfperf-record")
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/street: *test_it[[]cpu-street[]] failed"])
    assert not (project.path / "baselines").exists()


def test_a_ratio_is_judged_for_the_models_that_are_not_the_other(project):
    project.makepyfile(
        "from pytest_rfperf import latency_ratio, sizes\n"
        "@sizes('fast')\n@latency_ratio(1.5, against='accurate')\ndef test_it(): ..."
    )
    result = project.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["PASS: latency_ratio: median * <= 1.5 times the end-to-end service time of accurate for fast on cpu/street*"]
    )


def test_a_ratio_to_itself_is_an_error_that_says_what_to_do(project):
    project.makepyfile(
        "from pytest_rfperf import latency_ratio\n@latency_ratio(1.5, against='accurate')\ndef test_it(): ..."
    )
    result = project.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*'accurate' cannot be compared with itself; let the test run for other models only: @sizes(...)*"]
    )


def test_training_is_judged_once_and_opens_nothing(project):
    path = project.path / "rfperf.toml"
    text = path.read_text()
    for name, seconds in (("fast", 100), ("accurate", 240)):
        text = text.replace(f'"{name}.onnx"', f'"{name}.onnx"\ntraining-s = {seconds}')
    path.write_text(text)
    project.makepyfile("from pytest_rfperf import training_ratio\n@training_ratio(2.5)\ndef test_it(): ...")
    result = project.runpytest("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*::test_it PASSED*",
            "PASS: training_ratio: 2.40 <= 2.5: accurate trained 240 s, fast 100 s of wall time",
        ]
    )


def test_the_bundled_models_stand_in_for_those_of_the_configuration(project):
    project.makepyfile("from pytest_rfperf import model_size_budget\n@model_size_budget(2)\ndef test_it(): ...")
    result = project.runpytest("--rfperf-bundled")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*PASS: model_size_budget: 0.* MB <= 2 MB for accurate (accurate.onnx)"])


def test_one_model_cannot_be_compared(project):
    path = project.path / "rfperf.toml"
    path.write_text(path.read_text().replace('[models.accurate]\n        artifact = "accurate.onnx"', ""))
    project.makepyfile("def test_it(compare): compare()")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*comparing takes two models; configured: fast*"])
