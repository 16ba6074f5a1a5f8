"""rfperf mutate on the fake target, in processes of its own: what it runs, says, leaves alone and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fakes
import psutil
import pytest

pytestmark = pytest.mark.integration

RFPERF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from pytest_rfperf.cli import main; main()",
]
"""A shell that runs jobs in the background has them ignore SIGINT, which children inherit."""
GATED = "from pytest_rfperf import *\n@min_map(0.5)\n@same_detections('baseline')\ndef test_release(): ...\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(fakes.__file__).parent))
    fakes.write_project(tmp_path / "project")
    write(tmp_path / "project", GATED)
    return tmp_path / "project"


def write(project, content):
    (project / "test_release.py").write_text(content)


def mutate(folder, *arguments):
    return subprocess.run(
        [*RFPERF, "mutate", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_caught_and_survived_are_told_apart_and_the_project_is_left_as_it_was(project):
    before = files(project)
    made = mutate(project, "--fault", "swapped", "--fault", "spike", "--", "--rfperf-size=fast")
    assert made.returncode == 1, made.stderr
    lines = made.stdout.splitlines()
    assert lines[:2] == ["1 test with 2 gates of the tests here", "recorded baselines for this in a temporary folder"]
    assert [line.split()[0] for line in lines[2:5]] == ["fault", "swapped", "spike"]
    assert lines[3].endswith(("caught     same_detections, min_map", "caught     min_map, same_detections"))
    assert lines[4].endswith("survived")
    assert (
        'spike survived; the marker that catches it:  @latency_ratio(1.25, against="baseline", percentile=99)' in lines
    )
    assert lines[-1] == "1 of 2 caught, 1 survived"
    assert files(project) == before


def test_all_caught_ends_with_0_and_json_says_by_whom(project):
    made = mutate(project, "--json", "--fault=swapped", "test_release.py", "--", "--rfperf-size=fast")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert (found["score"], found["caught"]) == ("1 of 1 caught", 1)
    (mutant,) = found["faults"]
    assert {said["metric"] for said in mutant["caught_by"]} == {"min_map", "same_detections"}
    assert {said["test"] for said in mutant["caught_by"]} == {"test_release.py::test_release[fast-cpu-street]"}
    assert (mutant["fault"], mutant["result"], mutant["marker"]) == ("swapped", "caught", "")


def test_baselines_of_the_project_are_used_and_kept(project):
    subprocess.run([sys.executable, "-m", "pytest", "-q", "--rfperf-record"], cwd=project, check=True, timeout=120)
    before = files(project)
    made = mutate(project, "--fault=swapped")
    assert (made.returncode, "recorded" in made.stdout) == (0, False), made.stdout + made.stderr
    assert {path for path, content in files(project).items() if before.get(path) != content} == set()


def test_a_suite_that_fails_as_it_is_is_refused_with_what_failed(project):
    write(
        project, "from pytest_rfperf import *\n@min_map(1.0, iou=0.5)\n@sizes('fast')\ndef test_release():\n assert 0"
    )
    made = mutate(project)
    assert made.returncode == 2
    assert made.stderr.endswith(
        "rfperf: the tests do not pass without a fault (pytest ended with 1):\n"
        "  test_release.py::test_release[fast-cpu-street]: assert 0\n"
    )


def test_tests_without_a_gate_or_a_detector_are_refused(project):
    write(project, "def test_nothing(): ...")
    made = mutate(project)
    assert made.returncode == 2
    assert made.stderr.endswith(
        "rfperf: the tests here have no gate, and none asks for a detector: nothing can catch a fault; next: rfperf init\n"
    )


def test_tests_that_cannot_be_collected_are_refused_with_the_reason(project):
    write(project, "from pytest_rfperf import *\n@min_map(ap=0.5, iou_thr=1)\ndef test_release(): ...")
    made = mutate(project)
    assert made.returncode == 2
    assert "min_map: unknown argument 'iou_thr'" in made.stderr


def test_an_assertion_of_a_test_that_asks_for_a_detector_catches_too(project):
    write(
        project,
        "def test_label(detector, dataset):\n"
        "    found, _ = detector.detect(dataset.images[0].path.read_bytes())\n"
        "    assert found.labels.tolist() == [0]\n",
    )
    made = mutate(project, "--fault=swapped", "--fault=slow", "--", "-k", "fast")
    assert made.returncode == 1
    assert "caught     an assertion of test_release.py::test_label[fast-cpu-street]" in made.stdout
    assert made.stdout.endswith("1 of 2 caught, 1 survived\n")


def test_the_bundled_suite_takes_no_tests():
    made = mutate(Path.cwd(), "--bundled", "test_release.py")
    assert (made.returncode, made.stderr) == (
        2,
        "rfperf: --bundled runs its own tests; take 'test_release.py' or --bundled away\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="not there on this system: SIGINT to a child")
def test_ctrl_c_leaves_no_child(project):
    begun = project / "begun"
    write(
        project,
        "import time\nfrom pathlib import Path\n"
        f"def test_long(detector):\n    Path({str(begun)!r}).touch()\n    time.sleep(600)\n",
    )
    run = subprocess.Popen([*RFPERF, "mutate"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if begun.exists():
            break
        time.sleep(0.1)
    family = psutil.Process(run.pid).children(recursive=True)
    assert family
    os.kill(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert (run.returncode, said.splitlines()[-1]) == (130, "stopped")
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
