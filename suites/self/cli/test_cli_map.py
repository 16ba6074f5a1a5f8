"""rfperf map: what it prints, what it checks, what it refuses, and how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pytest_rfperf.cli import map as module
from pytest_rfperf.cli import rfperf
from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import AREA_RANGES, IOU_THRESHOLDS, match
from pytest_rfperf.core.tier import tier
from pytest_rfperf.datasets.coco_file import ImageId, read_coco_file
from pytest_rfperf.datasets.coco_results import read_coco_results
from pytest_rfperf.errors import DatasetError, UsageError
from pytest_rfperf.report import progress
from pytest_rfperf.session.recorder import coco_values
from pytest_rfperf.workshop import coco_map, pycocotools_run


def box(number, image_id, category_id, bbox, **more):
    area = {"area": bbox[2] * bbox[3], "iscrowd": 0}
    return {"id": number, "image_id": image_id, "category_id": category_id, "bbox": bbox} | area | more


def row(image_id, category_id, bbox, score):
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "score": score}


ANNOTATIONS = [
    box(11, 5, 1, [0, 0, 10, 10]),
    box(12, 5, 7, [20, 20, 50, 50], area=1800.5),
    box(13, 9, 7, [0, 0, 120, 100]),
    box(14, 9, 7, [200, 200, 40, 40], iscrowd=1),
    box(15, 9, 1, [30, 30, 0, 10]),
]
ROWS = [
    row(9, 7, [0, 0, 110, 100], 0.8),
    row(5, 1, [0, 0, 10, 9], 0.9),
    row(5, 7, [22, 20, 50, 50], 0.7),
    row(5, 7, [300, 20, 50, 50], 0.75),
    row(9, 7, [205, 205, 30, 30], 0.6),
    row(5, 1, [0, 0, 10.5, 10], 0.3),
]


@pytest.fixture
def files(tmp_path):
    """Write two files, and give their paths."""

    def write(annotations=ANNOTATIONS, rows=ROWS):
        gt, dt = tmp_path / "gt.json", tmp_path / "dt.json"
        dataset = {
            "images": [{"id": 9}, {"id": 5}],
            "categories": [{"id": 7, "name": "dog"}, {"id": 1, "name": "cat"}, {"id": 8, "name": "emu"}],
            "annotations": annotations,
        }
        gt.write_text(json.dumps(dataset))
        dt.write_text(json.dumps(rows))
        return str(gt), str(dt)

    return write


def invoke(*arguments):
    return CliRunner().invoke(rfperf, ["map", *arguments])


def stock(gt, dt):
    """Stock pycocotools on the two files: what it prints as its summary."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(gt)
        run = COCOeval(truth, truth.loadRes(dt), "bbox")
        run.evaluate()
        run.accumulate()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run.summarize()
    return out.getvalue()


def facts_of(*arguments):
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_twelve_lines_are_those_of_stock_pycocotools_byte_for_byte(files):
    gt, dt = files()
    result = invoke(gt, dt, "--no-classes")
    assert result.exit_code == 0
    assert result.stdout == stock(gt, dt)
    assert "= 0.6" in result.stdout


def test_the_table_of_categories_follows_in_the_order_of_ids(files):
    twelve, _, table = invoke(*files()).stdout.partition("\n\n")
    assert len(twelve.splitlines()) == 12
    assert [line.split()[:2] for line in table.splitlines()] == [
        ["category", "objects"], ["cat", "2"], ["dog", "2"], ["emu", "0"],
    ]  # fmt: skip


def test_json_holds_every_value_in_full_precision(files):
    gt, dt = files()
    facts = facts_of(gt, dt)
    file = read_coco_file(module.Path(gt), ImageId)
    found = read_coco_results(module.Path(dt), file.image_ids, file.category_ids)
    tensors = accumulate(match(file.truth, found.results, 3))
    assert facts["values"] == coco_values(SimpleNamespace(precision_recall=tensors))
    assert facts["values"]["AP"] != round(facts["values"]["AP"], 6)
    assert facts["categories"] == [
        {
            "id": number,
            "name": name,
            "objects": objects,
            "AP": tensors.ap(category=k),
            "AP50": tensors.ap(iou=0.5, category=k),
        }
        for k, (number, name, objects) in enumerate([(1, "cat", 2), (7, "dog", 2), (8, "emu", 0)])
    ]


