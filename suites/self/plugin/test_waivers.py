"""Waivers as markers and as rows of the configuration, seen from a run of pytest."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import date

import fakes
import pytest

from pytest_rfperf.gates.waiver import make_waiver
from pytest_rfperf.plugin import waivers
from pytest_rfperf.plugin.waivers import Row

WHO = "owner='mira', issue='CV-41', reason='new neck'"
FAILING = "@memory_budget(90)\ndef test_release(): ...\n"
PASSING = "@memory_budget(200)\ndef test_release(): ...\n"
MESSAGE = "memory_budget: 100.0 MB > 90 MB for fast on cpu/street *; waived to 110 MB until 2026-12-31 by mira (CV-41): new neck"


@pytest.fixture
def project(pytester, monkeypatch):
    """Make a project of two sizes that take 100 MB each, on the day 2026-11-25."""
    fakes.write_project(pytester.path)
    monkeypatch.setattr(waivers, "today", lambda: date(2026, 11, 25))
    return pytester


def marker(metric="memory_budget", ceiling=110, expires="2026-12-31"):
    return f"@waiver({metric!r}, ceiling={ceiling}, expires={expires!r}, {WHO})\n"


def write(project, *tests, name="test_release"):
    project.makepyfile(**{name: "import pytest\nfrom pytest_rfperf import *\n" + "".join(tests)})


def add_row(project, test="test_release.py::test_release", **changes):
    """Write a row; a date without quotes, as TOML has it."""
    keys = {"test": test, "metric": "memory_budget", "ceiling": 110, "owner": "mira", "issue": "CV-41"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in (keys | {"reason": "new neck"} | changes).items()]
    if "expires" not in changes:
        lines.append("expires = 2026-12-31")
    with (project.path / "rfperf.toml").open("a") as file:
        file.write("\n[[waivers]]\n" + "\n".join(lines) + "\n")


def refused(project, *arguments):
    """What a run that must not start says."""
    result = project.runpytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return [line.removeprefix("ERROR: ") for line in result.errlines if line.strip()]


def test_a_waived_gate_fails_no_test_and_is_shown_as_its_own_word_everywhere(project, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    write(project, marker(), FAILING)
    result = project.runpytest("--rfperf-size=fast", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "fast *cpu *street *WAIVED",
            f"WAIVED: {MESSAGE}",
            "note: waiver of memory_budget to 110 by mira (CV-41): 36 days left, expires 2026-12-31: new neck",
        ]
    )
    (case,) = json.loads((project.path / ".rfperf" / "last.json").read_text())["cases"]
    assert [verdict["outcome"] for verdict in case["verdicts"]] == ["WAIVED"]
    properties = {one.get("name"): one.get("value") for one in ET.parse(project.path / "junit.xml").iter("property")}
    assert properties["memory_budget"].endswith("(CV-41): new neck: WAIVED")
    assert properties["rfperf_waived"] == properties["memory_budget"]
    assert "- :warning: **WAIVED** memory\\_budget" in (project.path / "summary.md").read_text().replace(
        "memory_budget:", "memory\\_budget:"
    )


def test_beyond_the_ceiling_the_test_fails(project):
    write(project, marker(ceiling=95), FAILING)
    result = project.runpytest("--rfperf-size=fast")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["memory_budget: *; beyond the waiver's ceiling of 95 MB until 2026-12-31 *: FAIL"])


def test_a_waiver_is_of_its_own_gate_alone(project):
    write(project, marker(), "@min_map(0.1)\n@model_size_budget(0.000001)\n", FAILING)
    result = project.runpytest("--rfperf-size=fast")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["model_size_budget: *: FAIL", "memory_budget: *: WAIVED", "min_map: *: PASS"])


@pytest.mark.parametrize(("ceiling", "test"), [(110, FAILING), (300, PASSING)])
def test_an_expired_waiver_fails_its_test_even_where_the_gate_passes(project, ceiling, test):
    write(project, marker(ceiling=ceiling, expires="2026-11-01"), test)
    result = project.runpytest("--rfperf-size=fast")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["memory_budget: *has expired: expires was 2026-11-01, today is 2026-11-25; *: ERROR"])
    assert "note: waiver" not in result.stdout.str()


def test_a_waiver_that_is_not_needed_says_so_and_is_noted_once(project):
    write(project, marker(metric="memory_budget", ceiling=300), PASSING)
    result = project.runpytest()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["PASS: memory_budget: *; waiver not needed, remove it (mira, CV-41)"])
    assert result.stdout.str().count("note: waiver of memory_budget") == 1


def test_of_two_markers_of_one_gate_the_closest_counts(project):
    write(
        project,
        marker(ceiling=95),
        "class TestRelease:\n    ",
        marker(),
        "    @memory_budget(90)\n    def test_release(self): ...\n",
    )
    assert project.runpytest("--rfperf-size=fast").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (marker("min_map", 0.1), "waiver: metric='min_map': this test has no such gate; it has memory_budget"),
        (
            marker("memory", 110),
            "waiver: metric='memory': no gate is called that; known: *; did you mean memory_budget?",
        ),
        (
            marker(ceiling=80),
            "waiver: ceiling=80: memory_budget itself has mb=90; expected a ceiling above 90, or no waiver",
        ),
        (marker(expires="soon"), "waiver: expires='soon': expected a day, such as '2026-12-31'"),
        ("@waiver('memory_budget')\n", "waiver: argument 'ceiling' is missing; known: metric, ceiling, *"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_a_usage_error_that_names_the_test(project, mark, message):
    write(project, mark, FAILING)
    project.runpytest("--co").stderr.fnmatch_lines([f"ERROR: test_release.py::test_release: {message}"])


def test_a_marker_on_a_test_without_a_gate_is_a_usage_error(project):
    write(project, marker(), "def test_plain(): ...\n", FAILING)
    assert refused(project) == [
        "test_release.py::test_plain: waiver: metric='memory_budget': this test has no such gate; it has none"
    ]


def test_the_halves_of_no_regression_are_named_apart(project):
    write(project, marker("no_regression", 0.1), "@no_regression(map=0.01)\ndef test_release(): ...\n")
    assert "it has several limits; name the one: no_regression.latency, no_regression.map" in refused(project)[0]
    write(project, marker("no_regression.map", 0.1), "@no_regression(map=0.01)\ndef test_release(): ...\n")
    assert project.runpytest("--co").ret == pytest.ExitCode.OK


def test_a_row_waives_what_its_pattern_names(project):
    add_row(project, "test_release.py::test_release[fast-*]")
    write(project, FAILING)
    result = project.runpytest()
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["accurate *FAIL", f"WAIVED: {MESSAGE}"])


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("a/test_b.py::test_c[fast-cpu-street]", True),
        ("a/test_b.py::test_c", True),
        ("a/test_b.py::test_", False),
        ("test_b.py::test_c", False),
        ("*::test_c", True),
        ("*::test_c[fast-*]", True),
        ("*::test_c[accurate-*]", False),
        ("*::test_?", True),
        ("*::test_c[fast?cpu?street]", True),
        ("*::test_c[abcdefg]*", False),
        ("*::test_[abc]", False),
        ("*::test_c[fast-cpu-street", False),
        ("a.test_b.py::test_c", False),
        ("*", True),
    ],
)
def test_a_pattern_knows_stars_and_question_marks_and_takes_brackets_as_they_are(pattern, named):
    keys = {"ceiling": 110, "expires": "2026-12-31", "owner": "mira", "issue": "CV-41", "reason": "new neck"}
    row = Row(pattern, make_waiver(["memory_budget"], keys))
    assert row.names("a/test_b.py::test_c[fast-cpu-street]") is named


def test_a_row_that_cannot_be_meant_is_named_once(project):
    add_row(project)
    add_row(project, owner="")
    write(project, FAILING)
    assert refused(project) == ["rfperf.toml: waivers[1]: owner='': expected a line that says whom to ask"]


def test_a_row_that_is_no_looser_than_a_gate_is_named_with_the_test(project):
    add_row(project, ceiling=80.0)
    write(project, FAILING)
    (line,) = refused(project)
    assert line == (
        "test_release.py::test_release: rfperf.toml: waivers[0]: ceiling=80.0: memory_budget itself has mb=90; expected a "
        "ceiling above 90, or no waiver"
    )


@pytest.mark.parametrize(("mark", "other"), [(marker(), "waiver"), ("", "rfperf.toml: waivers[0]")])
def test_two_waivers_of_one_gate_are_refused(project, mark, other):
    if not mark:
        add_row(project, "*")
    add_row(project)
    write(project, mark, FAILING)
    (line,) = refused(project)
    assert line.endswith(f": metric='memory_budget': this gate is waived already ({other}); keep one")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"test": "test_gone.py::test_release"}, "test='test_gone.py::test_release': no collected test is called that"),
        (
            {"metric": "min_map", "ceiling": 0.1},
            "*: no test of that name has the gate min_map; for example test_release.py*",
        ),
    ],
)
def test_a_row_of_no_gate_ends_a_whole_run(project, changes, why):
    add_row(project, **changes)
    write(project, FAILING)
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: rfperf.toml: waivers[[]0]: {why}; correct the row, or remove it"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "release"],
        ["-m", "not slow"],
        ["--deselect=test_release.py::test_other"],
        ["--lf"],
        ["--sw"],
        ["--ignore=other"],
        ["test_release.py"],
        ["test_release.py::test_release"],
        ["--rfperf-size=fast"],
        ["--rfperf-dataset=street"],
        ["--target=cpu"],
        ["--rfperf-bundled"],
    ],
)
def test_a_run_that_leaves_something_out_says_nothing_of_rows_without_a_gate(project, arguments):
    with (project.path / "rfperf.toml").open("a") as file:
        file.write('[datasets.more]\npath = "data"\n[targets.other]\nkind = "fakes:FakeTarget"\n')
    add_row(project, "test_gone.py::test_release")
    write(project, PASSING)
    project.makeini("[pytest]\nmarkers = slow: takes long")
    assert project.runpytest("--co", *arguments).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("arguments", [[], ["."], ["sub", "more"], ["--ff"], ["--rfperf-size=fast,accurate"]])
def test_a_run_over_all_of_testpaths_leaves_nothing_out(project, arguments):
    project.makeini("[pytest]\ntestpaths = sub m*")
    for folder in ("sub", "more"):
        project.mkdir(folder)
        (project.path / folder / f"test_{folder}.py").write_text(f"from pytest_rfperf import *\n{PASSING}")
    add_row(project, "test_gone.py::test_release")
    assert refused(project, "--co", *arguments)[0].startswith(
        "rfperf.toml: waivers[0]: test='test_gone.py::test_release': no"
    )
    assert project.runpytest("--co", "sub").ret == pytest.ExitCode.OK


def test_below_the_root_folder_not_all_tests_are_there(project, monkeypatch):
    project.mkdir("sub")
    (project.path / "sub" / "test_sub.py").write_text(f"from pytest_rfperf import *\n{PASSING}")
    add_row(project, "test_gone.py::test_release")
    assert project.runpytest("--co").ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.chdir(project.path / "sub")
    assert project.runpytest("--rootdir=..", "--co").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(("target", "known"), [("jetson", True), ("other", False)])
def test_a_row_for_a_target_that_is_not_the_default_one_is_of_a_gate(project, target, known):
    with (project.path / "rfperf.toml").open("a") as file:
        file.write('[targets.jetson]\nkind = "fakes:FakeTarget"\n')
    add_row(project, f"test_release.py::test_release[fast-{target}-street]", ceiling=300)
    write(project, PASSING)
    assert project.runpytest("--co").ret == (pytest.ExitCode.OK if known else pytest.ExitCode.USAGE_ERROR)


def test_a_file_that_cannot_be_imported_is_said_before_rows_without_a_gate(project):
    add_row(project, "test_broken.py::test_release")
    write(project, PASSING)
    project.makepyfile(test_broken="import not_there_at_all")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*No module named 'not_there_at_all'"])


def test_workers_of_xdist_waive_alike_and_the_note_is_shown_once(project):
    """A worker cannot end the run, so that a row of no gate is left to a run without them; it has the real day."""
    add_row(project, "*", expires="2999-12-31")
    add_row(project, "test_gone.py::test_release")
    write(project, FAILING)
    result = project.runpytest("-n2")
    assert result.ret == pytest.ExitCode.OK
    for model in ("fast", "accurate"):
        result.stdout.fnmatch_lines(
            [f"{model} *WAIVED", f"WAIVED: memory_budget: * for {model} on *; waived to 110 MB *"]
        )
    assert result.stdout.str().count("note: waiver of memory_budget") == 1


def test_what_is_waived_is_not_recorded(project):
    write(project, marker(), "@min_map(0.1)\n", FAILING)
    result = project.runpytest("--rfperf-size=fast", "--rfperf-record")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/street: memory_budget is only waived"])
    assert not (project.path / "baselines").exists()


@pytest.mark.parametrize(("ceiling", "outcome", "word"), [(95, "xfailed", "XFAIL"), (110, "xpassed", "WAIVED")])
def test_an_expected_failure_is_one_beyond_the_ceiling(project, ceiling, outcome, word):
    write(project, "@pytest.mark.xfail(strict=False)\n", marker(ceiling=ceiling), FAILING)
    result = project.runpytest("--rfperf-size=fast")
    assert result.parseoutcomes() == {outcome: 1}
    result.stdout.fnmatch_lines([f"fast *{word}"])


def test_a_marker_of_that_name_in_a_project_without_gates_is_left_alone(pytester):
    pytester.makeini("[pytest]\nmarkers = waiver: of fees")
    pytester.makepyfile("import pytest\n@pytest.mark.waiver('fees')\ndef test_fees(): ...")
    pytester.runpytest().assert_outcomes(passed=1)
