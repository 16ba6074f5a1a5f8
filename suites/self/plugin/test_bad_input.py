"""Bad input, as a user meets it: one test that fails, one message that names the thing and the fix."""

from __future__ import annotations

import json
import pathlib
import struct

import cv2
import numpy as np
import pytest

import pytest_rfperf.reference

FAST = pytest_rfperf.reference.artifact("fast").as_posix()


@pytest.fixture
def project(pytester):
    """Make a project with one small image, the bundled fast model and one gate."""
    (pytester.path / "data/images").mkdir(parents=True)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(pytester.path / "data/images/a.jpg"), pixels)
    annotate(pytester)
    configure(pytester)
    pytester.makepyfile("from pytest_rfperf import *\n@min_map(0)\ndef test_release(): ...")
    return pytester


def configure(pytester, artifact=FAST, more=""):
    text = f'[models.fast]\nartifact = "{artifact}"\n{more}\n[datasets.data]\npath = "data"\n'
    (pytester.path / "rfperf.toml").write_text(text)


def annotate(pytester, **changes):
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "bee"}],
        "annotations": [box],
    }
    (pytester.path / "data/annotations.json").write_text(json.dumps(content | changes))


def message(project, code=pytest.ExitCode.TESTS_FAILED):
    result = project.runpytest("--target=cpu")
    assert result.ret == code
    shown = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in shown
    assert "INTERNALERROR" not in shown
    return shown


def test_the_project_passes_as_it_is(project):
    project.runpytest("--target=cpu").assert_outcomes(passed=1)


def test_a_truncated_jpeg(project):
    image = project.path / "data/images/a.jpg"
    image.write_bytes(image.read_bytes()[:-200])
    assert "a.jpg: the image is cut short after" in message(project)


def test_a_decompression_bomb(project):
    image = project.path / "data/images/a.jpg"
    content = bytearray(image.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    image.write_bytes(bytes(content))
    annotate(project, images=[{"id": 1, "file_name": "a.jpg"}])
    assert "a.jpg: the header claims 60000 x 60000 pixels; the limit is 100000000 pixels" in message(project)


def test_a_missing_image(project):
    (project.path / "data/images/a.jpg").unlink()
    assert "a.jpg cannot be read: No such file or directory" in message(project)


def test_a_file_that_is_no_image(project):
    (project.path / "data/images/a.jpg").write_text("hello")
    assert "image 1 (a.jpg): cannot decode the image of 5 bytes" in message(project)


def test_an_image_of_another_size_than_annotated(project):
    annotate(project, images=[{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}])
    assert "a.jpg is 64 x 48 pixels, annotated as 640 x 480: the file was replaced or resized" in message(project)


def test_a_dataset_without_images(project):
    annotate(project, images=[], annotations=[])
    assert "dataset 'data': no images; check datasets.data" in message(project)


def test_a_dataset_without_objects(project):
    annotate(project, annotations=[])
    assert "dataset 'data': 1 images, but no annotated object; nothing can be evaluated" in message(project)


def test_an_annotation_file_that_is_none(project):
    (project.path / "data/annotations.json").write_text("[1, 2")
    assert "annotations.json is no COCO annotation file" in message(project)


def test_a_folder_that_is_no_dataset(project):
    (project.path / "data/annotations.json").unlink()
    assert "datasets.data.path = 'data': no coco, voc, yolo export is recognised" in message(project)


def test_a_class_that_the_model_does_not_know(project):
    annotate(project, categories=[{"id": 1, "name": "pill"}])
    shown = message(project)
    assert "dataset 'data' annotates 'pill', which model 'fast' does not know (it knows 'heart', 'praline', " in shown
    assert "set models.fast.labels, or datasets.data.rename or ignore-classes" in shown


def test_a_truncated_model(project):
    place = project.path / "cut.onnx"
    place.write_bytes(pathlib.Path(FAST).read_bytes()[:1000])
    configure(project, artifact="cut.onnx")
    assert "cut.onnx (1000 bytes) is no ONNX model that this ONNX Runtime can load" in message(project)


def test_a_missing_model(project):
    configure(project, artifact="gone.onnx")
    assert "gone.onnx cannot be read (No such file or directory); set `artifact` of the model" in message(project)


def test_a_wrong_number_of_labels(project):
    configure(project, more='labels = ["red", "green"]')
    assert "models.fast: decoder 'yolo': the model is shaped for 14 classes, but 2 labels are given" in message(project)


def test_a_decoder_that_nobody_has(project):
    configure(project, more='decoder = "yolov99"')
    assert "rfperf.decoders: no 'yolov99'; known: detr, rf-detr, yolo, yolox" in message(project)


def test_a_wrong_key(project):
    configure(project, more='artefact = "x"')
    shown = message(project, pytest.ExitCode.USAGE_ERROR)
    assert "rfperf.toml: unknown key 'models.fast.artefact'; known: artifact, decoder" in shown
    assert "did you mean 'artifact'?" in shown


def test_a_configuration_that_is_no_toml(project):
    (project.path / "rfperf.toml").write_text("[models")
    assert "rfperf.toml: " in message(project, pytest.ExitCode.USAGE_ERROR)


def test_a_folder_in_place_of_the_facts_file(project):
    (project.path / ".rfperf/last.json").mkdir(parents=True)
    assert "last.json cannot be written: Is a directory" in message(project)