def test_json_holds_counts_protocol_tier_and_the_hashes_of_both_files(files):
    gt, dt = files([*ANNOTATIONS, box(16, 5, 1, [1, 1, 5, 5], ignore=1)], [*ROWS, row(5, 4, [1, 1, 1, 1], 0.5)])
    facts = facts_of(gt, dt)
    assert facts["counts"] == {
        "images": 2, "annotations": 6, "objects": 4, "crowds": 1, "ignored": 1,
        "rows": 7, "rows_of_unknown_categories": 1, "detections": 6,
    }  # fmt: skip
    assert facts["protocol"] == {
        "iou_thresholds": list(IOU_THRESHOLDS),
        "recall_thresholds": 101,
        "areas": {name: list(limits) for name, limits in AREA_RANGES.items()},
        "max_detections": [1, 10, 100],
        "score_floor": None,
        "categories": None,
    }
    assert facts["tier"] == tier()
    for name, path in (("truth", gt), ("results", dt)):
        sha256 = hashlib.sha256(module.Path(path).read_bytes()).hexdigest()
        assert facts["files"][name] == {"path": path, "sha256": sha256}
    assert "check" not in facts


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--max-detections=1"],
        ["--max-detections=3"],
        ["--max-detections=300"],
        ["--iou=0.75", "--iou=0.3", "--iou=0.3"],
        ["--iou=1"],
        ["--score-floor=0.7"],
        ["--category=dog"],
        ["--category=dog", "--category=cat", "--iou=0.5", "--score-floor=0.5", "--max-detections=2"],
        ["--category=emu"],
    ],
)
def test_every_option_means_to_pycocotools_what_it_means_here(files, options):
    result = invoke(*files(rows=[*ROWS, row(5, 90, [0, 0, 9, 9], 0.9)]), *options, "--check=pycocotools")
    assert result.exit_code == 0, result.output
    standard = not any(option.startswith(("--iou", "--max")) for option in options)
    compared = "precision, scores, recall and the twelve values" if standard else "precision, scores and recall"
    assert f"as it comes: {compared} are identical, bit for bit" in result.stdout


def test_options_change_what_takes_part(files):
    gt, dt = files()
    assert facts_of(gt, dt, "--score-floor=0.7")["counts"]["detections"] == 4
    dogs = facts_of(gt, dt, "--category=dog")
    assert [each["name"] for each in dogs["categories"]] == ["dog"]
    assert dogs["counts"]["annotations"] == 3
    assert dogs["values"]["AP"] == facts_of(gt, dt)["categories"][1]["AP"]
    assert facts_of(gt, dt, "--iou=0.6", "--iou=0.5")["protocol"]["iou_thresholds"] == [0.5, 0.6]
    assert list(facts_of(gt, dt, "--max-detections=4")["values"])[6:8] == ["AR@1", "AR@4"]
    assert facts_of(gt, dt, "--max-detections=10")["protocol"]["max_detections"] == [1, 10]


def test_no_rows_are_an_evaluation_in_which_everything_is_missing(files):
    result = invoke(*files(rows=[]), "--check=pycocotools")
    assert result.exit_code == 0, result.output
    assert "IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.000" in result.stdout
    assert "identical, bit for bit" in result.stdout


def test_no_object_that_counts_is_noted(files):
    result = invoke(*files([box(1, 5, 1, [0, 0, 9, 9], iscrowd=1)]), "--check=pycocotools", "--no-classes")
    assert "note: no object counts, so that every value is -1" in result.stderr
    assert result.stdout.count("= -1.000") == 12
    assert "identical, bit for bit" in result.stdout


def test_rows_of_unknown_categories_are_noted_apart_from_the_output(files):
    gt, dt = files(rows=[*ROWS, *(row(5, number, [0, 0, 9, 9], 0.9) for number in [50, 50, *range(60, 72)])])
    result = invoke(gt, dt, "--no-classes")
    ids = "50, 60, 61, 62, 63, 64, 65, 66, 67, 68, ..."
    assert result.stderr == f"note: 14 rows of categories that the ground truth does not have take no part: {ids}\n"
    assert result.stdout == stock(gt, dt)


def test_an_object_that_only_sets_ignore_is_an_intended_difference(files):
    rows = [box(21, 5, 1, [60, 60, 20, 20], ignore=1), box(22, 9, 1, [60, 60, 20, 20], ignore=1, iscrowd=1)]
    gt, dt = files(ANNOTATIONS + rows)
    result = invoke(gt, dt, "--check=pycocotools", "--no-classes")
    assert result.exit_code == 0, result.output
    assert (
        "intended difference: 1 annotation with `ignore` and without `iscrowd`: "
        "ignored here, while pycocotools overwrites `ignore` with `iscrowd`\n"
    ) in result.stdout
    assert "with `ignore` kept and annotations numbered from 1: precision, scores, recall and" in result.stdout
    assert "identical, bit for bit" in result.stdout
    assert not result.stdout.startswith(stock(gt, dt))


