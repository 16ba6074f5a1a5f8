"""Who recorded, and at which commit: asked of a real git, without an address and without a guess."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from fakes import write_project

from pytest_rfperf.baselines import provenance
from pytest_rfperf.baselines.provenance import commit_of, person, session_id
from pytest_rfperf.config import CommandLine, load_settings

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="not there on this system: git")


def git(folder, *arguments):
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _no_names(tmp_path, monkeypatch):
    """No name from this machine or its CI."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(provenance.getpass, "getuser", lambda: "login")


@pytest.fixture
def root(tmp_path):
    write_project(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def repository(root):
    git(root, "init", "-q")
    git(root, "config", "user.name", "Ada Lovelace")
    git(root, "config", "user.email", "ada@example.org")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def commit(root):
    return commit_of(load_settings(root, CommandLine(), {}))


@needs_git
def test_the_name_is_that_of_the_projects_repository(repository, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    assert person(repository) == "Ada Lovelace"


@pytest.mark.parametrize("variable", ["GITHUB_ACTOR", "GITLAB_USER_LOGIN"])
def test_without_a_name_in_git_it_is_the_actor_of_the_job(root, monkeypatch, variable):
    monkeypatch.setenv(variable, "octocat")
    assert person(root) == "octocat"


def test_without_a_job_it_is_the_user(root):
    assert person(root) == "login"


def test_without_git_it_is_the_user(root, monkeypatch):
    monkeypatch.setattr(provenance.shutil, "which", lambda name: None)
    assert person(root) == "login"
    assert commit(root) == ""


def test_a_user_without_a_name_is_unknown(root, monkeypatch):
    def nobody():
        raise KeyError

    monkeypatch.setattr(provenance.getpass, "getuser", nobody)
    assert person(root) == "unknown"


@needs_git
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ada@example.org", "ada"),
        ("Ada <ada@example.org>", "Ada"),
        ("<ada@example.org>", "ada"),
        ("A" * 300, "A" * 100),
    ],
)
def test_a_name_is_never_an_address(repository, name, shown):
    git(repository, "config", "user.name", name)
    assert person(repository) == shown
    assert "@" not in person(repository)


@needs_git
def test_the_commit_is_that_of_the_project(repository):
    assert commit(repository) == git(repository, "rev-parse", "HEAD").strip()


@needs_git
@pytest.mark.parametrize("file", ["rfperf.toml", "new.txt"])
def test_changes_and_new_files_are_said(repository, file):
    head = git(repository, "rev-parse", "HEAD").strip()
    with (repository / file).open("a") as opened:
        opened.write("\n# changed\n")
    assert commit(repository) == f"{head}+changes"


@needs_git
def test_baselines_that_were_just_written_are_no_change(repository):
    (repository / "baselines" / "cpu").mkdir(parents=True)
    (repository / "baselines" / "cpu" / "a.json").write_text("{}")
    assert "+" not in commit(repository)


@needs_git
def test_a_project_inside_a_repository_has_its_commit(repository):
    inner = repository / "inner"
    write_project(inner)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    assert commit(inner) == git(repository, "rev-parse", "HEAD").strip()
    (repository / "rfperf.toml").write_text("# changed")
    assert commit(inner).endswith("+changes")


@needs_git
def test_baselines_outside_the_project_hide_no_change(repository, tmp_path):
    with (repository / "rfperf.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f'baselines = "{(tmp_path / "elsewhere").as_posix()}"\n' + text)
    assert commit(repository).endswith("+changes")
    git(repository, "commit", "-qam", "two")
    assert "+" not in commit(repository)


def test_without_a_commit_there_is_none(root):
    assert commit(root) == ""


@needs_git
def test_a_git_that_hangs_costs_no_recording(repository, monkeypatch):
    def hangs(*_, **__):
        raise subprocess.TimeoutExpired([], 10)

    monkeypatch.setattr(provenance.subprocess, "run", hangs)
    assert (person(repository), commit(repository)) == ("login", "")


def test_sessions_have_names_of_their_own():
    names = {session_id("2024-05-01T12:00:00+00:00") for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"20240501T120000-[0-9a-f]{6}", name) for name in names)


@needs_git
def test_baselines_outside_of_the_repository_are_no_change_of_it(repository, monkeypatch):
    monkeypatch.setenv("RFPERF_BASELINES", str(repository.parent / "elsewhere"))
    settings = load_settings(repository, CommandLine())
    head = git(repository, "rev-parse", "HEAD").strip()
    assert commit_of(settings) == head
    (repository / "new.txt").write_text("new")
    assert commit_of(settings) == f"{head}+changes"
