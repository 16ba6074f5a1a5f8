"""Real detectors on a real dataset, through pytest, against figures that were made elsewhere."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import oracle
import pytest

pytestmark = [pytest.mark.assets, pytest.mark.integration]

AP = {"fast": 0.299, "accurate": 0.399, "yolox": 0.339}
"""Made by pycocotools at score floor 0.01 and 100 detections an image, on the images read by OpenCV."""

CONFIGURATION = """
[models.fast]
artifact = "{assets}/models/deimv2_atto_320.onnx"
[models.accurate]
artifact = "{assets}/models/deimv2_femto_416.onnx"
[models.yolox]
artifact = "{assets}/models/yolox_nano_416.onnx"
[models.int8]
artifact = "{assets}/models/deimv2_atto_320_int8.onnx"
[datasets.coco128]
path = "{assets}/datasets/coco128-val2017"
[targets.gpu]
kind = "onnxruntime"
providers = ["CUDAExecutionProvider"]
"""


@pytest.fixture
def project(pytester, assets):
    """Make a project over the real files."""
    pytester.makefile(".toml", rfperf=CONFIGURATION.format(assets=assets.as_posix()))
    return pytester


def test_average_precision_is_that_of_pycocotools_to_the_last_bit(project, assets):
    project.makepyfile("from pytest_rfperf import *\n@min_map(0.2)\ndef test_release(): ...")
    sizes = [f"--rfperf-size={name}" for name in AP]
    result = project.runpytest("--target=cpu", *sizes, "--rfperf-save-detections=out")
    result.assert_outcomes(passed=3)
    cases = json.loads((project.path / ".rfperf/last.json").read_text())["cases"]
    truth = json.loads((assets / "datasets/coco128-val2017/annotations.json").read_text())
    for case in cases:
        rows = json.loads((project.path / f"out/cpu/coco128/{case['model']}.json").read_text())
        stats = oracle.evaluate(truth, rows, stock=True).stats
        values = case["accuracy"]["values"]
        names = ["AP", "AP50", "AP75", "AP small", "AP medium", "AP large", "AR@1", "AR@10", "AR@100"]
        names += ["AR small", "AR medium", "AR large"]
        assert [values[name] for name in names] == stats.tolist()
        assert values["AP"] == pytest.approx(AP[case["model"]], abs=0.003)


def test_a_bad_release_fails_with_its_measured_value(project):
    project.makepyfile("from pytest_rfperf import *\n@min_map(0.25)\ndef test_release(): ...")
    result = project.runpytest("--target=cpu", "--rfperf-size=int8", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (suite,) = ET.parse(project.path / "junit.xml").getroot()
    (failure,) = suite.iter("failure")
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert "min_map: AP 0.04" in failure.get("message")
    assert "< 0.25 for int8 on cpu/coco128 (128 images" in failure.get("message")


def test_budgets_are_decided_within_seconds(project):
    project.makepyfile(
        """
        from pytest_rfperf import *
        @latency_budget(ms=1)
        def test_tight(): ...
        @latency_budget(ms=10_000)
        def test_loose(): ...
        """
    )
    result = project.runpytest("--target=cpu", "--rfperf-size=fast")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["latency_budget: p95 * > 1 ms end-to-end for fast on cpu/coco128 (n=*: FAIL"])
    (case,) = json.loads((project.path / ".rfperf/last.json").read_text())["cases"]
    (run,) = case["latency"]
    assert run["calls"] < 200


def test_a_provider_that_is_not_there_is_an_error_that_says_where_the_nodes_ran(project):
    project.makepyfile("from pytest_rfperf import *\n@min_map(0.2)\ndef test_release(): ...")
    result = project.runpytest("--target=gpu", "--rfperf-size=fast")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "min_map: target 'gpu' asked for CUDAExecutionProvider; all * nodes ran on CPUExecutionProvider (*install the ONNX*"
        ]
    )


def test_a_decoder_of_ones_own_is_one_file(project, assets):
    project.makepyfile(fastestdet=FASTESTDET)
    project.syspathinsert()
    with (project.path / "rfperf.toml").open("a") as file:
        file.write(
            f'\n[models.fastestdet]\nartifact = "{assets.as_posix()}/models/fastestdet_352.onnx"\n'
            'decoder = "fastestdet:FastestDetDecoder"\n'
        )
    project.makepyfile("from pytest_rfperf import *\n@min_map(0.1)\ndef test_release(): ...")
    project.runpytest("--target=cpu", "--rfperf-size=fastestdet").assert_outcomes(passed=1)
    (case,) = json.loads((project.path / ".rfperf/last.json").read_text())["cases"]
    assert case["accuracy"]["values"]["AP"] == pytest.approx(0.183, abs=0.003)


def test_a_model_of_too_few_labels_is_refused_at_open(project, assets):
    with (project.path / "rfperf.toml").open("a") as file:
        file.write(
            f'\n[models.short]\nartifact = "{assets.as_posix()}/models/yolox_nano_416.onnx"\nlabels = ["person", "car"]\n'
        )
    project.makepyfile("from pytest_rfperf import *\n@min_map(0.1)\ndef test_release(): ...")
    result = project.runpytest("--target=cpu", "--rfperf-size=short")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["min_map: models.short: decoder 'yolox': the model is shaped for 80 classes, but 2 labels*"]
    )


FASTESTDET = '''
"""FastestDet: a 22 x 22 grid of objectness, box and 80 classes."""

import numpy as np

from pytest_rfperf.core.boxes import xyxy_from_cxcywh
from pytest_rfperf.decoders.bound import BoundDecoder
from pytest_rfperf.decoders.suppression import suppress


class FastestDetDecoder(BoundDecoder):
    name = "fastestdet"
    options = {"nms_iou": 0.45, "max_detections": 300}
    preprocess = {"resize": "stretch", "interpolation": "area", "colour": "bgr", "scale": 255}

    def decode(self, outputs, placement):
        (grid,) = outputs.values()
        _, channels, rows, columns = grid.shape
        table = grid[0].reshape(channels, -1).T.astype(np.float64)
        y, x = np.divmod(np.arange(rows * columns), columns)
        centre = (np.stack([x, y], axis=1) + np.tanh(table[:, 1:3])) / [columns, rows]
        size = 1 / (1 + np.exp(-table[:, 3:5]))
        pixels = [placement.image_width, placement.image_height] * 2
        boxes = xyxy_from_cxcywh(np.concatenate([centre, size], axis=1)) * pixels
        labels = table[:, 5:].argmax(axis=1)
        scores = table[:, 0] ** 0.6 * table[np.arange(len(table)), 5 + labels] ** 0.4
        found = self.detections(boxes, scores, labels)
        return suppress(found, iou=self.settings["nms_iou"], keep=self.settings["max_detections"])
'''
