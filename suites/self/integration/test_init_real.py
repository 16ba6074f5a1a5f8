"""`rfperf init` on real models and data: no hand edit before a verdict."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.assets, pytest.mark.integration]

INIT = [sys.executable, "-c", "from pytest_rfperf.cli import main; main()", "init"]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]


@pytest.fixture
def project(tmp_path, assets):
    """A folder of a user's own, with the data beside the models."""
    (tmp_path / "data").symlink_to(assets / "datasets/coco128-val2017")
    (tmp_path / "models").mkdir()
    return tmp_path


def run(command, folder):
    """Run in a process of its own, with nobody at the terminal."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=240, stdin=subprocess.DEVNULL
    )


def test_one_model_reaches_a_verdict(project, assets):
    shutil.copy(assets / "models/yolox_nano_416.onnx", project / "models")
    made = run(INIT, project)
    assert made.returncode == 0, made.stderr
    assert "guess: models.fast: decoder = 'yolox'" in made.stdout
    assert "  fast: AP 0.339, p95 " in made.stdout
    judged = run([*PYTEST, "--target=cpu"], project)
    assert judged.returncode == 0, judged.stdout
    assert "PASS: min_map: AP 0.3394 >= 0.31 for fast on cpu/data" in judged.stdout
    assert "PASS: model_size_budget: 3.66 MB <= 4.1 MB for fast" in judged.stdout


@pytest.mark.parametrize("runner", ["shared", "owned"])
def test_a_pair_reaches_a_verdict(project, assets, runner):
    for name in ("deimv2_femto_416", "deimv2_atto_320"):
        shutil.copy(assets / f"models/{name}.onnx", project / "models")
    made = run([*INIT, f"--runner={runner}"], project)
    assert made.returncode == 0, made.stderr
    assert "guess: fast is the smallest, by the names of the files" in made.stdout
    # A busy host may leave a budget undecided; that is a verdict too.
    judged = run([*PYTEST, "--target=cpu", "--rfperf-inconclusive=warn"], project)
    assert judged.returncode == 0, judged.stdout
    assert "PASS: min_map: AP 0.2997 >= 0.27 for fast on cpu/data" in judged.stdout
    assert "PASS: min_map: AP 0.4001 >= 0.38 for accurate on cpu/data" in judged.stdout
    speed = "latency_ratio: " if runner == "shared" else "latency_budget: "
    assert f"PASS: {speed}" in judged.stdout
