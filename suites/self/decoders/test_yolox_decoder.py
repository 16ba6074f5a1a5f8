from __future__ import annotations

import math
import re

import numpy as np
import pytest

from pytest_rfperf.data.model import DecoderSettings, ModelSignature
from pytest_rfperf.data.preparation import Placement
from pytest_rfperf.decoders.yolox import YoloxDecoder
from pytest_rfperf.errors import ModelError, OutputError

# 64 x 32 pixels: 8 x 4, 4 x 2 and 2 x 1 cells.
ROWS = 32 + 8 + 2
SAME = Placement(64, 32, 1.0, 1.0, 0.0, 0.0)


def signature(rows: int | None = ROWS, columns: int | None = 7, image=(1, 3, 32, 64)) -> ModelSignature:
    return ModelSignature({"images": image}, {"output": (1, rows, columns)})


def bind(**settings) -> YoloxDecoder:
    return YoloxDecoder.bind(signature(), DecoderSettings(("a", "b"), **settings))


def outputs(rows: dict[int, tuple[float, ...]]) -> dict:
    table = np.zeros((1, ROWS, 7), dtype=np.float32)
    for row, values in rows.items():
        table[0, row] = values
    return {"output": table}


@pytest.mark.parametrize(
    ("row", "stride", "column", "line"),
    [(0, 8, 0, 0), (9, 8, 1, 1), (31, 8, 7, 3), (32, 16, 0, 0), (37, 16, 1, 1), (41, 32, 1, 0)],
)
def test_a_row_is_decoded_on_its_grid_cell(row, stride, column, line):
    """centre = (xy + cell) x stride, size = exp(wh) x stride."""
    found = bind().decode(outputs({row: (0.5, 0.25, 0.0, math.log(2), 0.5, 0.5, 0.0)}), SAME)
    x, y = (0.5 + column) * stride, (0.25 + line) * stride
    expected = [[x - stride / 2, y - stride, x + stride / 2, y + stride]]
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-6)
    assert found.labels.tolist() == [0]


def test_a_score_is_objectness_times_class():
    found = bind(options={"score-floor": 0.1}).decode(outputs({0: (0, 0, 0, 0, 0.5, 0.5, 0.25)}), SAME)
    assert sorted(zip(found.labels.tolist(), found.scores.tolist(), strict=True)) == [(0, 0.25), (1, 0.125)]


def test_every_class_above_the_floor_is_kept_and_no_other():
    table = outputs({0: (0, 0, 0, 0, 1.0, 0.5, 0.2)})
    assert bind(options={"score-floor": 0.2 - 1e-6}).decode(table, SAME).count == 2
    assert bind(options={"score-floor": 0.3}).decode(table, SAME).labels.tolist() == [0]


def test_boxes_are_moved_to_the_original_image():
    twice = Placement(32, 16, 2.0, 2.0, 0.0, 0.0)
    table = outputs({41: (0.0, 0.5, 0.0, 0.0, 1.0, 1.0, 0.0)})
    assert bind().decode(table, twice).boxes.tolist() == [[8, 0, 24, 16]]


def test_suppression_is_within_a_class():
    near, there = (0.0, 0.0, 1.0, 1.0, 1.0), (-1.0, 0.0, 1.0, 1.0, 1.0)
    same = bind().decode(outputs({0: (*near, 0.9, 0), 1: (*there, 0.8, 0)}), SAME)
    assert same.scores.tolist() == pytest.approx([0.9])
    other = bind().decode(outputs({0: (*near, 0.9, 0), 1: (*there, 0, 0.8)}), SAME)
    assert sorted(other.labels.tolist()) == [0, 1]


def test_candidates_and_detections_are_limited():
    table = outputs({i: (0, 0, -3, -3, 1, 1 - i / 100, 0) for i in range(10)})
    assert bind().decode(table, SAME).count == 10
    assert bind(options={"candidates": 4}).decode(table, SAME).count == 4
    limited = bind(options={"max-detections": 3}).decode(table, SAME)
    np.testing.assert_allclose(limited.scores, [1, 0.99, 0.98], rtol=1e-6)


def test_a_squeezed_batch_axis_makes_no_difference():
    table = outputs({0: (0, 0, 0, 0, 1, 0.5, 0.2)})
    squeezed = {"output": table["output"][0]}
    assert bind().decode(squeezed, SAME).boxes.tolist() == bind().decode(table, SAME).boxes.tolist()


def test_nothing_above_the_floor_is_no_detections():
    assert bind().decode(outputs({}), SAME).count == 0


@pytest.mark.parametrize("column", [0, 2, 4, 5])
def test_nan_is_an_error(column):
    row = [0.0, 0, 0, 0, 1, 0.5, 0.2]
    row[column] = np.nan
    with pytest.raises(OutputError, match=r"^decoder 'yolox': a (score|box) is NaN or infinite"):
        bind().decode(outputs({3: tuple(row)}), SAME)


def test_a_size_that_overflows_is_an_error_of_ours():
    """exp of a wild output is infinite; no warning may escape before the error."""
    with pytest.raises(OutputError, match=r"^decoder 'yolox': a box is NaN or infinite"):
        bind().decode(outputs({0: (0, 0, 1000, 0, 1, 1, 0)}), SAME)


def test_rows_must_be_the_cells_of_the_grids():
    message = "decoder 'yolox': 64 x 32 pixels make 42 grid cells, but output 'output' has 41 rows"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        YoloxDecoder.bind(signature(41), DecoderSettings(("a", "b")))


def test_free_rows_are_counted_when_they_come():
    decoder = YoloxDecoder.bind(signature(None), DecoderSettings(("a", "b")))
    with pytest.raises(OutputError, match=r"^decoder 'yolox': "):
        decoder.decode({"output": np.ones((1, 50, 7), dtype=np.float32)}, SAME)


def test_another_number_of_axes_is_refused():
    model = ModelSignature({"images": (1, 3, 32, 64)}, {"output": (1, 7, 4, 8)})
    message = f"decoder 'yolox' needs one output [1, N, 5 + classes]; the model has {model}"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        YoloxDecoder.bind(model, DecoderSettings(("a", "b")))


def test_the_last_axis_counts_the_classes():
    with pytest.raises(
        ModelError, match=r"^decoder 'yolox': the model is shaped for 2 classes, but 3 labels are given"
    ):
        YoloxDecoder.bind(signature(), DecoderSettings(("a", "b", "c")))
    assert YoloxDecoder.bind(signature(columns=85), DecoderSettings()).labels[0] == "person"


def test_the_preparation_is_the_top_left_letterbox_in_bgr():
    preparation = bind().preparation
    assert (preparation.resize, preparation.colour, preparation.scale, preparation.pad) == (
        "letterbox-top-left",
        "bgr",
        1,
        114,
    )


def test_it_is_recognised_by_its_rows():
    assert YoloxDecoder.recognises(signature()) == "one output of 42 rows, the grid cells of strides 8, 16 and 32"
    assert YoloxDecoder.recognises(signature(rows=3549, columns=85, image=(1, 3, 416, 416)))


@pytest.mark.parametrize(
    "model",
    [
        signature(rows=41),
        signature(rows=None),
        signature(image=(1, 3, None, None)),
        ModelSignature({"images": (1, 3, 32, 64)}, {"a": (1, 42, 7), "b": (1, 42, 7)}),
        ModelSignature({"images": (1, 3, 32, 64)}, {"a": (42, 7)}),
        ModelSignature({"sizes": (1, 2)}, {"a": (1, 42, 7)}),
    ],
)
def test_another_model_is_not_recognised(model):
    assert YoloxDecoder.recognises(model) is None
