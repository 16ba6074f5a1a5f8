"""Markers are known to pytest and are the decorators that the package exports."""

from __future__ import annotations

import pytest

import pytest_rfperf
from pytest_rfperf.gates.catalogue import SELECTORS, SIGNATURES


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_decorator_is_the_marker_of_its_name(name):
    assert getattr(pytest_rfperf, name)(1).mark == getattr(pytest.mark, name)(1).mark


def test_every_marker_is_listed_with_its_arguments(pytester):
    shown = pytester.runpytest("--markers").stdout.str()
    for line in (*SIGNATURES.values(), *SELECTORS.values()):
        assert line.split(":")[0] in shown


def test_public_names_are_sorted_and_known_to_type_checkers():
    names = [name for name in pytest_rfperf.__all__ if name != "__version__"]
    assert names == sorted([*SIGNATURES, *SELECTORS])


def test_an_unknown_public_name_is_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match="it has cold_start_budget, latency_budget"):
        _ = pytest_rfperf.max_latency


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("latency_budget(ms=5, percentile=0)", "latency_budget: percentile=0: expected a number in (0, 100]"),
        ("latency_budget()", "latency_budget: argument 'ms' is missing; known: ms, percentile, scope, pace"),
        ("latency_budget(ms='5')", "latency_budget: ms='5': expected a number in (0, 1e+09]"),
        (
            "min_map(0.5, confidence=0.4)",
            "min_map: unknown argument 'confidence'; known: ap, iou, *, max_detections; did you mean score_floor?",
        ),
        ("min_map(0.5, iou_thr=0.5)", "min_map: unknown argument 'iou_thr'*did you mean iou?"),
        ("min_ap(0.5)", "min_ap: category=None: name a category, an area, or both*"),
    ],
)
def test_a_malformed_marker_is_a_usage_error_that_names_the_test(pytester, marker, message):
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_release(): ...")
    result = pytester.runpytest("--target=cpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    escaped = message.replace("[", "[[]")
    result.stderr.fnmatch_lines([f"*test_a_malformed*.py::test_release: {escaped}"])


def test_all_malformed_markers_are_named_at_once(pytester):
    pytester.makepyfile(
        """
        from pytest_rfperf import min_map
        @min_map(2)
        def test_a(): ...
        @min_map(-1)
        def test_b(): ...
        """
    )
    shown = pytester.runpytest("--target=cpu").stderr.str()
    assert "test_a: min_map: ap=2" in shown
    assert "test_b: min_map: ap=-1" in shown


def test_a_unittest_method_is_refused_by_name(pytester):
    pytester.makepyfile(
        """
        import unittest
        from pytest_rfperf import min_map
        class TestRelease(unittest.TestCase):
            @min_map(0.1)
            def test_ap(self): ...
        """
    )
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*min_map cannot judge the unittest method test_ap; write a function*"])


def test_under_xdist_a_malformed_marker_fails_its_test_with_the_same_message(pytester):
    pytester.makepyfile("from pytest_rfperf import min_map\n@min_map(0.5, conf=1)\ndef test_release(): ...")
    result = pytester.runpytest("--target=cpu", "-n2", "--rfperf-size=fast")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*min_map: unknown argument 'conf'*did you mean score_floor?"])
