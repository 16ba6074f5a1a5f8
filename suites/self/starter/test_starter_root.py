"""The configuration goes where pytest will look for it: pytest itself is the judge."""

from __future__ import annotations

import os

import pytest
from _pytest.config.findpaths import determine_setup

from pytest_rfperf.starter.root import collected_paths, pytest_root

LAYOUTS = {
    "nothing": {},
    "a pyproject beside": {"a/b/pyproject.toml": ""},
    "a pyproject above": {"pyproject.toml": ""},
    "pytest configured above": {"pyproject.toml": "[tool.pytest.ini_options]\n", "a/b/pyproject.toml": ""},
    "pytest configured beside": {"pytest.ini": "[pytest]\n", "a/b/pyproject.toml": "[tool.pytest.ini_options]\n"},
    "an empty pytest.ini": {"a/pytest.ini": ""},
    "tox.ini": {"a/tox.ini": "[pytest]\n", "a/b/pyproject.toml": ""},
    "tox.ini of tox alone": {"a/tox.ini": "[tox]\n"},
    "setup.cfg": {"setup.cfg": "[tool:pytest]\n"},
    "setup.py above": {"a/setup.py": ""},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_root_is_that_of_pytest(tmp_path, layout):
    folder = tmp_path / "a/b"
    folder.mkdir(parents=True)
    for name, content in layout.items():
        (tmp_path / name).write_text(content)
    pytests = determine_setup(
        inifile=None, override_ini=None, args=[os.fspath(folder)], rootdir_cmd_arg=None, invocation_dir=folder
    )[0]
    assert pytest_root(folder) == pytests


@pytest.mark.parametrize(("value", "paths"), [('"tests more"', ("tests", "more")), ('["tests"]', ("tests",))])
def test_the_places_of_tests_are_read(tmp_path, value, paths):
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\ntestpaths = {value}\n")
    assert collected_paths(tmp_path) == paths


def test_without_places_tests_are_everywhere(tmp_path):
    assert collected_paths(tmp_path) == ()
