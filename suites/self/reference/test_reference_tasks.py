"""The five tasks: the same pixels and boxes on every platform and with every version of numpy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pinned_pictures
import pytest

from pytest_rfperf.reference import TASKS, bundled_tables
from pytest_rfperf.reference.tasks import CLASSES, GENERATOR_VERSION, draw
from pytest_rfperf.reference.tasks.scene import SIDE_PX

PINNED = json.loads(Path(pinned_pictures.__file__).with_suffix(".json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_pictures_are_the_pinned_ones(task):
    assert PINNED["generator"] == GENERATOR_VERSION
    assert pinned_pictures.fingerprint(task) == PINNED[task], (
        "change GENERATOR_VERSION with the pictures, and train again"
    )


@pytest.mark.integration
@pytest.mark.parametrize("features", ["AVX2 FMA3", "AVX2 FMA3 SSE42 POPCNT SSSE3 SSE41", ""])
def test_pictures_do_not_depend_on_the_instructions_of_the_processor(features):
    environment = {"NPY_DISABLE_CPU_FEATURES": features, "PATH": "", "PYTHONWARNINGS": "ignore"}
    made = subprocess.run(
        [sys.executable, pinned_pictures.__file__],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(made.stdout) == PINNED


@pytest.mark.parametrize("task", TASKS)
def test_boxes_lie_in_the_picture_and_classes_are_those_of_the_task(task):
    for index in range(4):
        picture = draw(task, "valid", index)
        assert picture.pixels.shape == (SIDE_PX, SIDE_PX, 3)
        assert picture.pixels.dtype == np.uint8
        boxes = np.array(picture.boxes_xyxy)
        assert (boxes >= 0).all()
        assert (boxes <= SIDE_PX).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert set(picture.labels) <= set(range(len(CLASSES[task])))


@pytest.mark.parametrize("task", TASKS)
def test_another_index_or_split_is_another_picture(task):
    first = draw(task, "valid", 0).pixels
    assert (first == draw(task, "valid", 0).pixels).all()
    assert (first != draw(task, "valid", 1).pixels).any()
    assert (first != draw(task, "test", 0).pixels).any()


def test_every_task_has_one_to_four_classes_and_no_name_means_two_things():
    names = [name for task in TASKS for name in CLASSES[task]]
    assert len(set(names)) == len(names)
    assert all(1 <= len(CLASSES[task]) <= 4 for task in TASKS)


def test_the_names_of_the_tasks_are_those_that_configurations_use():
    assert tuple(CLASSES) == TASKS
    assert list(bundled_tables()["datasets"]) == list(TASKS)
