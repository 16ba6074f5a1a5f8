"""The cache of pictures: whole or not there, of this generator, shared by processes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_rfperf.cache_folder import VARIABLE, cache_folder
from pytest_rfperf.errors import DatasetError, UsageError
from pytest_rfperf.reference import tasks
from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.reference.dataset import ReferenceDataset, ReferenceOptions
from pytest_rfperf.reference.tasks.scene import Picture
from pytest_rfperf.registry import find

COUNT = 3


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """A cache of its own, and small pictures; remembers what was drawn."""
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    calls = []

    def draw(task, part, index):
        calls.append((task, part, index))
        return Picture(np.full((8, 8, 3), index, dtype=np.uint8), (0,), ((1.25, 1.0, 5.5, 6.0),))

    monkeypatch.setattr(tasks, "draw", draw)
    return calls


def folder_of(count=COUNT, progress=lambda _done, _of: None):
    return task_folder("bees", "valid", count, progress)


def left_over(folder):
    return sorted(path.name for path in folder.parent.iterdir() if path.name.startswith("."))


def test_pictures_are_drawn_once(drawn):
    first = folder_of()
    assert drawn == [("bees", "valid", index) for index in range(COUNT)]
    assert folder_of() == first
    assert len(drawn) == COUNT


def test_progress_is_told(drawn):
    told = []
    folder_of(progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_folder_is_a_coco_folder_with_exact_boxes(drawn):
    content = json.loads((folder_of() / "annotations.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["0000.jpg", "0001.jpg", "0002.jpg"]
    assert [category["name"] for category in content["categories"]] == ["bee"]
    assert content["annotations"][0]["bbox"] == [1.25, 1.0, 4.25, 5.0]
    assert content["annotations"][0]["area"] == 4.25 * 5


@pytest.mark.parametrize("damage", ["generator", "image", "cut", "stamp", "annotations"])
def test_a_folder_that_is_not_what_it_should_be_is_drawn_again(drawn, damage):
    folder = folder_of()
    if damage == "generator":
        stamp = json.loads((folder / "stamp.json").read_text())
        (folder / "stamp.json").write_text(json.dumps(stamp | {"generator": 0}))
    elif damage == "image":
        (folder / "images" / "0001.jpg").unlink()
    elif damage == "cut":
        (folder / "images" / "0001.jpg").write_bytes(b"")
    elif damage == "annotations":
        (folder / "annotations.json").unlink()
    else:
        (folder / "stamp.json").write_text("{")
    folder_of()
    assert len(drawn) == 2 * COUNT
    assert len(list((folder / "images").iterdir())) == COUNT
    folder_of()
    assert len(drawn) == 2 * COUNT


def test_another_version_of_the_generator_has_a_folder_of_its_own(drawn, monkeypatch):
    folder = folder_of()
    monkeypatch.setattr(tasks, "GENERATOR_VERSION", tasks.GENERATOR_VERSION + 1)
    assert folder_of() != folder
    assert len(drawn) == 2 * COUNT


@pytest.mark.parametrize("where", ["write_bytes", "write_text", "rename"])
def test_a_full_disk_leaves_nothing_half_written(drawn, monkeypatch, where):
    real, calls = getattr(Path, where), []

    def full(path, *arguments, **keywords):
        calls.append(path)
        if len(calls) == (2 if where == "write_bytes" else 1):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Path, where, full)
        with pytest.raises(
            DatasetError, match="No space left on device; set RFPERF_CACHE to a folder with some 1 MB free"
        ):
            folder_of()
    parent = cache_folder() / "reference" / f"generator-{tasks.GENERATOR_VERSION}"
    assert [path.name for path in parent.iterdir() if path.suffix != ".lock"] == []
    assert folder_of().is_dir()


def test_ctrl_c_leaves_nothing_half_written(drawn, monkeypatch):
    def stop(_done, _of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder_of(progress=stop)
    assert left_over(folder_of()) == []


def test_what_a_killed_process_left_is_cleared_away(drawn):
    folder = folder_of()
    (folder / "stamp.json").unlink()
    (folder.parent / f".{folder.name}.killed").mkdir()
    folder_of()
    assert left_over(folder) == []


WORKER = """
import os, sys, time
from pathlib import Path
import numpy as np
from pytest_rfperf.reference import tasks
from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.reference.tasks.scene import Picture

place, own, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def draw(task, part, index):
    with (place / "drawn").open("a") as file:
        file.write("x")
    return Picture(np.full((64, 64, 3), index, dtype=np.uint8), (0,), ((1.0, 1.0, 5.0, 6.0),))

tasks.draw = draw
(place / own).touch()
while not (place / other).exists():
    time.sleep(0.001)
folder = task_folder("bees", "valid", 20, lambda done, of: time.sleep(0.005))
assert len(list((folder / "images").iterdir())) == 20
"""


@pytest.mark.integration
def test_two_workers_at_once_share_one_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), *names])
        for names in (("first", "second"), ("second", "first"))
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    assert (tmp_path / "drawn").read_text() == "x" * 20


def test_the_cache_is_where_the_variable_says_else_where_the_platform_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("RFPERF_CACHE")
    assert cache_folder().name == "rfperf"
    assert VARIABLE == "RFPERF_CACHE"


def test_a_task_is_read_through_the_ordinary_door(drawn):
    adapter = find("rfperf.datasets", "reference").load()
    assert adapter is ReferenceDataset
    dataset = adapter.load("mine", ReferenceOptions("bees", images=COUNT))
    assert (dataset.name, len(dataset.images)) == ("mine", COUNT)
    assert dataset.truth.boxes_xywh[0].tolist() == [1.25, 1.0, 4.25, 5.0]


def test_no_such_task_is_an_error_that_names_those_there_are(drawn):
    with pytest.raises(UsageError, match="no task 'wasps'; known: chocolates, bees, pieces, players, pills"):
        ReferenceDataset.fetch(ReferenceOptions("wasps"), lambda _done, _of: None)


def test_no_folder_is_taken_for_a_task(tmp_path):
    assert ReferenceDataset.recognises(tmp_path) is None
