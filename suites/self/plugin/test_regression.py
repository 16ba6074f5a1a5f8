"""no_regression from end to end: recorded, judged, explained, drawn."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest

IMAGES = 24
TARGET = """
import os
import cv2
import numpy as np
from fakes import FakeClock, FakeDetector, FakeTarget, found
from pytest_rfperf.data.timing import Timing


class ShadeDetector(FakeDetector):
    '''Finds the square of each image but those whose shades the model file lists, and a disc where it does not.'''

    score_floor = float(os.environ.get("SHADES_FLOOR", "0.01"))

    def detect(self, image):
        shade = int(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)[0, 0, 0])
        score = 0.5 + shade / 100
        if shade in self.missed:
            return found([(0.0, 0.0, 3.0, 3.0)], [score], [1]), Timing()
        return found([(1.0, 1.0, 5.0, 5.0)], [score], [0]), Timing()


class ShadeTarget(FakeTarget):
    clock, events = FakeClock(), []

    def open(self, model):
        detector = ShadeDetector(self.clock)
        detector.missed = {int(word) for word in model.artifact.read_text().split()}
        return detector
"""
GATE = "from pytest_rfperf import *\n{more}@no_regression(map={tolerance})\ndef test_release(): ...\n"
BASELINE = "baselines/cpu/street/fast.json"
ALL_BUT = " ".join(map(str, range(IMAGES // 2)))


@pytest.fixture
def project(pytester):
    """A project of one model that finds everything."""
    (pytester.path / "data").mkdir()
    for shade in range(IMAGES):
        image = np.full((8, 8, 3), shade, dtype=np.uint8)
        (pytester.path / "data" / f"{shade}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    annotate(pytester)
    pytester.makepyfile(shades=TARGET)
    pytester.syspathinsert()
    (pytester.path / "rfperf.toml").write_text(
        """
        [models.fast]
        artifact = "fast.onnx"
        [datasets.street]
        path = "data"
        [targets.cpu]
        kind = "shades:ShadeTarget"
        """
    )
    release(pytester, "")
    write_test(pytester)
    return pytester


def annotate(pytester, side=4):
    images = range(IMAGES)
    content = {
        "images": [{"id": i + 1, "file_name": f"{i}.png", "width": 8, "height": 8} for i in images],
        "categories": [{"id": 7, "name": "square"}, {"id": 9, "name": "disc"}],
        "annotations": [
            {"id": i + 1, "image_id": i + 1, "category_id": 7, "bbox": [1, 1, side, 4], "area": 4 * side}
            for i in images
        ],
    }
    (pytester.path / "data" / "annotations.json").write_text(json.dumps(content))


def release(pytester, missed):
    (pytester.path / "fast.onnx").write_text(missed)


def write_test(pytester, tolerance=0.005, more=""):
    pytester.makepyfile(test_release=GATE.format(tolerance=tolerance, more=more))


def recorded(pytester, *options):
    result = pytester.runpytest("--rfperf-record", *options)
    assert result.ret == pytest.ExitCode.OK
    return result


def verdict(pytester):
    (case,) = json.loads((pytester.path / ".rfperf" / "last.json").read_text())["cases"]
    (found,) = (one for one in case["verdicts"] if one["gate"] == "no_regression")
    return found


def test_the_first_recording_is_neither_a_pass_nor_a_failure(project):
    result = recorded(project)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "fast*cpu*street*1.000*RECORDING",
            "RECORDING: no_regression: no baseline yet for fast on cpu/street; this run becomes it, if all else passes",
            f"recorded: fast on cpu/street in {BASELINE} and the .records beside it; review the diff and commit it",
        ]
    )
    (records,) = (project.path / BASELINE).parent.glob("fast.*.records")
    stored = json.loads((project.path / BASELINE).read_text())["runs"][0]["accuracy"]
    assert stored["records_sha256"].startswith(records.name.split(".")[1])


def test_the_same_model_passes_against_what_was_recorded_with_limits_of_nothing(project):
    recorded(project)
    result = project.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["PASS: no_regression: AP 1.0000, +0.0000 (limits +0.0000..+0.0000, each 95%) from the baseline of *"]
    )
    assert not (project.path / ".rfperf" / "pictures").exists()


def test_a_worse_model_fails_with_what_lost_most_in_every_report(project):
    recorded(project)
    release(project, ALL_BUT)
    result = project.runpytest("--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    message = "no_regression: AP 0.*, -0.* (limits -0.*..-0.*, each 95%) from the baseline of * (fast.onnx, sha256 *)"
    explained = [
        "*classes that lost most (AP): square 1.000 -> 0.* (24 objects)",
        "*images that lost most (errors at score 0.62, IoU 0.5): 0.png 0 -> 1, 1.png 0 -> 1, 2.png 0 -> 1, 3.png 0 -> 1, 4.png *",
    ]
    shown = result.stdout.str()
    failure, summary = shown.partition("= rfperf =")[::2]
    for part in (failure, summary):
        result.stdout.__class__(part.splitlines()).fnmatch_lines([f"*{message}*", *explained])
    (failure,) = ET.parse(project.path / "junit.xml").getroot().iter("failure")
    assert "classes that lost most (AP): square 1.000 -> " in failure.get("message")
    properties = {one.get("name"): one.get("value") for one in ET.parse(project.path / "junit.xml").iter("property")}
    assert "images that lost most" in properties["no_regression_map"]
    assert float(properties["no_regression_map_measured"]) == verdict(project)["measured"] < -0.1
    assert [line.split(" (")[0] for line in verdict(project)["details"]] == [
        "classes that lost most", "images that lost most",
    ]  # fmt: skip


def test_images_that_lost_most_are_drawn_with_truth_before_and_now(project):
    recorded(project)
    release(project, ALL_BUT)
    result = project.runpytest()
    folder = project.path / ".rfperf" / "pictures" / "cpu" / "street" / "fast"
    names = [f"{shade + 1}-{shade}.jpg" for shade in range(5)]
    assert sorted(path.name for path in folder.iterdir()) == names
    result.stdout.fnmatch_lines([f"pictures: *{name}" for name in names])
    pixels = cv2.imread(str(folder / "5-4.jpg"))
    assert pixels.shape == (532, 480, 3)
    frame = pixels[52 + 60, 60 + 30 : 60 + 200].astype(int)
    assert np.median(np.abs(frame - [220, 140, 30]).max(axis=1)) < 60  # blue: found before, and hence above the truth


def test_pictures_stay_out_of_version_control_wherever_the_facts_go(project):
    recorded(project)
    release(project, ALL_BUT)
    with (project.path / "rfperf.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write('json = "out/facts.json"\n' + text)
    project.runpytest()
    assert (project.path / "out" / "facts.json").is_file()
    assert (project.path / ".rfperf" / ".gitignore").read_text() == "*\n"
    assert len(list((project.path / ".rfperf" / "pictures").rglob("*.jpg"))) == 5


def test_a_better_model_passes_and_can_be_recorded_anew(project):
    release(project, ALL_BUT)
    recorded(project)
    release(project, "")
    result = recorded(project)
    result.stdout.fnmatch_lines(["PASS: no_regression: AP 1.0000, +0.* (limits +0.*"])
    assert len(json.loads((project.path / BASELINE).read_text())["runs"]) == 2
    assert len(list((project.path / BASELINE).parent.glob("*.records"))) == 1
    project.runpytest().stdout.fnmatch_lines(["PASS: no_regression: AP 1.0000, +0.0000 (limits *"])


def test_a_regression_is_not_recorded_over_the_baseline(project):
    recorded(project)
    before = {path.name: path.read_bytes() for path in (project.path / BASELINE).parent.iterdir()}
    release(project, ALL_BUT)
    result = project.runpytest("--rfperf-record")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/street: no_regression did not pass"])
    assert {path.name: path.read_bytes() for path in (project.path / BASELINE).parent.iterdir()} == before


def test_a_first_recording_waits_for_all_other_gates(project):
    write_test(project, more="@min_map(0.9, iou=0.6)\n")
    release(project, ALL_BUT)
    result = project.runpytest("--rfperf-record")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not recorded: fast on cpu/street: min_map did not pass"])
    assert not (project.path / BASELINE).exists()


def test_without_a_baseline_the_error_says_what_to_run(project):
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    message = (
        f"no_regression: no baseline for fast on cpu/street; run pytest --rfperf-record and commit {BASELINE} and the "
        ".records beside it"
    )
    result.stdout.fnmatch_lines([f"{message}: ERROR", f"ERROR: {message}"])


def test_a_change_of_the_dataset_is_an_error_with_both_hashes(project):
    recorded(project)
    before = json.loads((project.path / BASELINE).read_text())["runs"][0]["accuracy"]["protocol"]["dataset"]
    annotate(project, side=5)
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    now = json.loads((project.path / ".rfperf" / "last.json").read_text())["cases"][0]["accuracy"]["protocol"][
        "dataset"
    ]
    assert before != now
    result.stdout.fnmatch_lines(
        [
            f"ERROR: no_regression: the baseline of fast on cpu/street is not comparable: dataset was {before}, now {now} *"
        ]
    )


def test_a_change_of_the_score_floor_is_an_error_with_both_values(project, monkeypatch):
    recorded(project)
    monkeypatch.setenv("SHADES_FLOOR", "0.02")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "ERROR: no_regression: the baseline of fast on cpu/street is not comparable: score floor was 0.01, now 0.02 "
                f"({BASELINE}); undo the change, or where it is intended measure the old artefact again: rfperf baselines "
                f"refresh"
            )
        ]
    )


def test_workers_judge_and_the_controller_records_and_draws(project):
    project.makepyfile(test_other="from pytest_rfperf import *\n@min_map(0.1)\ndef test_other(): ...")
    project.runpytest("-n2", "--rfperf-record").assert_outcomes(passed=2)
    assert (project.path / BASELINE).is_file()
    assert len(list((project.path / BASELINE).parent.glob("*.records"))) == 1
    release(project, ALL_BUT)
    result = project.runpytest("-n2")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["FAIL: no_regression: AP 0.*", "  classes that lost most*", "pictures: *1-0.jpg"])
    assert len(list((project.path / ".rfperf" / "pictures").rglob("*.jpg"))) == 5


def test_a_picture_that_cannot_be_drawn_hides_nothing_else(project):
    recorded(project)
    release(project, ALL_BUT)
    project.makepyfile(test_zz="import pathlib\ndef test_later(): pathlib.Path('data/0.png').unlink()")
    result = project.runpytest("--rfperf-save-detections=out")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["FAIL: no_regression: *", "detections: *", "error: *1-0.jpg cannot be drawn: 0.png: *"]
    )
    assert (project.path / "out/cpu/street/fast.json").is_file()


def test_two_gates_share_the_pictures_of_one_image(project):
    recorded(project)
    release(project, ALL_BUT)
    write_test(project, more="@min_map(0.9)\n")
    result = project.runpytest()
    result.stdout.fnmatch_lines(
        [
            "  classes that lost most (AP): square 1.000 -> *",
            "  images that lost most (errors at score *): 0.png 0 -> 1, *",
            "  classes furthest below 0.9 (AP): square 0.* (24 objects)",
            "  images with most errors (at score *): 0.png 1, *",
        ]
    )
    assert len([line for line in result.outlines if line.startswith("pictures: ")]) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "no_regression: map=None: say by how much AP may fall, such as map=0.005, or latency=0.025"),
        ("0.01", "no_regression: takes no positional argument; all are given by name"),
        ("map=2", "no_regression: map=2: expected a number in [[]0, 1[]]"),
        ("ap=0.1", "no_regression: unknown argument 'ap'; known: latency, map; did you mean map?"),
    ],
)
def test_a_marker_that_cannot_be_meant_ends_the_run(project, arguments, message):
    project.makepyfile(
        test_release=f"from pytest_rfperf import *\n@no_regression({arguments})\ndef test_release(): ..."
    )
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])


@pytest.mark.parametrize(
    ("limit", "outcome", "said"),
    [
        (
            0.1,
            "passed",
            "PASS: min_map: AP 0.* (limits 0.*..0.*, each 95%) >= 0.1 for fast on cpu/street (24 images, *",
        ),
        (0.9, "failed", "FAIL: min_map: AP 0.* (limits 0.*..0.*, each 95%) < 0.9 for fast on cpu/street (24 images, *"),
        (
            0.35,
            "failed",
            (
                "INCONCLUSIVE: min_map: AP 0.* (limits 0.*..0.*, each 95%) against 0.35, undecided with 24 images; about * like "
                "these would decide for fast on cpu/street (24 images, *"
            ),
        ),
    ],
)
def test_a_certainty_is_passed_failed_or_left_open(project, limit, outcome, said):
    release(project, ALL_BUT)
    source = f"from pytest_rfperf import *\n@min_map({limit}, certainty=0.95)\ndef test_release(): ..."
    project.makepyfile(test_release=source)
    result = project.runpytest()
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines([said])
