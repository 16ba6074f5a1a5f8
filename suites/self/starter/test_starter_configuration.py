"""The configuration that `rfperf init` writes is one that a session reads."""

from __future__ import annotations

import pytest
import starters

from pytest_rfperf.config import CommandLine, ModelSettings, load_settings
from pytest_rfperf.errors import UsageError
from pytest_rfperf.starter.configuration import configuration_file

USERS = b'[project]\nname = "mine"  # \xc3\xa9t\xc3\xa9\n\n[tool.other]\nx = 1'


def written(choice, *, force=False):
    """Write the file and read it back as a session does."""
    path, content = configuration_file(choice, force=force)
    path.write_bytes(content)
    return path, load_settings(choice.folder, CommandLine(), {})


def test_what_is_read_back_is_what_was_chosen(tmp_path):
    models = {
        "fast": ModelSettings('models/"quoted" \\ été\x7f.onnx', decoder="yolo", labels="coco80"),
        "v1.5": ModelSettings("m.onnx", labels=("red cell", 'a "b"')),
    }
    choice = starters.choice(tmp_path, models=models, dataset="street.v2", target="cuda")
    path, settings = written(choice)
    assert path == tmp_path / "rfperf.toml"
    assert settings.models == models
    assert settings.datasets == choice.settings.datasets
    assert settings.targets["cuda"] == choice.settings.targets["cuda"]
    assert settings.selected_targets == ("cuda",)


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_a_pyproject_is_appended_to_and_none_of_its_bytes_changes(tmp_path, end):
    (tmp_path / "pyproject.toml").write_bytes(USERS + end)
    path, settings = written(starters.choice(tmp_path))
    assert path.name == "pyproject.toml"
    assert path.read_bytes().startswith(USERS + end)
    assert list(settings.models) == ["fast", "accurate"]


def test_line_ends_of_windows_are_kept(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b'[project]\r\nname = "mine"\r\n')
    path, _ = written(starters.choice(tmp_path))
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


def test_the_file_is_the_golden_one(tmp_path):
    _, content = configuration_file(starters.choice(tmp_path), force=False)
    assert content.decode() == (
        'default-target = "cpu"\n\n'
        '[models.fast]\nartifact = "models/n.onnx"\n\n'
        '[models.accurate]\nartifact = "models/m.onnx"\n\n'
        '[datasets.street]\npath = "data/street"\n'
    )


def test_a_configuration_that_is_there_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.rfperf]\ndefault-target = "cpu"\n')
    with pytest.raises(UsageError, match=r"has a table \[tool.rfperf\] already; remove it, or give --force"):
        configuration_file(starters.choice(tmp_path), force=False)
    (tmp_path / "rfperf.toml").write_text("")
    with pytest.raises(UsageError, match=r"rfperf.toml is there already; remove it, or overwrite it with --force"):
        configuration_file(starters.choice(tmp_path), force=False)


def test_force_writes_an_rfperf_toml_which_comes_first(tmp_path):
    before = '[tool.rfperf.models.old]\nartifact = "old.onnx"\n'
    (tmp_path / "pyproject.toml").write_text(before)
    path, settings = written(starters.choice(tmp_path), force=True)
    assert path.name == "rfperf.toml"
    assert list(settings.models) == ["fast", "accurate"]
    assert (tmp_path / "pyproject.toml").read_text() == before


@pytest.mark.parametrize("content", ["[project", "tool = {other = {x = 1}}\n"])
def test_a_pyproject_that_cannot_be_appended_to_is_named(tmp_path, content):
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(UsageError, match=r"pyproject\.toml: "):
        configuration_file(starters.choice(tmp_path), force=False)
