"""What must be equal for two figures to be compared: a change stops with the field, both values and the next command."""

from __future__ import annotations

import json
import re
import shutil

import onnxruntime
import pytest
from click.testing import CliRunner

from pytest_rfperf.cli.baselines import command
from pytest_rfperf.reference import artifact
from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.store.artifacts import sha256_of
from pytest_rfperf.targets.onnxruntime import target as target_module

pytestmark = pytest.mark.integration

REMEDY = "; undo the change, or where it is intended measure the old artefact again: rfperf baselines refresh: ERROR"
CONFIGURATION = """
[models.fast]
artifact = "fast.onnx"
{more}
[datasets.line]
path = "line"
[targets.cpu]
kind = "onnxruntime"
threads = {threads}
"""
TESTS = """
from pytest_rfperf import latency_budget, no_regression

@no_regression(map=0.005)
@latency_budget(ms=10_000)
def test_accuracy(): ...

@no_regression(latency=10)
def test_latency(): ...
"""
FILE = "baselines/cpu/line/fast.json"


class Project:
    """The bundled detector and twelve images of the bundled line of chocolates, as a project of its own."""

    def __init__(self, pytester):
        self.root, self._pytester = pytester.path, pytester
        self.configure()
        pytester.makepyfile(test_release=TESTS)

    def configure(self, more="", threads=1):
        (self.root / "rfperf.toml").write_text(CONFIGURATION.format(more=more, threads=threads))

    def judge(self, test, *options):
        """Run one test; the verdicts of its gates by outcome, as the terminal shows them."""
        result = self._pytester.runpytest("-p", "no:cacheprovider", *options, f"test_release.py::{test}")
        return [line for line in result.outlines if re.match(r"(no_regression|latency_budget): ", line)]

    def refresh(self):
        return CliRunner().invoke(command, ["refresh"])


@pytest.fixture
def project(pytester, tmp_path_factory, monkeypatch):
    """A recorded project; recorded once, and copied for each test."""
    recorded = tmp_path_factory.getbasetemp() / "locked"
    made = Project(pytester)
    monkeypatch.chdir(pytester.path)
    if not recorded.is_dir():
        shutil.copytree(task_folder("chocolates", "valid", 12, lambda _done, _all: None), made.root / "line")
        shutil.copy(artifact("fast"), made.root / "fast.onnx")
        pytester.runpytest("-p", "no:cacheprovider", "--rfperf-record").assert_outcomes(passed=2)
        shutil.copytree(made.root, recorded)
    else:
        shutil.copytree(recorded, made.root, dirs_exist_ok=True)
    return made


def test_nothing_changed_passes(project):
    assert project.judge("test_accuracy") == []
    assert project.judge("test_latency") == []


def test_another_dataset_file(project):
    annotations = project.root / "line" / "annotations.json"
    content = json.loads(annotations.read_text())
    content["annotations"][0]["bbox"][2] += 1
    annotations.write_text(json.dumps(content))
    (line, *_) = project.judge("test_accuracy")
    assert re.match(
        r"no_regression: the baseline of fast on cpu/line is not comparable: dataset was \w{64}, now \w{64} ", line
    )
    assert line.endswith(REMEDY)
    refreshed = project.refresh()
    assert refreshed.exit_code == 0, refreshed.output
    assert re.search(r"\n  dataset was \w{64}, now \w{64}\n", refreshed.output)
    assert project.judge("test_accuracy") == []


def test_another_version_of_the_runtime(project, monkeypatch):
    real = onnxruntime.__version__
    monkeypatch.setattr(onnxruntime, "__version__", "1.0.0")
    (line, *_) = project.judge("test_accuracy")
    assert f"is not comparable: onnxruntime was {real}, now 1.0.0 ({FILE})" in line
    assert line.endswith(REMEDY)
    refreshed = project.refresh()
    assert f"\n  onnxruntime was {real}, now 1.0.0\n" in refreshed.output
    assert project.judge("test_accuracy") == []