def test_a_match_with_annotation_0_is_an_intended_difference(files):
    gt, dt = files([box(0, 5, 1, [0, 0, 10, 10]), *ANNOTATIONS[1:]])
    result = invoke(gt, dt, "--check=pycocotools", "--no-classes")
    assert result.exit_code == 0, result.output
    assert "intended difference: the annotation with id 0: can be found here" in result.stdout
    assert "identical, bit for bit" in result.stdout
    assert not result.stdout.startswith(stock(gt, dt))


def test_what_takes_no_part_is_no_intended_difference(files):
    gt, dt = files([box(0, 5, 1, [0, 0, 10, 10], ignore=1), *ANNOTATIONS[1:]])
    assert "intended" not in invoke(gt, dt, "--check=pycocotools", "--category=dog").stdout


def test_annotations_that_pycocotools_cannot_read_are_completed_and_noted(files):
    bare = {"id": 1, "image_id": 5, "category_id": 1, "bbox": [0, 0, 10, 10]}
    result = invoke(*files([bare, bare | {"id": 2, "area": None}, *ANNOTATIONS]), "--check=pycocotools")
    assert result.exit_code == 0, result.output
    assert "note: 2 annotations without `iscrowd` or `area`: pycocotools would stop there" in result.stdout


@pytest.fixture
def wrong(monkeypatch):
    """pycocotools with one value changed."""

    def change(name, at, value):
        def changed(*arguments):
            run = pycocotools_run.run_pycocotools(*arguments)
            if name == "values":
                values = list(run.values)
                values[at] = value
                return dataclasses.replace(run, values=values)
            tensor = run.tensors[name].copy()
            tensor[at] = value
            return dataclasses.replace(run, tensors=run.tensors | {name: tensor})

        monkeypatch.setattr(module, "run_pycocotools", changed)

    return change


@pytest.mark.parametrize(
    ("name", "at", "value", "said"),
    [
        ("precision", (9, 100, 1, 3, 2), 0.25,
         "precision: 1 of 36,360 differ, by up to 0.25; the first at IoU 0.95, recall 1.0, category dog, area large, maxDets 100: 0.0 here, 0.25 in pycocotools\n"),
        ("scores", (0, 0, 0, 0, 0), 0.9 + 2**-53,
         "scores: 1 of 36,360 differ, by up to 1.11e-16; the first at IoU 0.5, recall 0.0, category cat, area all, maxDets 1: 0.9 here, 0.9000000000000001 in pycocotools\n"),
        ("recall", (0, 2, 0, 0), 1.0,
         "recall: 1 of 360 differ, by up to 2; the first at IoU 0.5, category emu, area all, maxDets 1: -1.0 here, 1.0 in pycocotools\n"),
        ("values", 8, 0.5, "the twelve values: AR@100 is "),
    ],
)  # fmt: skip
def test_a_bit_that_differs_is_named_with_its_place_and_ends_with_1(files, wrong, name, at, value, said):
    wrong(name, at, value)
    result = invoke(*files(), "--check=pycocotools")
    assert result.exit_code == 1
    assert "as it comes: not identical\n" in result.stdout
    assert f"\n  {said}" in result.stdout
    assert "identical, bit for bit" not in result.stdout


def test_a_check_stands_in_json_too_and_ends_alike(files, wrong):
    assert facts_of(*files(), "--check=pycocotools")["check"]["identical"] is True
    wrong("recall", (0, 0, 0, 0), 0.1)
    result = invoke(*files(), "--check=pycocotools", "--json")
    assert result.exit_code == 1
    check = json.loads(result.stdout)["check"]
    assert check["identical"] is False
    assert check["compared"] == ["precision", "scores", "recall", "the twelve values"]
    assert len(check["differences"]) == 1


