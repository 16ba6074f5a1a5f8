"""Verdicts fall in the call phase of the very test."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

ONE = ("--target=cpu", "--rfperf-size=fast", "--rfperf-dataset=pieces")
PASSING = "@min_map(0.1)"
FAILING = "@min_map(0.9)"
UNDECIDED = "@latency_budget(ms=50, percentile=99, pace='200ms')"
HEAD = "import pytest\nfrom pytest_rfperf import *\n"


def write(pytester, *tests):
    pytester.makepyfile(HEAD + "\n".join(tests))


def test_an_empty_body_is_enough_to_pass(pytester):
    write(pytester, PASSING, "@latency_budget(ms=1000)", "def test_release(): ...")
    result = pytester.runpytest(*ONE)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fast*cpu*pieces*0.814*100*PASS"])


def test_a_failing_gate_fails_its_own_test_in_the_call_phase(pytester):
    write(pytester, PASSING, "def test_good(): ...", FAILING, "def test_bad(): ...")
    result = pytester.runpytest(*ONE, "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    suite = ET.parse(pytester.path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    (failure,) = suite.iter("failure")
    assert "min_map: AP 0.8138 < 0.9 for fast on cpu/pieces" in failure.get("message")


def test_all_gates_are_judged_and_one_failure_lists_them(pytester):
    write(pytester, PASSING, "@latency_budget(ms=0.001)", "@min_ap(0.99, area='small')", "def test_release(): ...")
    result = pytester.runpytest(*ONE)
    result.stdout.fnmatch_lines(["latency_budget: p95 *: FAIL"])
    result.stdout.fnmatch_lines(["min_ap: AP of small 0.8151 < 0.99 *: FAIL"])
    result.stdout.fnmatch_lines(["min_map: AP 0.8138 >= 0.1 *: PASS"])


@pytest.mark.parametrize("body", ["raise ValueError('mine')", "pytest.skip('not today')"])
def test_nothing_is_judged_where_the_body_raised_or_skipped(pytester, body):
    write(pytester, FAILING, f"def test_release(): {body}")
    result = pytester.runpytest(*ONE)
    assert "AP 0.8138" not in result.stdout.str()


def test_expected_failures_stop_at_first_and_last_failed_work(pytester):
    write(
        pytester,
        FAILING,
        "def test_1(): ...",
        "@pytest.mark.xfail(strict=True)",
        FAILING,
        "def test_2(): ...",
        PASSING,
        "def test_3(): ...",
    )
    pytester.runpytest(*ONE).assert_outcomes(failed=1, xfailed=1, passed=1)
    pytester.runpytest(*ONE, "-x").assert_outcomes(failed=1)
    pytester.runpytest(*ONE, "--lf").assert_outcomes(failed=1)
    pytester.runpytest(*ONE, "-k", "test_3").assert_outcomes(passed=1, deselected=2)


def test_the_marker_closest_to_the_test_wins_among_equals(pytester):
    write(
        pytester,
        FAILING,
        "class TestRelease:",
        "    @min_map(0.1)",
        "    def test_closest_wins(self): ...",
        "    @min_map(0.1, iou=0.5)",
        "    def test_other_key_adds(self): ...",
    )
    result = pytester.runpytest(*ONE, "-rA")
    result.stdout.fnmatch_lines(["PASSED *test_closest_wins*", "FAILED *test_other_key_adds*"])


def test_ids_are_readable_and_join_the_users_own_parameters(pytester):
    write(pytester, PASSING, "@pytest.mark.parametrize('k', [7])", "def test_release(k): ...")
    pytester.runpytest(*ONE, "--co", "-q").stdout.fnmatch_lines(["*test_release[[]fast-cpu-pieces-7]"])


def test_a_test_is_made_only_of_the_parts_that_it_needs(pytester):
    write(pytester, "@model_size_budget(mb=1)", "def test_size(): ...", "def test_plain(model): ...")
    shown = pytester.runpytest(*ONE, "--co", "-q").stdout
    shown.fnmatch_lines(["*test_size[[]fast]", "*test_plain[[]fast]"])


@pytest.mark.parametrize(
    ("policy", "outcome", "code"), [("fail", "failed", 1), ("skip", "skipped", 0), ("warn", "inconclusive", 0)]
)
def test_an_undecided_gate_follows_the_policy_and_is_never_shown_as_passed(pytester, policy, outcome, code):
    write(pytester, UNDECIDED, "def test_release(): ...")
    result = pytester.runpytest(*ONE, f"--rfperf-inconclusive={policy}", "--junitxml=junit.xml")
    assert result.ret == code
    assert result.parseoutcomes() == {outcome: 1}
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: latency_budget: not measured: a PASS needs at least 417 calls*"])
    if policy == "warn":
        assert "rfperf_inconclusive" in (pytester.path / "junit.xml").read_text()


def test_one_failing_gate_outweighs_an_undecided_one(pytester):
    write(pytester, UNDECIDED, FAILING, "def test_release(): ...")
    pytester.runpytest(*ONE, "--rfperf-inconclusive=warn").assert_outcomes(failed=1)


def test_measure_gives_numbers_and_gates_share_them(pytester):
    write(
        pytester,
        "@latency_budget(ms=1000)",
        "def test_release(measure):",
        "    figures = measure.latency(calls=90)",
        "    assert 0 < figures.p50_ms <= figures.p95_ms",
        "    assert set(figures.stages_ms) == {'decode', 'preprocess', 'infer', 'postprocess'}",
        "    assert measure.accuracy().values['AP'] > 0.1",
        "    global calls",
        "    calls = figures.calls",
        "def test_shared():",
        "    assert calls >= 90",
    )
    pytester.runpytest(*ONE).assert_outcomes(passed=2)
    (case,) = json.loads((pytester.path / ".rfperf" / "last.json").read_text())["cases"]
    assert "n=9" in case["verdicts"][0]["message"] or "n=1" in case["verdicts"][0]["message"]


def test_a_fixture_of_the_project_may_build_on_the_detector(pytester):
    pytester.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\ndef names(detector): return detector.labels\n"
    )
    write(pytester, "def test_names(names): assert names[-2:] == ('capsule', 'tablet')")
    pytester.runpytest(*ONE).assert_outcomes(passed=1)


def test_an_error_of_a_fixture_is_one_message_without_a_traceback(pytester):
    pytester.makefile(".toml", rfperf='[models.fast]\nartifact = "gone.onnx"\n[datasets.d]\npath = "."\n')
    write(pytester, "def test_names(detector): ...")
    result = pytester.runpytest("--target=cpu")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["model file *gone.onnx cannot be read*set `artifact` of the model to an ONNX file"])
    assert "Traceback" not in result.stdout.str()
    assert "pytest_rfperf/" not in result.stdout.str()


def test_a_gate_judges_the_rounds_of_the_benchmark_fixture(pytester):
    write(
        pytester,
        "@latency_budget(ms=1000)",
        "def test_quick(benchmark): benchmark.pedantic(lambda: 1, rounds=100, iterations=1)",
        "@latency_budget(ms=0.000001)",
        "def test_slow(benchmark): benchmark.pedantic(lambda: 1, rounds=100, iterations=1)",
        "@latency_budget(ms=1000)",
        "def test_means(benchmark): benchmark.pedantic(lambda: 1, rounds=100, iterations=5)",
    )
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*test_quick PASSED*", "*test_slow FAILED*", "*test_means FAILED*"])
    result.stdout.fnmatch_lines(["latency_budget: p95 * > 1e-06 ms *n=100, 100 over*: FAIL"])
    result.stdout.fnmatch_lines(["latency_budget: the benchmark made 5 iterations a round*"])


def test_cold_start_and_memory_are_measured_in_fresh_processes(pytester):
    write(pytester, "@cold_start_budget(s=60)", "@memory_budget(mb=0.001)", "def test_release(): ...")
    result = pytester.runpytest(*ONE)
    result.stdout.fnmatch_lines(["cold_start_budget: median * <= 60 s *n=6, 0 over*: PASS"])
    result.stdout.fnmatch_lines(["memory_budget: * MB > 0.001 MB *: FAIL"])


def test_an_expected_failure_does_not_colour_the_case(pytester):
    write(pytester, "@pytest.mark.xfail(strict=True)", FAILING, "def test_x(): ...", PASSING, "def test_y(): ...")
    result = pytester.runpytest(*ONE)
    result.assert_outcomes(xfailed=1, passed=1)
    result.stdout.fnmatch_lines(["fast*cpu*pieces*PASS", "XFAIL: min_map: AP 0.8138 < 0.9*"])


def test_a_case_that_cannot_be_measured_has_a_row_of_its_own(pytester):
    pytester.makefile(".toml", rfperf='[models.fast]\nartifact = "gone.onnx"\n[datasets.d]\npath = "."\n')
    write(pytester, PASSING, "def test_release(): ...")
    result = pytester.runpytest("--target=cpu")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["fast*cpu*d*ERROR", "ERROR: min_map: model file *gone.onnx cannot be read*"])


def test_wrong_arguments_of_measure_are_one_line_in_its_own_name(pytester):
    write(pytester, "def test_a(measure): measure.latency(scope='x')", "def test_b(measure): measure.latency(calls=0)")
    result = pytester.runpytest(*ONE)
    result.stdout.fnmatch_lines(["*UsageError: measure.latency: scope='x': known: end-to-end, model-only"])
    result.stdout.fnmatch_lines(["*UsageError: measure.latency: calls=0: expected at least 1"])


def test_an_error_of_one_gate_hides_no_other_verdict(pytester):
    write(pytester, "@latency_budget(ms=0.00001)", "@min_map(0.1, score_floor=0.001)", "def test_release(): ...")
    result = pytester.runpytest(*ONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ERROR: min_map: score_floor=0.001: *", "FAIL: latency_budget: p95 *"])


def test_a_gate_that_comes_too_late_is_no_pass(pytester):
    pytester.makeconftest(
        """
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.model_size_budget(0.00001))
        """
    )
    write(pytester, "def test_release(model): ...")
    result = pytester.runpytest(*ONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a gate was added to this test after it was collected, too late to be judged"])


def test_fresh_processes_are_attested_like_any_other(pytester):
    pytester.makefile(".toml", rfperf='[targets.gpu]\nkind = "onnxruntime"\nproviders = ["CUDAExecutionProvider"]\n')
    write(pytester, "@cold_start_budget(s=60)", "@memory_budget(mb=5000)", "def test_release(): ...")
    result = pytester.runpytest("--target=gpu", "--rfperf-size=fast", "--rfperf-dataset=pieces")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["ERROR: cold_start_budget: target 'gpu' asked for CUDAExecutionProvider; all * nodes*"]
    )


def test_a_fixture_that_is_asked_for_too_late_says_where_to_ask(pytester):
    write(pytester, "def test_late(request): request.getfixturevalue('detector')")
    result = pytester.runpytest(*ONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["model, target and dataset are chosen when tests are collected: ask for this fixture as an argument"]
    )
