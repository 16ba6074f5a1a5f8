"""no_regression on real detectors: a model against itself, a better one and a bad release against what was recorded."""

from __future__ import annotations

import json
import re
import shutil

import cv2
import pytest

pytestmark = [pytest.mark.assets, pytest.mark.integration]

CONFIGURATION = """
[models.fast]
artifact = "{assets}/models/{artifact}.onnx"
[datasets.coco128]
path = "{assets}/datasets/coco128-val2017"
"""
LIMITS = re.compile(r", ([+-][\d.]+) \(limits ([+-][\d.]+)\.\.([+-][\d.]+), each 95%\) from the baseline of ")


@pytest.fixture
def release(pytester, assets, tmp_path_factory):
    """Judge a file under the name of the model, of which one was recorded; once for all tests."""
    pytester.makepyfile("from pytest_rfperf import *\n@no_regression(map=0.005)\ndef test_release(): ...")

    def judge(artifact, *options):
        text = CONFIGURATION.format(assets=assets.as_posix(), artifact=artifact)
        (pytester.path / "rfperf.toml").write_text(text)
        result = pytester.runpytest("--target=cpu", *options)
        (case,) = json.loads((pytester.path / ".rfperf/last.json").read_text())["cases"]
        return result, case["verdicts"][0]

    recorded = tmp_path_factory.getbasetemp() / "recorded"
    if recorded.is_dir():
        shutil.copytree(recorded, pytester.path / "baselines")
    else:
        result, verdict = judge("deimv2_atto_320", "--rfperf-record")
        result.assert_outcomes(passed=1)
        assert verdict["outcome"] == "RECORDING"
        shutil.copytree(pytester.path / "baselines", recorded)
    return judge


def test_a_detector_against_itself_passes_and_not_a_bit_is_other(release):
    result, verdict = release("deimv2_atto_320")
    result.assert_outcomes(passed=1)
    assert verdict["outcome"] == "PASS"
    assert [float(number) for number in LIMITS.search(verdict["message"]).groups()] == [0, 0, 0]


def test_a_larger_detector_passes_and_is_surely_better(release):
    """Of 0.399 and 0.299 that pycocotools gives the two files."""
    result, verdict = release("deimv2_femto_416")
    result.assert_outcomes(passed=1)
    change, low, high = (float(number) for number in LIMITS.search(verdict["message"]).groups())
    assert change == pytest.approx(0.1, abs=0.006)
    assert 0.03 < low < change < high < 0.17


def test_a_bad_release_fails_with_classes_images_and_pictures(release, pytester, assets):
    result, verdict = release("deimv2_atto_320_int8")
    result.assert_outcomes(failed=1)
    change, low, high = (float(number) for number in LIMITS.search(verdict["message"]).groups())
    assert low < change < high < -0.15
    classes, images = verdict["details"]
    known = {
        row["name"]
        for row in json.loads((assets / "datasets/coco128-val2017/annotations.json").read_text())["categories"]
    }
    lost = re.findall(r"(?:: |, )([\w ]+) (0\.\d+|1\.000) -> (\d\.\d+) \((\d+) objects?\)", classes)
    assert len(lost) == 3
    assert all(name in known and float(before) > float(now) for name, before, now, _ in lost)
    named = re.findall(r"(\d+)\.jpg (\d+) -> (\d+)", images)
    assert len(named) == 5
    assert all(int(before) < int(now) for _, before, now in named)
    pictures = sorted((pytester.path / ".rfperf/pictures/cpu/coco128/fast").iterdir())
    assert {path.stem.rpartition("-")[2] for path in pictures} == {name for name, _, _ in named}
    for path in pictures:
        assert min(cv2.imread(str(path)).shape[:2]) >= 480
    shown = {line.rpartition("/")[2] for line in result.outlines if line.startswith("pictures: ")}
    assert shown == {path.name for path in pictures}
