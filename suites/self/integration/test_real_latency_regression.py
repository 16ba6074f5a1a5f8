"""no_regression(latency=...) on real detectors: the artefact of git measured again, a slower release, another interpreter."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from error_rates.slower_graph import write_slower

from pytest_rfperf.reference import artifact

pytestmark = pytest.mark.integration

EXTRA_ROWS = 10_000
"""Of work in the slower release: about twice the time of the bundled detector."""
CONFIGURATION = """
[models.fast]
artifact = "fast.onnx"
baseline = "git:HEAD:fast.onnx"
{more}
[datasets.line]
format = "reference"
task = "chocolates"
images = 8
"""
TEST = """
from pytest_rfperf import no_regression

@no_regression(latency={tolerance})
def test_release(): ...
"""


@pytest.fixture
def release(pytester):
    """A project in git whose model is committed; judges what lies there now."""
    root = pytester.path
    shutil.copy(artifact("fast"), root / "fast.onnx")
    git = ["git", "-C", str(root), "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for command in (["init", "--quiet"], ["add", "fast.onnx"], ["commit", "--quiet", "--message", "model"]):
        subprocess.run([*git, *command], check=True)

    def judge(*, tolerance=0.5, more=""):
        (root / "rfperf.toml").write_text(CONFIGURATION.format(more=more))
        pytester.makepyfile(test_release=TEST.format(tolerance=tolerance))
        pytester.runpytest("-p", "no:cacheprovider", "--rfperf-inconclusive=warn")
        (case,) = json.loads((root / ".rfperf/last.json").read_text())["cases"]
        (verdict,) = case["verdicts"]
        return verdict["outcome"], verdict["message"]

    judge.root = root
    return judge


def test_the_committed_file_against_itself_is_never_a_regression(release):
    outcome, message = release()
    assert outcome == "PASS"
    assert "times the end-to-end service time of git:HEAD:fast.onnx (sha256 " in message


def test_a_release_that_takes_twice_as_long_fails_twice(release):
    write_slower(artifact("fast"), release.root / "fast.onnx", EXTRA_ROWS)
    outcome, message = release()
    assert outcome == "FAIL"
    assert "seen again in fresh sessions" in message


def test_both_sides_run_by_another_interpreter_where_one_is_named(release, tmp_path):
    """An environment that sees the packages of this one stands for one with others."""
    venv.create(tmp_path / "old", system_site_packages=False, symlinks=sys.platform != "win32")
    python = tmp_path / "old" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    (site / "here.pth").write_text(str(Path(np.__path__[0]).parent))
    outcome, message = release(more=f"python = {str(python)!r}")
    assert outcome == "PASS", message
