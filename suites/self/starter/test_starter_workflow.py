"""The workflow keeps GitHub's schema, and brings what the gates need."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import starters
import yaml

from pytest_rfperf.starter.checkout import left_out, repository_of, shown_path
from pytest_rfperf.starter.workflow import workflow


def rendered(choice):
    """The workflow, parsed; `on` is the truth in YAML 1.1."""
    return yaml.safe_load(workflow(choice, choice.folder / "tests/test_release.py"))


def commands(content):
    """What the job runs."""
    return [step["run"] for step in content["jobs"]["gates"]["steps"] if "run" in step]


def variants(folder):
    """A workflow of each kind."""
    inside = folder / 'python: "code" #1'
    inside.mkdir()
    (folder / ".gitattributes").write_text("*.onnx filter=lfs diff=lfs merge=lfs -text\n")
    return {
        "shared": starters.choice(folder),
        "owned": starters.choice(folder, runner="owned"),
        "inside": starters.choice(inside, repository=folder),
        "outside": starters.choice(folder, data="/some where/it's: #1"),
        "bare": starters.choice(inside),
    }


@pytest.mark.parametrize("kind", ["shared", "owned", "inside", "outside", "bare"])
def test_every_kind_keeps_the_schema_of_github(tmp_path, kind):
    choice = variants(tmp_path)[kind]
    path = tmp_path / "rfperf.yml"
    path.write_text(workflow(choice, choice.folder / "test_release.py"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_schema_would_find_a_mistake(tmp_path):
    path = tmp_path / "rfperf.yml"
    path.write_text(workflow(starters.choice(tmp_path), tmp_path / "test_release.py").replace("runs-on", "runs-in"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_the_job_may_only_read_and_keeps_the_facts(tmp_path):
    content = rendered(starters.choice(tmp_path))
    assert content["permissions"] == {"contents": "read"}
    upload = content["jobs"]["gates"]["steps"][-1]
    assert upload["with"]["path"] == ".rfperf/last.json"
    assert upload["with"]["include-hidden-files"] is True
    assert upload["if"] == "${{ !cancelled() }}"


def test_only_on_a_shared_runner_an_undecided_gate_warns(tmp_path):
    last = "python -m pytest --target=cpu{} tests/test_release.py"
    shared, owned = (rendered(starters.choice(tmp_path, runner=runner)) for runner in ("shared", "owned"))
    assert commands(shared)[-1] == last.format(" --rfperf-inconclusive=warn")
    assert commands(owned)[-1] == last.format("")
    assert (shared["jobs"]["gates"]["runs-on"], owned["jobs"]["gates"]["runs-on"]) == ("ubuntu-latest", "self-hosted")


def test_a_folder_inside_the_repository_is_where_commands_run(tmp_path):
    inside = tmp_path / "sub folder"
    inside.mkdir()
    job = rendered(starters.choice(inside, repository=tmp_path))["jobs"]["gates"]
    assert job["defaults"]["run"]["working-directory"] == "sub folder"
    assert job["steps"][-1]["with"]["path"] == "sub folder/.rfperf/last.json"


def test_large_files_are_fetched_where_the_repository_has_them(tmp_path):
    def checkout():
        return rendered(starters.choice(tmp_path))["jobs"]["gates"]["steps"][0]["with"]

    assert "lfs" not in checkout()
    (tmp_path / ".gitattributes").write_text("*.onnx filter=lfs\n")
    assert checkout()["lfs"] is True


def test_a_step_names_what_a_checkout_leaves_out(tmp_path):
    content = rendered(starters.choice(tmp_path, data="/else where/it's: #1"))
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("bash: not there on this system")
    result = subprocess.run([shell, "-c", commands(content)[0]], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "/else where/it's: #1 is missing\n")


def test_a_path_is_relative_inside_the_repository_and_absolute_outside(tmp_path):
    repository = tmp_path / "repository"
    folder = repository / "project"
    folder.mkdir(parents=True)
    (repository / ".git").mkdir()
    assert repository_of(folder) == repository
    assert shown_path(folder / "m/n.onnx", folder, repository) == "m/n.onnx"
    assert shown_path(repository / "data", folder, repository) == "../data"
    assert shown_path(tmp_path / "data", folder, repository) == (tmp_path / "data").as_posix()
    choice = starters.choice(folder, repository=repository, data="../data")
    assert left_out(choice) == ()


def test_a_link_out_of_the_repository_and_an_ignored_file_are_left_out(tmp_path):
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    (repository / "data").mkdir(parents=True)
    elsewhere.mkdir()
    (repository / "data/street").symlink_to(elsewhere)
    assert left_out(starters.choice(repository)) == ("data/street",)
    git = shutil.which("git")
    if git is None:
        pytest.skip("git: not there on this system")
    subprocess.run([git, "init", "--quiet", str(repository)], check=True)
    (repository / ".gitignore").write_text("*.onnx\n")
    assert left_out(starters.choice(repository)) == ("models/n.onnx", "models/m.onnx", "data/street")
