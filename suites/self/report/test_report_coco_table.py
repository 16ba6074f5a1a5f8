"""COCO's twelve lines and the table of categories, golden, and byte for byte what pycocotools prints."""

from __future__ import annotations

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from oracle import coco_dataset, coco_rows, evaluate
from strategies import coco_cases

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.data.coco import CocoResults, GroundTruth
from pytest_rfperf.report.coco_table import category_lines, category_rows, summary
from pytest_rfperf.session.recorder import coco_values

GOLDEN = """\
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.388
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.626
 Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ] = 0.500
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.700
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.076
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.350
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ] = 0.425
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.425
 Average Recall     (AR) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.700
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.150
 Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000
"""


def case():
    """Two images; a cat found at 0.8, a dog of two found at 0.64 after a miss, a third category without objects."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 50, 50], [100, 100, 50, 50]], dtype=np.float64)
    no = np.zeros(3, dtype=bool)
    truth = GroundTruth(np.array([0, 1, 1]), np.array([0, 1, 1]), boxes, boxes[:, 2] * boxes[:, 3], no, no)
    found = np.array([[0, 0, 10, 8], [0, 0, 32, 50], [300, 300, 40, 40], [200, 0, 4, 4]], dtype=np.float64)
    results = CocoResults(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 2]), found, np.array([0.9, 0.8, 0.95, 0.5]))
    return truth, results


def tensors_of(truth, results, categories=3, limits=(1, 10, 100), **options):
    records = match(truth, results, categories, max_detections=limits[-1], **options)
    return accumulate(records, max_detections=limits)


def printed(run):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run.summarize()
    return out.getvalue()


def test_the_twelve_lines_are_the_golden_ones():
    assert "".join(f"{line.text}\n" for line in summary(tensors_of(*case()))) == GOLDEN


@given(coco_cases())
def test_the_twelve_lines_are_those_of_pycocotools_byte_for_byte(drawn):
    theirs = evaluate(coco_dataset(drawn.truth, drawn.image_count, drawn.category_count), coco_rows(drawn.results))
    lines = summary(tensors_of(drawn.truth, drawn.results, drawn.category_count))
    assert "".join(f"{line.text}\n" for line in lines) == printed(theirs)
    assert [line.value for line in lines] == theirs.stats.tolist()


@given(coco_cases())
def test_names_and_values_are_those_that_a_session_stores(drawn):
    tensors = tensors_of(drawn.truth, drawn.results, drawn.category_count)
    assert {line.name: line.value for line in summary(tensors)} == coco_values(
        SimpleNamespace(precision_recall=tensors)
    )


@pytest.mark.parametrize("limits", [(1,), (1, 7), (1, 10, 300), (1, 10, 1000)])
def test_every_limit_has_its_line_and_the_last_is_that_of_all_others(limits):
    lines = [line.text for line in summary(tensors_of(*case(), limits=limits))]
    assert [text.split("maxDets=")[1].split(" ]")[0].strip() for text in lines] == [
        *[str(limits[-1])] * 6, *map(str, limits), *[str(limits[-1])] * 3,
    ]  # fmt: skip
    assert lines[0].endswith("= 0.350" if limits == (1,) else "= 0.388")


@pytest.mark.parametrize(
    ("ious", "names"),
    [((0.5,), ["AP", "AP50"]), ((0.6, 0.75), ["AP", "AP75"]), ((0.25, 0.625), ["AP"])],
)
def test_a_threshold_that_was_not_matched_has_no_line(ious, names):
    lines = summary(tensors_of(*case(), iou_thresholds=ious))
    assert [line.name for line in lines if line.name in {"AP", "AP50", "AP75"}] == names
    assert f"IoU={ious[0]:.2f}:{ious[-1]:.2f} " in lines[0].text


def test_the_table_of_categories_is_the_golden_one():
    names = ["cat", "dog\x1b[31m\n", "Zug"]
    assert category_lines(category_rows(tensors_of(*case()), names, [1, 2, 0])) == [
        "category   objects     AP   AP50",
        "cat              1  0.700  1.000",
        "dog?[31m?        2  0.076  0.252",
        "Zug              0      -      -",
    ]


def test_without_a_threshold_of_one_half_there_is_no_column_of_it():
    tensors = tensors_of(*case(), iou_thresholds=(0.6, 0.7))
    assert category_lines(category_rows(tensors, ["a", "b", "c"], [1, 2, 0]))[0].split() == [
        "category",
        "objects",
        "AP",
    ]


def test_the_row_of_a_category_is_the_evaluation_of_it_alone():
    truth, results = case()
    rows = category_rows(tensors_of(truth, results), ["cat", "dog", "train"], [1, 2, 0])
    for k, row in enumerate(rows):
        alone = tensors_of(truth.where(truth.categories == k), results.where(results.categories == k))
        assert (row.ap, row.ap50) == (alone.ap(), alone.ap(iou=0.5))
