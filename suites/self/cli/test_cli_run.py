"""Commands that are pytest runs, run for real on the fake target: where they look, what they say, what has no say."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import fakes
import pytest

pytestmark = pytest.mark.integration

RFPERF = [sys.executable, "-c", "from pytest_rfperf.cli import main; main()"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project on the fake target, and a folder inside it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(fakes.__file__).parent))
    fakes.write_project(tmp_path / "project")
    (tmp_path / "project" / "inside").mkdir()
    return tmp_path / "project"


def run(folder, *arguments, **environment):
    """Run rfperf in a process of its own."""
    return subprocess.run(
        [*RFPERF, *arguments], cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip


def test_advice_is_on_the_models_of_the_project_around_a_folder(project):
    made = run(project / "inside", "advise")
    assert made.returncode == 0, made.stderr
    assert made.stderr.startswith(f"models: fast, accurate ({project / 'rfperf.toml'})\n")
    assert "street on cpu: tie: take fast: " in made.stdout
    assert (project / ".rfperf" / "last.json").is_file()
    assert list((project / "inside").iterdir()) == []


def test_facts_that_cannot_be_written_cost_no_advice_and_are_no_success(project):
    (project / ".rfperf").write_text("a file where a folder should be")
    made = run(project, "advise")
    assert made.returncode == 1
    assert "street on cpu: tie: take fast: " in made.stdout
    assert "last.json cannot be written" in made.stderr


def test_a_target_that_nobody_configured_is_named(project):
    made = run(project, "advise", "--target=jetson")
    assert made.returncode == 4
    assert "no such name in [targets]; known: cpu" in made.stderr


def test_plugins_and_options_of_the_project_have_no_say(project):
    (project / "conftest.py").write_text("raise SystemExit('conftest was read')")
    made = run(project, "advise", PYTEST_PLUGINS="nobody_has_this", PYTEST_ADDOPTS="--nonsense")
    assert made.returncode == 0, made.stderr


def test_variables_and_job_summaries_make_no_other_demo_of_it(tmp_path):
    summary = tmp_path / "summary.md"
    made = run(
        tmp_path, "demo", RFPERF_TARGET="jetson", RFPERF_SIZE="nano", RFPERF_CAP="60", GITHUB_STEP_SUMMARY=str(summary)
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert not summary.exists()
    assert list(tmp_path.iterdir()) == []


def test_output_that_knows_no_unicode_is_no_error(tmp_path):
    made = run(tmp_path, "study", "--dataset=pieces", "--markdown=study.md", PYTHONIOENCODING="ascii")
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "study.md").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="not there on this system: pseudo-terminals")
def test_progress_is_seen_while_pictures_are_drawn(tmp_path):
    shown, terminal = [], {"RFPERF_CACHE": str(tmp_path / "cache"), "TERM": "xterm", "COLUMNS": "100"}

    def read(handle):
        shown.append(os.read(handle, 4096))
        return shown[-1]

    before = os.environ | {}
    os.environ.update(terminal)
    try:
        status = pty.spawn([*RFPERF, "demo"], read, lambda _handle: b"")
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert status == 0
    assert b"dataset chocolates: " in b"".join(shown)