@pytest.mark.parametrize(
    ("threads", "facts", "why"),
    [
        (2, {}, "threads was 1, now 2"),
        (1, {"governor": "powersave"}, "governor was not recorded, now powersave"),
    ],
)
def test_other_threads_or_another_power_mode_where_only_numbers_are_left(project, monkeypatch, threads, facts, why):
    real = target_module.host_facts
    monkeypatch.setattr(target_module, "host_facts", lambda: real() | facts)
    monkeypatch.setenv("RFPERF_CACHE", str(project.root / "empty"))
    shutil.copy(artifact("quantised"), project.root / "fast.onnx")
    project.configure(threads=threads)
    (line,) = project.judge("test_latency")
    assert f"is not comparable: {why} ({FILE})" in line
    assert line.endswith(REMEDY)


def test_where_the_artefact_is_measured_again_threads_are_the_same_for_both(project):
    project.configure(threads=2)
    assert project.judge("test_latency") == []


def test_another_artefact_under_the_same_name(project):
    shutil.copy(artifact("quantised"), project.root / "old.onnx")
    project.configure(more='baseline = "old.onnx"')
    before, now = (sha256_of(artifact(name))[:12] for name in ("fast", "quantised"))
    (line,) = project.judge("test_latency")
    assert f"is not comparable: artifact sha256 was {before}, now {now} (old.onnx" in line
    assert line.endswith(REMEDY)
    refreshed = project.refresh()
    assert refreshed.exit_code == 0, refreshed.output
    assert project.judge("test_latency") == []


def test_a_baseline_that_was_edited_by_hand(project):
    path = project.root / FILE
    content = json.loads(path.read_text())
    measured = content["runs"][0]["latency"][0]["p95_ms"]
    content["runs"][0]["latency"][0]["p95_ms"] = 1.5
    path.write_text(json.dumps(content))
    for test in ("test_accuracy", "test_latency"):
        line = project.judge(test)[0]
        assert f"p95_ms of latency 'end-to-end' is 1.5, its samples give {measured}" in line
        assert "rfperf baselines refresh" in line
    verified = CliRunner().invoke(command, ["verify"])
    assert verified.exit_code == 1
    assert "set models.fast.baseline" in project.refresh().output
    project.configure(more='baseline = "fast.onnx"')
    refreshed = project.refresh()
    assert "which was edited by hand" in refreshed.output
    assert CliRunner().invoke(command, ["verify"]).exit_code == 0
    assert project.judge("test_accuracy") == []


def test_a_waiver_that_has_expired(project):
    waiver = 'waiver("latency_budget", ceiling=20_000, expires="2026-11-01", owner="ann", issue="T-1", reason="slow")'
    text = TESTS.replace("@latency_budget", f"@{waiver}\n@latency_budget").replace(
        "no_regression\n", "no_regression, waiver\n", 1
    )
    (project.root / "test_release.py").write_text(text)
    line = next(line for line in project.judge("test_accuracy") if "expires" in line)
    assert "expires was 2026-11-01, today is 20" in line
    assert "the gate passes: remove the waiver" in line


def test_a_refresh_without_the_old_artefact_says_how_to_name_it(project, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(project.root / "empty"))
    shutil.copy(artifact("quantised"), project.root / "fast.onnx")
    refreshed = project.refresh()
    assert refreshed.exit_code == 1
    assert f"not refreshed: {FILE}: the artefact of the baseline (fast.onnx, sha256 " in refreshed.output
    assert "set models.fast.baseline to 'git:REF:path', a path or {url, sha256}" in refreshed.output


def test_a_refresh_of_names_that_are_not_there_says_so(project):
    found = CliRunner().invoke(command, ["refresh", "gpu"])
    assert str(found.exception) == "no baseline 'gpu' in baselines; known: cpu/line/fast"
    assert CliRunner().invoke(command, ["refresh", "cpu/line"]).exit_code == 0
