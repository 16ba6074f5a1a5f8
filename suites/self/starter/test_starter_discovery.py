"""What `rfperf init` finds below a folder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pytest_rfperf.starter.discovery import is_dataset, look_around


def silent(_text):
    """No progress."""


def touch(path, content=b"x"):
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def image(path):
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((8, 8, 3), dtype=np.uint8))


def coco(folder):
    """Write a COCO folder, as far as it takes to be recognised."""
    touch(folder / "annotations.json", b"{}")
    image(folder / "images" / "1.png")
    return folder


def test_models_and_datasets_are_found_the_shallowest_first(tmp_path):
    deep, shallow = touch(tmp_path / "a/b/deep.onnx"), touch(tmp_path / "models/SHALLOW.ONNX")
    data = coco(tmp_path / "data/street")
    found = look_around(tmp_path, silent)
    assert (found.models, found.datasets) == ((shallow, deep), (data,))


@pytest.mark.parametrize("place", [".git", ".venv/lib", "node_modules/x", "env/site-packages", "build", "dist"])
def test_what_tools_leave_behind_is_passed_by(tmp_path, place):
    touch(tmp_path / place / "theirs.onnx")
    coco(tmp_path / place / "data")
    assert look_around(tmp_path, silent) == look_around(tmp_path / "nothing", silent)


def test_a_virtual_environment_of_any_name_is_passed_by(tmp_path):
    touch(tmp_path / "myenv/pyvenv.cfg")
    touch(tmp_path / "myenv/share/theirs.onnx")
    assert look_around(tmp_path, silent).models == ()


def test_a_test_report_makes_no_voc_folder(tmp_path):
    touch(tmp_path / "junit.xml", b"<testsuite/>")
    data = coco(tmp_path / "data")
    assert not is_dataset(tmp_path)
    assert look_around(tmp_path, silent).datasets == (data,)


def test_the_splits_of_an_export_are_one_dataset(tmp_path):
    for split in ("train", "valid"):
        touch(tmp_path / "street" / split / "_annotations.coco.json", b"{}")
        image(tmp_path / "street" / split / "1.jpg")
    assert look_around(tmp_path, silent).datasets == (tmp_path / "street",)


def test_a_model_beside_a_dataset_in_the_folder_itself_is_found(tmp_path):
    coco(tmp_path)
    model = touch(tmp_path / "models/best.onnx")
    found = look_around(tmp_path, silent)
    assert (found.models, found.datasets) == ((model,), (tmp_path,))


def test_links_are_followed_once(tmp_path):
    data = coco(tmp_path / "elsewhere")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "data").symlink_to(data)
    (folder / "loop").symlink_to(folder)
    assert look_around(folder, silent).datasets == (folder / "data",)
