"""--rfperf-plan and --rfperf-plan-probe: nothing runs, and what would be measured is said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ONE = ("--target=cpu", "--rfperf-size=fast", "--rfperf-dataset=pieces")
HEAD = "import pytest\nfrom pytest_rfperf import *\n"
RAN = "raise AssertionError('a body ran')"
BOTH = (
    HEAD
    + f"@min_map(0.1)\n@latency_budget(ms=1000)\ndef test_release(): {RAN}\n"
    + f"@model_size_budget(100)\ndef test_download(): {RAN}\n"
    + f"def test_other(): {RAN}\n"
)
OPENED = """
import socket, sys

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event in ("open", "subprocess.Popen", "socket.connect") else None)

def pytest_unconfigure():
    print("OPENED", [name for name in opened if name.endswith((".onnx", ".jpg", ".png", "annotations.json"))])
    print("ONNXRUNTIME", "onnxruntime" in sys.modules)
"""


def plan_of(pytester, place=".rfperf/plan.json"):
    return json.loads((pytester.path / place).read_text())


def test_nothing_runs_and_each_gate_has_a_row(pytester):
    pytester.makepyfile(test_a=BOTH)
    result = pytester.runpytest("--rfperf-plan", *ONE)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes()
    result.stdout.fnmatch_lines(
        [
            "*= rfperf plan (static) =*",
            "test *case *gate *least *5 % *20 % *",
            "test_release  *fast on cpu/pieces *latency_budget(ms=1000) *82 *calls *",
            "test_download *fast *model_size_budget(mb=100)*",
            "plan: .rfperf/plan.json",
        ]
    )
    content = plan_of(pytester)
    assert (content["schema"], content["kind"], content["mode"]) == (1, "plan", "static")
    rows = {row["gate"]: row for row in content["gates"]}
    assert set(rows) == {"min_map", "latency_budget", "model_size_budget"}
    assert rows["latency_budget"]["test"] == "test_a.py::test_release[fast-cpu-pieces]"
    assert rows["min_map"]["remark"] == "decided by the value: all 100 images"


def test_a_gate_that_can_never_be_decided_fails_the_plan_and_says_what_would(pytester):
    pytester.makepyfile(HEAD + f"@latency_budget(50, percentile=99, pace='200ms')\ndef test_a(): {RAN}")
    result = pytester.runpytest("--rfperf-plan", *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["never decided: latency_budget(*: a PASS needs at least 417 calls, 83.4 s,*raise --rfperf-cap to 110 s"]
    )
    assert pytester.runpytest("--rfperf-plan", "--rfperf-cap=110", *ONE).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "more", [("-k", "download"), ("-k", "download", "-n", "2"), ("-n2", "--dist=loadfile", "-k", "download")]
)
def test_only_what_is_selected_is_planned_and_workers_change_nothing(pytester, more):
    pytester.makepyfile(BOTH)
    result = pytester.runpytest("--rfperf-plan", *ONE, *more)
    assert result.ret == pytest.ExitCode.OK
    assert [row["gate"] for row in plan_of(pytester)["gates"]] == ["model_size_budget"]


def test_all_sizes_and_datasets_are_planned_as_they_are_chosen(pytester):
    pytester.makepyfile(BOTH)
    pytester.runpytest("--rfperf-plan", "--target=cpu", "--rfperf-dataset=pieces,bees", "-k", "release")
    cases = {(row["model"], row["dataset"]) for row in plan_of(pytester)["gates"]}
    assert cases == {(model, task) for model in ("fast", "accurate") for task in ("pieces", "bees")}


def test_a_static_plan_opens_no_model_image_or_annotation(pytester):
    pytester.makeconftest(OPENED)
    pytester.makepyfile(
        BOTH + "@latency_ratio(1, against='accurate')\n@cold_start_budget(9)\ndef test_more(detector): ..."
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:benchmark",
        "--rfperf-plan",
        *ONE,
    ]
    shown = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=True).stdout
    assert "OPENED []" in shown
    assert "ONNXRUNTIME False" in shown


def test_a_probe_measures_and_still_runs_no_body_and_no_fixture_of_the_user(pytester):
    pytester.makepyfile(
        HEAD
        + f"@pytest.fixture(autouse=True)\ndef mine(): {RAN}\n"
        + f"@min_map(0.1)\n@latency_budget(ms=1000)\ndef test_a(detector): {RAN}"
    )
    result = pytester.runpytest("--rfperf-plan-probe", "--rfperf-suite-cap=60", *ONE)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes()
    rows = {row["gate"]: row for row in plan_of(pytester)["gates"]}
    assert rows["latency_budget"]["basis"].startswith("probe, ")
    assert rows["latency_budget"]["here"]["margin"] > 0.5
    assert rows["min_map"]["margins"][0]["seconds"] > 0
    result.stdout.fnmatch_lines(["*rfperf plan (probe)*", "measuring in all: * s where*suite's cap is 60 s"])


def test_a_recorded_baseline_tells_a_static_plan(pytester):
    pytester.makepyfile(
        HEAD
        + "@min_map(0.1)\n@latency_budget(ms=1000)\ndef test_release(): ...\n"
        + "@no_regression(map=0.02)\n@min_map(0.5, iou=0.5, certainty=0.95)\ndef test_later(): ..."
    )
    pytester.runpytest("--rfperf-record", "-k", "release", *ONE).assert_outcomes(passed=1)
    facts = (pytester.path / ".rfperf" / "last.json").read_bytes()
    result = pytester.runpytest("--rfperf-plan", *ONE)
    assert result.ret == pytest.ExitCode.OK
    rows = {row["asked"]: row for row in plan_of(pytester)["gates"]}
    assert rows["latency_budget(ms=1000)"]["basis"].startswith("baseline of ")
    assert rows["latency_budget(ms=1000)"]["margins"][1]["seconds"] > 0
    sure = rows["min_map(ap=0.5, iou=0.5, certainty=0.95)"]
    assert sure["basis"].startswith("match records of ")
    assert sure["margins"][1]["power"] > 0.8
    assert "pairing is worth 8 times" in rows["no_regression(map=0.02)"]["basis"]
    assert (pytester.path / ".rfperf" / "last.json").read_bytes() == facts


def test_the_plan_goes_where_the_option_says(pytester):
    pytester.makepyfile(BOTH)
    pytester.runpytest("--rfperf-plan", "--rfperf-json=mine/plan.json", *ONE)
    assert plan_of(pytester, "mine/plan.json")["kind"] == "plan"


def test_mistakes_end_a_plan_as_they_end_a_run(pytester):
    pytester.makepyfile(HEAD + "@min_map(2)\ndef test_a(): ...")
    assert pytester.runpytest("--rfperf-plan", *ONE).ret == pytest.ExitCode.USAGE_ERROR
    pytester.makepyfile("import nothing_of_that_name")
    assert pytester.runpytest("--rfperf-plan", *ONE).ret == pytest.ExitCode.INTERRUPTED


def test_a_selection_without_gates_says_so(pytester):
    pytester.makepyfile(BOTH)
    result = pytester.runpytest("--rfperf-plan", *ONE, "-k", "other")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["no gate is selected"])


def test_bodies_that_measure_are_counted(pytester):
    pytester.makepyfile(BOTH + f"def test_mine(measure): {RAN}")
    result = pytester.runpytest("--rfperf-plan", *ONE)
    result.stdout.fnmatch_lines(["note: 1 test measures in its body too, which a plan does not run"])
