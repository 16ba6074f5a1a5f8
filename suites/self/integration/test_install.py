"""Installing with and without a C compiler: both work, and give the same bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FINGERPRINT = """
import hashlib
import numpy as np
from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.nms import nms
from pytest_rfperf.core.resampling import resampled_ap
from pytest_rfperf.core.tier import tier
from pytest_rfperf.data.coco import CocoResults, GroundTruth

rng = np.random.default_rng(4)
boxes = rng.integers(0, 60, (400, 4)).astype(float) + [0, 0, 1, 1]
flags = rng.random((2, 120)) < 0.1
truth = GroundTruth(rng.integers(0, 20, 120), rng.integers(0, 3, 120), boxes[:120], boxes[:120, 2] * boxes[:120, 3], *flags)
near = boxes[rng.integers(0, 120, 400)] + rng.integers(0, 4, (400, 4))
found = CocoResults(rng.integers(0, 20, 400), rng.integers(0, 3, 400), near, rng.integers(0, 50, 400) / 50)
values = accumulate(match(truth, found, 3))
limits = resampled_ap(values.records, 20)
kept = nms(np.c_[near[:, :2], near[:, :2] + near[:, 2:]], found.scores, 0.4, found.categories)
arrays = (values.precision, values.scores, values.recall, kept, np.array([values.ap(), limits.low, limits.high]))
print(tier(), hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest())
"""


@pytest.fixture
def source(tmp_path):
    """A copy of the project as it is checked in, without what was built beside it."""
    place = tmp_path / "source"
    shutil.copytree(
        ROOT / "pytest_rfperf", place / "pytest_rfperf", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / name)
    return place


def installed(source, place, **environment):
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-q"]
    subprocess.run([*command, "--target", place, source], check=True, env=os.environ | environment)
    shutil.rmtree(source / "build", ignore_errors=True)


def fingerprint(place):
    environment = {key: value for key, value in os.environ.items() if key != "RFPERF_CORE"} | {"PYTHONPATH": str(place)}
    command = [sys.executable, "-c", FINGERPRINT]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=place)
    return run.stdout.split()


@pytest.mark.integration
def test_without_a_compiler_the_numpy_tier_gives_the_same_bits(source, tmp_path):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    installed(source, tmp_path / "bare", CC=str(nothing / "cc"), CXX=str(nothing / "cc"), PATH=str(nothing))
    tier, bits = fingerprint(tmp_path / "bare")
    assert tier == "numpy"
    if not (shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("not there on this system: a C compiler")
    installed(source, tmp_path / "full")
    assert fingerprint(tmp_path / "full") == ["c", bits]
