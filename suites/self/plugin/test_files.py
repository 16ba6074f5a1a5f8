"""What a session leaves behind, written by one process and whole or not at all."""

from __future__ import annotations

import json

import pytest

ONE = ("--target=cpu", "--rfperf-size=fast", "--rfperf-dataset=pieces")
BASELINE = "baselines/cpu/pieces/fast.json"
RELEASE = "from pytest_rfperf import *\n@min_map({ap})\n@latency_budget(ms=1000)\ndef test_release(): {body}\n"


def write(pytester, ap=0.1, body="..."):
    pytester.makepyfile(test_release=RELEASE.format(ap=ap, body=body))


def test_facts_are_left_for_programs(pytester):
    write(pytester)
    pytester.runpytest(*ONE)
    content = json.loads((pytester.path / ".rfperf" / "last.json").read_text())
    (case,) = content["cases"]
    assert (content["schema"], content["exit_status"]) == (1, 0)
    assert (case["model"], case["target"], case["dataset"]) == ("fast", "cpu", "pieces")
    assert case["accuracy"]["values"]["AP"] == pytest.approx(0.8138, abs=1e-4)
    assert [verdict["outcome"] for verdict in case["verdicts"]] == ["PASS", "PASS"]


def test_a_job_summary_is_appended_where_it_is_named(pytester, monkeypatch):
    place = pytester.path / "summary.md"
    place.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    write(pytester)
    pytester.runpytest(*ONE)
    text = place.read_text()
    assert text.startswith("before\n## rfperf\n")
    assert "| fast | cpu | pieces | 0.814 | 0.998 |" in text


def test_recording_writes_a_baseline_and_later_runs_show_the_change(pytester):
    write(pytester)
    result = pytester.runpytest(*ONE, "--rfperf-record")
    result.stdout.fnmatch_lines(
        [f"recorded: fast on cpu/pieces in {BASELINE} and the .records beside it; review the diff and commit it"]
    )
    first = json.loads((pytester.path / BASELINE).read_text())
    assert first["schema"] == 2
    assert len(first["runs"]) == 1
    pytester.runpytest(*ONE).stdout.fnmatch_lines(["fast*0.814 (+0.000)*0.998 (+0.000)*%)*%)*PASS"])
    pytester.runpytest(*ONE, "--rfperf-record")
    assert len(json.loads((pytester.path / BASELINE).read_text())["runs"]) == 2


def test_the_artefact_of_a_recorded_run_is_kept_by_its_hash(pytester, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(pytester.path / "cache"))
    write(pytester)
    pytester.runpytest(*ONE, "--rfperf-record")
    stored = json.loads((pytester.path / BASELINE).read_text())["runs"][0]
    assert (pytester.path / "cache" / "artifacts" / stored["artifact_sha256"] / "model.onnx").is_file()


@pytest.mark.parametrize(
    ("ap", "body", "why"), [(0.9, "...", "min_map did not pass"), (0.1, "assert not 'mine'", None)]
)
def test_what_did_not_pass_is_not_recorded(pytester, ap, body, why):
    write(pytester, ap, body)
    result = pytester.runpytest(*ONE, "--rfperf-record")
    assert not (pytester.path / BASELINE).exists()
    if why:
        result.stdout.fnmatch_lines([f"not recorded: fast on cpu/pieces: {why}"])


def test_a_baseline_of_another_protocol_is_named_and_not_compared(pytester):
    write(pytester)
    pytester.runpytest(*ONE, "--rfperf-record")
    pytester.makefile(".toml", rfperf='[targets.cpu]\nkind = "onnxruntime"\nthreads = 2\n')
    result = pytester.runpytest(*ONE)
    result.stdout.fnmatch_lines(
        ["note: fast on cpu/pieces: latency is not compared with the baseline: threads was 1, now 2"]
    )
    assert "%)" not in result.stdout.str().partition("= rfperf")[2].partition("note:")[0]


def test_a_baseline_that_cannot_be_read_is_an_error_that_names_it(pytester):
    write(pytester)
    place = pytester.path / BASELINE
    place.parent.mkdir(parents=True)
    place.write_text("{ broken")
    result = pytester.runpytest(*ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["error: *fast.json is no baseline: *restore it from version control, or delete it and record anew"]
    )


def test_an_interrupt_leaves_no_baseline_and_no_part_of_a_file(pytester):
    write(pytester)
    pytester.makepyfile(test_zz="def test_later(): raise KeyboardInterrupt")
    result = pytester.runpytest_subprocess(*ONE, "--rfperf-record")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (pytester.path / BASELINE).exists()
    left = [path.name for path in pytester.path.rglob("*") if path.name.startswith(".last")]
    assert left == []


def test_workers_share_one_controller_that_writes(pytester):
    pytester.makepyfile(
        """
        from pytest_rfperf import *
        @min_map(0.1)
        def test_a(): ...
        @latency_budget(ms=1000)
        def test_b(): ...
        """
    )
    result = pytester.runpytest(
        "--target=cpu", "--rfperf-dataset=pieces", "-n2", "--rfperf-record", "--rfperf-save-detections=out"
    )
    result.assert_outcomes(passed=4)
    cases = json.loads((pytester.path / ".rfperf" / "last.json").read_text())["cases"]
    assert {case["model"]: len(case["verdicts"]) for case in cases} == {"fast": 2, "accurate": 2}
    assert (pytester.path / BASELINE).is_file()
    assert (pytester.path / "out/cpu/pieces/fast.json").is_file()


def test_a_failed_test_without_a_verdict_keeps_its_case_from_being_recorded(pytester):
    write(pytester)
    pytester.makepyfile(test_own="def test_own(detector, dataset): assert not 'mine'")
    result = pytester.runpytest(*ONE, "--rfperf-record")
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/pieces: test_own.py::test_own[[]fast-cpu-pieces] failed"])
    assert not (pytester.path / BASELINE).exists()
