"""The mutation score: the study's gates catch every fault, and a test of the mean speed catches none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

RFPERF = [sys.executable, "-c", "from pytest_rfperf.cli import main; main()"]
CAUGHT_BY = {
    "slow": "no_regression.latency",
    "spike": "latency_ratio",
    "dropped": "same_detections",
    "swapped": "no_regression.map",
    "bgr": "no_regression.map",
    "fallback": "no_regression.latency",
    "stale": "no_regression.map",
}
MEAN_SPEED = """
import time

MINIMUM_FPS = 1


def test_speed(detector, dataset):
    image = dataset.images[0].path.read_bytes()
    seconds = []
    for _ in range(250):
        begin = time.perf_counter()
        detector.detect(image)
        seconds.append(time.perf_counter() - begin)
    assert 1 / (sum(seconds[10:]) / len(seconds[10:])) >= MINIMUM_FPS
"""


def mutate(folder, *arguments):
    command = [*RFPERF, "mutate", "--json", *arguments]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=1700)
    assert made.stdout, made.stderr
    return {mutant["fault"]: mutant for mutant in json.loads(made.stdout)["faults"]}


@pytest.mark.timeout(1800)
def test_the_recommended_gates_catch_every_fault(tmp_path):
    """A spike is a second time looked for where a busy host, whose tails are longer, has hidden it."""
    mutants = mutate(tmp_path, "--bundled")
    if mutants["spike"]["result"] != "caught":
        mutants |= mutate(tmp_path, "--bundled", "--fault=spike")
    assert {fault: mutant["result"] for fault, mutant in mutants.items()} == dict.fromkeys(CAUGHT_BY, "caught")
    for fault, metric in CAUGHT_BY.items():
        assert metric in {said["metric"] for said in mutants[fault]["caught_by"]}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(600)
def test_a_test_of_the_mean_speed_catches_no_fault(tmp_path):
    (tmp_path / "test_speed.py").write_text(MEAN_SPEED)
    mutants = mutate(tmp_path, "--", "--rfperf-size=fast", "--rfperf-dataset=chocolates")
    assert {fault: mutant["result"] for fault, mutant in mutants.items()} == dict.fromkeys(CAUGHT_BY, "survived")
