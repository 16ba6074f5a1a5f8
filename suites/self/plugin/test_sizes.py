"""The marker `sizes`: a test for some of the models, and what is no such marker."""

from __future__ import annotations

import fakes
import pytest

TESTS = """
from pytest_rfperf import min_map, sizes

@sizes("fast")
@min_map(0)
def test_small(): ...

@sizes("accurate")
@min_map(0)
def test_large(): ...

@min_map(0)
def test_both(): ...
"""


@pytest.fixture
def project(pytester):
    """Make a project of two sizes."""
    fakes.write_project(pytester.path)
    return pytester


def collected(project, *arguments):
    """The ids that a run would take."""
    lines = project.runpytest("--collect-only", "-q", *arguments).outlines
    return [line.partition("::")[2] for line in lines if "::" in line]


def test_a_test_runs_for_the_sizes_that_it_names(project):
    project.makepyfile(TESTS)
    assert sorted(collected(project)) == [
        "test_both[accurate-cpu-street]",
        "test_both[fast-cpu-street]",
        "test_large[accurate-cpu-street]",
        "test_small[fast-cpu-street]",
    ]


def test_a_size_that_the_command_line_left_out_is_deselected(project):
    project.makepyfile(TESTS)
    assert collected(project, "--rfperf-size=fast") == ["test_small[fast-cpu-street]", "test_both[fast-cpu-street]"]
    result = project.runpytest("--rfperf-size=fast")
    result.assert_outcomes(passed=2, deselected=1)


def test_a_model_is_named_by_its_size_too(project):
    with (project.path / "rfperf.toml").open("a") as file:
        file.write('[models.other]\nartifact = "fast.onnx"\nsize = "fast"\n')
    project.makepyfile("from pytest_rfperf import *\n@sizes('fast')\n@min_map(0)\ndef test_small(): ...")
    assert collected(project) == ["test_small[fast-cpu-street]", "test_small[other-cpu-street]"]


def test_the_closest_marker_wins(project):
    project.makepyfile(
        """
        from pytest_rfperf import min_map, sizes
        @sizes("fast")
        class TestRelease:
            @sizes("accurate")
            @min_map(0)
            def test_large(self): ...
        """
    )
    assert collected(project) == ["TestRelease::test_large[accurate-cpu-street]"]


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("sizes('huge')", "sizes: no model of the name or size 'huge'; known: fast, accurate"),
        ("sizes(['fast'])", "sizes: no model of the name or size [[]'fast']; known: fast, accurate"),
        ("sizes()", "sizes: takes names of sizes or models, at least one, as in sizes('fast')"),
        ("sizes('fast', strict=True)", "sizes: takes names of sizes or models*"),
    ],
)
def test_a_malformed_marker_is_a_usage_error_that_names_the_known_sizes(project, marker, message):
    project.makepyfile(f"import pytest\n@pytest.mark.{marker}\n@pytest.mark.min_map(0)\ndef test_release(): ...")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*::test_release: {message}"])


def test_a_test_that_runs_for_no_model_cannot_choose_among_them(project):
    project.makepyfile("from pytest_rfperf import *\n@sizes('fast')\n@training_ratio(2)\ndef test_release(): ...")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*sizes: this test runs for no model; add a gate, or ask for the fixture `model`"])


def test_a_marker_of_that_name_in_a_project_without_gates_is_left_alone(pytester):
    pytester.makeini("[pytest]\nmarkers = sizes: of shirts")
    pytester.makepyfile("import pytest\n@pytest.mark.sizes('10x10')\ndef test_shirts(): ...")
    pytester.runpytest().assert_outcomes(passed=1)
