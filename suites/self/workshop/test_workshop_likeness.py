"""When a detector that was trained again counts as the same."""

from __future__ import annotations

import cv2
import pytest
from click.testing import CliRunner

from pytest_rfperf.cli import rfperf
from pytest_rfperf.reference import TASKS, artifact
from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.workshop import likeness as module
from pytest_rfperf.workshop.likeness import Likeness

BUNDLED = dict.fromkeys(TASKS, 0.5)


@pytest.mark.parametrize(
    ("differences", "alike"),
    [
        ((0, 0, 0, 0, 0), True),
        ((0.03, -0.03, 0.03, -0.03, 0), True),
        ((0.031, 0, 0, 0, 0), False),
        ((0.02, 0.02, 0.02, 0.02, 0.02), False),
        ((-0.015, -0.015, -0.015, -0.015, -0.014), True),
        ((-0.029, -0.029, -0.029, 0, 0), False),
    ],
)
def test_the_mean_within_a_point_and_a_half_and_each_task_within_three(differences, alike):
    trained = {task: 0.5 + difference for task, difference in zip(TASKS, differences, strict=True)}
    assert Likeness(BUNDLED, trained, BUNDLED, BUNDLED).alike is alike


def compared(monkeypatch, trained):
    monkeypatch.setattr(module, "likeness", lambda *_arguments: Likeness(BUNDLED, trained, BUNDLED, BUNDLED))
    return CliRunner().invoke(rfperf, ["reference", "compare", str(artifact("fast")), "--size=fast"])


def test_the_command_shows_every_task_and_ends_with_0(monkeypatch):
    result = compared(monkeypatch, BUNDLED | {"bees": 0.51})
    assert result.exit_code == 0, result.output
    assert "bees               0.5000  0.5000     0.5000  0.5100        +0.0100" in result.output
    assert result.output.splitlines()[6].split() == ["mean", "+0.0020"]
    assert "alike: within 0.015 on the mean and 0.03 on each task" in result.output


def test_the_command_ends_with_1_where_they_differ(monkeypatch):
    result = compared(monkeypatch, BUNDLED | {"bees": 0.6})
    assert result.exit_code == 1
    assert "not alike" in result.output


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_bundled_file_is_like_itself():
    result = CliRunner().invoke(rfperf, ["reference", "compare", str(artifact("fast")), "--size=fast"])
    assert result.exit_code == 0, result.output
    assert result.output.count("+0.0000") == len(TASKS) + 1


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_the_picture_has_a_column_a_task_and_a_row_a_size(tmp_path):
    path = tmp_path / "tasks.jpg"
    result = CliRunner().invoke(rfperf, ["reference", "picture", f"--out={path}"])
    assert result.exit_code == 0, result.output
    pixels = cv2.imread(str(path)).astype(int)
    assert pixels.shape == (2 * (320 + 6 + 30), 5 * (320 + 6), 3)
    for column, task in enumerate(TASKS):
        plain = cv2.imread(str(task_folder(task, "valid", 100, lambda _done, _of: None) / "images" / "0002.jpg"))
        for row in range(2):
            panel = pixels[row * 356 + 30 :][:320, column * 326 :][:, :320]
            drawn = (abs(panel - plain).max(axis=2) > 60).sum()
            assert 100 < drawn < 10_000, (task, row, drawn)
