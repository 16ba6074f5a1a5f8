"""COCO mean average precision beside its peers: the same twelve values, in alternating runs of one process.

    pip install 'pytest-rfperf[bench]'
    pytest suites/bench/test_map_peers.py -s

RFPERF_BENCH_TABLE names a Markdown file whose tables are replaced.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from contest import contest
from entrants import WAYS, tiers
from scenes import Size, scene
from table import machine, milliseconds, publish

SIZES = {
    "100x80": Size(100, 80, 740),
    "5000x80": Size(5_000, 80, 36_800),
    "5000x1200": Size(5_000, 1_200, 62_000),
}
ROUNDS = {"100x80": 41, "5000x80": 15, "5000x1200": 15}
BARS = {
    ("columns", "100x80"): {"C": 2.5},
    ("columns", "5000x80"): {"C": 4.0, "numpy": 1.0},
    ("columns", "5000x1200"): {"C": 3.0},
    ("files", "100x80"): {"C": 1.5},
    ("files", "5000x80"): {"C": 1.5},
    ("files", "5000x1200"): {"C": 1.5},
}
POOLS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WHAT = {
    "columns": "The ground truth is loaded by every contestant beforehand. Timed: taking the detections in, from the "
    "array or the columns named (nothing where they are the contestant's objects already), to the twelve values.",
    "files": "Timed: two paths in, the twelve values out. Boxes only, without polygons.",
}
HEADER = (
    "evaluator",
    "starts from",
    "CPU ms",
    "wall ms",
    "wall ms, its own threads",
    "runs",
    "CPU, times C tier",
    "CPU, times numpy tier",
    "twelve values",
)

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module", autouse=True)
def _one_thread_each():
    """Thread pools read these variables when they start, which is at a peer's first evaluation."""
    with pytest.MonkeyPatch.context() as patch:
        for name in POOLS:
            patch.setenv(name, "1")
        yield


@pytest.mark.parametrize("full_floats", [False, True], ids=["float32-values", "float64-values"])
@pytest.mark.parametrize("name", SIZES)
def test_from_columns(tmp_path, name, full_floats):
    if full_floats and name != "5000x80":
        pytest.skip("full floats are compared at one size")
    compared("columns", name, tmp_path, full_floats)


@pytest.mark.parametrize("name", SIZES)
def test_from_files(tmp_path, name):
    compared("files", name, tmp_path, full_floats=False)


def compared(way, name, folder, full_floats):
    size = SIZES[name]
    drawn = scene(size, full_floats=full_floats)
    paths = drawn.write(folder)
    entered, missing = WAYS[way](drawn, paths)
    contest(entered, rounds=ROUNDS[name])
    own_threads = {} if full_floats else default_wall_s(way, size, paths)
    ratios = ratios_to_fastest(entered)
    title = f"mAP from {way}, {size.title}{', full float64' if full_floats else ''}"
    publish(title, HEADER, rows(entered, missing, own_threads), notes(way, ratios, BARS[way, name]))
    assert all(difference(one, entered) == 0 for one in entered if one.ours)
    judge(ratios, BARS[way, name])


def default_wall_s(way, size, paths):
    """Seconds with the peers' own threads, from a process that does not hold them to one."""
    command = [
        sys.executable,
        Path(__file__).with_name("default_threads.py"),
        way,
        size.images,
        size.classes,
        size.objects,
    ]
    environment = {key: value for key, value in os.environ.items() if key not in POOLS}
    done = subprocess.run([*map(str, (*command, *paths))], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def tier_named(entered, name):
    return next((one for one in entered if one.ours and f" {name} tier" in one.name), None)


def ratios_to_fastest(entered):
    """By tier, how many times as long the fastest peer takes, and which that is.

    A peer that takes columns or arrays is compared from there: its own objects hold work that was done before.
    """
    takes_array = {one.name for one in entered if "array" in one.starts_from}
    peers = [one for one in entered if not one.ours and not (one.name in takes_array and "objects" in one.starts_from)]
    found = {}
    for name in ("C", "numpy"):
        ours = tier_named(entered, name)
        if ours and peers:
            found[name] = min((peer.times(ours), peer.name) for peer in peers)
    return found


def difference(one, entered):
    """Largest difference of the twelve values from those of pycocotools, where it is here; else from ours."""
    reference = next((other for other in entered if other.name.startswith("pycocotools")), entered[0])
    return float(np.abs(np.asarray(one.answer) - np.asarray(reference.answer)).max())


def rows(entered, missing, own_threads):
    for one in entered:
        ratios = [
            f"{one.times(ours):.2f}" if ours else "-"
            for ours in (tier_named(entered, "C"), tier_named(entered, "numpy"))
        ]
        threaded = own_threads.get(f"{one.name}, {one.starts_from}")
        off = difference(one, entered)
        yield (
            one.name,
            one.starts_from,
            milliseconds(median(one.cpu_s)),
            milliseconds(median(one.wall_s)),
            milliseconds(threaded) if threaded else "-",
            str(len(one.cpu_s)),
            *ratios,
            "identical" if off == 0 else f"{off:.1e} off",
        )
    for name, reason in missing.items():
        yield (name, reason, *["-"] * (len(HEADER) - 2))


def notes(way, ratios, bars):
    yield WHAT[way]
    for tier, (ratio, peer) in ratios.items():
        bar = f" (bar {bars[tier]:g})" if tier in bars else ""
        yield f"The fastest peer, {peer}, takes {ratio:.2f} times as long as our {tier} tier{bar}."
    if "C" not in ratios:
        yield "Our C tier is not here."
    yield machine()


def judge(ratios, bars):
    for tier, bar in bars.items():
        if tier in ratios:
            assert ratios[tier][0] >= bar, f"{tier} tier: {ratios[tier][1]} takes {ratios[tier][0]:.2f} times as long"
    if "c" not in tiers():
        pytest.skip("the C tier is not here: its bar was not judged")
