"""What an accuracy gate costs over bare inference of the same images: decode, prepare, run, decode outputs.

    pytest suites/bench/test_accuracy_pass.py -s

Runs over the bundled pair, and over the real detectors where RFPERF_ASSETS names them.
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from time import process_time

import pytest

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.session import Session

ROUNDS = 5
BAR = 1.1
ASSETS = Path(os.environ.get("RFPERF_ASSETS", "nowhere"))
REAL = {"fast": "deimv2_atto_320", "yolox": "yolox_nano_416"}


def settings_of(folder, model):
    if model in REAL:
        text = f'[models.{model}]\nartifact = "{ASSETS.as_posix()}/models/{REAL[model]}.onnx"\n'
        text += f'[datasets.images]\npath = "{ASSETS.as_posix()}/datasets/coco128-val2017"\n'
        (folder / "rfperf.toml").write_text(text)
    return load_settings(folder, CommandLine())


def bare_s(bench):
    """Detect in every image, already in memory, and forget the detections."""
    images = [image.path.read_bytes() for image in bench.dataset.images]
    begin = process_time()
    for image in images:
        bench.detector.detect(image)
    return process_time() - begin


def gate_s(session, case):
    bench = session.bench(case)
    begin = process_time()
    bench.accuracy().precision_recall.ap()
    return process_time() - begin


@pytest.mark.parametrize("model", [*REAL, "bundled"])
def test_accuracy_pass(tmp_path, model, record_property):
    if model in REAL and not ASSETS.is_dir():
        pytest.skip("RFPERF_ASSETS names no folder of real models and datasets")
    settings = settings_of(tmp_path, model)
    case = Case("accurate" if model == "bundled" else model, "cpu", "pieces" if model == "bundled" else "images")
    ratios = []
    for _ in range(ROUNDS):
        session = Session(settings, Silent())
        bench = session.bench(case)
        bare_s(bench)
        ratios.append(gate_s(session, case) / bare_s(bench))
        session.close()
    record_property("ratio", median(ratios))
    print(f"\naccuracy pass, {model}: {median(ratios):.3f} of bare inference in CPU time (bar {BAR})")
    assert median(ratios) <= BAR