def test_without_pycocotools_the_extra_is_named_before_anything_is_read(files, monkeypatch):
    monkeypatch.setattr(pycocotools_run.importlib.util, "find_spec", lambda _name: None)
    gt, _ = files()
    result = invoke(gt, gt, "--check=pycocotools")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--check=pycocotools needs pycocotools; run pip install 'pytest-rfperf[test]'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--iou=1.5"], "1.5 is not in the range 0<=x<=1"),
        (["--iou=nan"], "Invalid value for '--iou': expected a finite number"),
        (["--score-floor=nan"], "Invalid value for '--score-floor': expected a finite number"),
        (["--max-detections=0"], "0 is not in the range 1<=x<=2147483647"),
        (["--check=hotcoco"], "'hotcoco' is not 'pycocotools'"),
    ],
)
def test_an_option_that_cannot_be_meant_ends_with_2(files, options, message):
    result = invoke(*files(), *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_category_that_is_not_there_names_the_next_best(files):
    result = invoke(*files(), "--category=dig")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--category=dig: the ground truth has no such category; did you mean dog?"


def test_more_thresholds_than_can_be_matched_are_refused(files):
    result = invoke(*files(), *(f"--iou={n / 100}" for n in range(65)))
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--iou: 65 thresholds; at most 64"


def test_a_tier_that_is_not_there_is_an_error_of_ours(files, monkeypatch):
    monkeypatch.setenv("RFPERF_CORE", "fortran")
    monkeypatch.setattr("pytest_rfperf.core.tier._chosen", [])
    result = invoke(*files())
    assert isinstance(result.exception, UsageError)
    assert "RFPERF_CORE=fortran" in str(result.exception)


def test_files_in_the_wrong_order_are_told_apart(files):
    gt, dt = files()
    assert "a list is what a file of results holds" in str(invoke(dt, gt).exception)
    assert "looks like a ground truth file, which comes first" in str(invoke(gt, gt).exception)


def test_a_box_of_no_size_is_an_error_of_ours(files):
    gt, dt = files([box(1, 5, 1, [0, 0, 1e200, 5])])
    with pytest.raises(
        DatasetError, match=r"^the files cannot be evaluated: match: an object of image 0 \(by rank\) has"
    ):
        CliRunner().invoke(rfperf, ["map", gt, dt], catch_exceptions=False)


def test_a_file_that_cannot_be_evaluated_prints_nothing(files):
    result = invoke(*files(rows=[*ROWS, row(6, 1, [0, 0, 1, 1], 0.5)]), "--json")
    assert isinstance(result.exception, DatasetError)
    assert "dt.json: row 6 (from 0) is of image 6" in str(result.exception)
    assert result.stdout == ""


def test_ctrl_c_ends_with_130_and_prints_nothing(files, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(coco_map, "match", interrupted)
    before = threading.active_count()
    result = invoke(*files(), "--json")
    assert result.exit_code == 130
    assert (result.stdout, result.stderr) == ("", "stopped\n")
    assert threading.active_count() == before


def test_what_runs_is_shown_while_it_runs(files, monkeypatch):
    monkeypatch.setattr(progress, "_FIRST_S", 0.05)
    monkeypatch.setattr(progress, "_EVERY_S", {True: 0.0, False: 0.0})
    monkeypatch.setattr(module, "_TICK_S", 0.01)

    @functools.wraps(match)
    def slow(*arguments, **options):
        time.sleep(0.3)
        return match(*arguments, **options)

    monkeypatch.setattr(coco_map, "match", slow)
    gt, dt = files()
    result = invoke(gt, dt, "--no-classes")
    assert "matching 6 detections with 5 objects\n" in result.stderr
    assert result.stdout == stock(gt, dt)


def test_what_is_quick_shows_no_progress(files):
    assert invoke(*files()).stderr == ""


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="not there on this system: SIGINT to a child")
def test_ctrl_c_while_pycocotools_runs_ends_at_once(tmp_path):
    images = [{"id": n} for n in range(400)]
    categories = [{"id": n, "name": str(n)} for n in range(80)]
    annotations = [box(n + 1, n, n % 80, [0, 0, 9, 9]) for n in range(400)]
    (tmp_path / "gt.json").write_text(
        json.dumps({"images": images, "categories": categories, "annotations": annotations})
    )
    (tmp_path / "dt.json").write_text("[]")
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    begun = "import pathlib, pytest_rfperf.workshop.pycocotools_run as run; read = run._read\n"
    begun += "run._read = lambda path: (pathlib.Path('begun').touch(), read(path))[1]\n"
    main = "from pytest_rfperf.cli import main; import sys; sys.argv[1:] = ['map', 'gt.json', 'dt.json', '--check=pycocotools']\nmain()"
    run = subprocess.Popen([sys.executable, "-c", listening + begun + main], cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    for _ in range(600):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, error = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, "")
    assert error.endswith("stopped\n")
