from __future__ import annotations

import re

import numpy as np
import pytest

from pytest_rfperf.data.model import DecoderSettings, ModelSignature
from pytest_rfperf.data.preparation import Placement
from pytest_rfperf.decoders.yolo import YoloDecoder
from pytest_rfperf.errors import ModelError, OutputError, RfperfError, UsageError

SAME = Placement(32, 32, 1.0, 1.0, 0.0, 0.0)
METADATA = {"names": "{0: 'a', 1: 'b'}", "stride": "32"}


def signature(shape=(1, 6, 3), image=(1, 3, 32, 32), **metadata: str) -> ModelSignature:
    return ModelSignature({"images": image}, {"output0": shape}, METADATA | metadata)


def bind(shape=(1, 6, 3), labels=None, image=(1, 3, 32, 32), metadata=None, **settings) -> YoloDecoder:
    return YoloDecoder.bind(signature(shape, image, **metadata or {}), DecoderSettings(labels, **settings))


def raw(*rows) -> dict:
    """Rows of cx, cy, w, h and two scores, turned to [1, 6, N]."""
    return {"output0": np.array([rows], dtype=np.float32).swapaxes(1, 2)}


def end_to_end(*rows) -> dict:
    return {"output0": np.array([rows], dtype=np.float32)}


def test_rows_are_centre_size_and_a_score_a_class():
    found = bind().decode(raw((16, 16, 8, 4, 0.25, 0.75), (4, 4, 8, 8, 0.5, 0.0)), SAME)
    assert found.boxes.tolist() == [[12, 14, 20, 18], [0, 0, 8, 8]]
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == [0.75, 0.5]


def test_boxes_are_moved_to_the_original_image():
    letterboxed = Placement(64, 32, 0.5, 0.5, 0.0, 8.0)
    found = bind().decode(raw((16, 16, 8, 4, 0.0, 0.75)), letterboxed)
    assert found.boxes.tolist() == [[24, 12, 40, 20]]


def test_boxes_are_clipped_to_the_image():
    found = bind().decode(raw((2, 30, 8, 8, 0.0, 0.75)), SAME)
    assert found.boxes.tolist() == [[0, 26, 6, 32]]


def test_without_multi_label_a_box_has_its_best_class_only():
    rows = raw((16, 16, 8, 4, 0.5, 0.75))
    assert bind().decode(rows, SAME).labels.tolist() == [1]
    assert bind(options={"multi-label": True}).decode(rows, SAME).labels.tolist() == [1, 0]


@pytest.mark.parametrize("multi_label", [True, False])
def test_scores_below_the_floor_are_dropped(multi_label):
    decoder = bind(options={"multi-label": multi_label, "score-floor": 0.5})
    found = decoder.decode(raw((16, 16, 8, 4, 0.49, 0.5), (16, 16, 8, 4, 0.49, 0.25)), SAME)
    assert (found.labels.tolist(), found.scores.tolist()) == ([1], [0.5])


def test_suppression_is_within_a_class_and_by_score():
    near = [(16, 16, 10, 10, 0.5, 0), (17, 16, 10, 10, 0.75, 0), (16, 17, 10, 10, 0, 0.25)]
    found = bind().decode(raw(*near), SAME)
    assert found.scores.tolist() == [0.75, 0.25]
    assert bind(options={"nms-iou": 0.9}).decode(raw(*near), SAME).count == 3


def test_suppression_sees_boxes_before_they_are_clipped():
    """Ultralytics suppresses in the tensor and clips what is left.

    Two boxes that reach out of the image by different widths: IoU 0.4 as they are, 1 once clipped.
    """
    rows = raw((-6, 16, 20, 10, 0.75, 0), (0, 16, 8, 10, 0.5, 0))
    assert bind(options={"nms-iou": 0.7}).decode(rows, SAME).count == 2


def test_candidates_and_detections_are_limited():
    rows = raw(*((3 + 3 * i, 4, 2, 2, 0.9 - i / 10, 0) for i in range(6)))
    assert bind().decode(rows, SAME).count == 6
    assert bind(options={"candidates": 4}).decode(rows, SAME).count == 4
    np.testing.assert_allclose(bind(options={"max-detections": 2}).decode(rows, SAME).scores, [0.9, 0.8], rtol=1e-6)


def test_end_to_end_rows_are_corners_score_and_class():
    decoder = bind((1, 2, 6))
    found = decoder.decode(end_to_end((1, 2, 3, 4, 0.5, 1), (1, 2, 3, 4, 0.25, 1)), SAME)
    assert found.boxes.tolist() == [[1, 2, 3, 4]] * 2
    assert found.labels.tolist() == [1, 1]
    assert found.labels.dtype == np.int64
    assert found.scores.tolist() == [0.5, 0.25]


def test_end_to_end_boxes_are_moved_clipped_and_cut_at_the_floor():
    decoder = bind((1, 3, 6), options={"score-floor": 0.3})
    letterboxed = Placement(64, 32, 0.5, 0.5, 0.0, 8.0)
    found = decoder.decode(end_to_end((-4, 8, 16, 40, 0.5, 0), (0, 0, 1, 1, 0.25, 0), (0, 0, 0, 0, 0, 0)), letterboxed)
    assert found.boxes.tolist() == [[0, 0, 32, 32]]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 300, 6), True), ((1, None, 6), True), ((1, 6, 300), False), ((1, 6, None), False), ((1, 6, 6), False)],
)
def test_the_two_layouts_are_told_apart_by_shape(shape, expected):
    assert bind(shape).end_to_end is expected


@pytest.mark.parametrize("shape", [(1, 6), (1, 6, 8, 8), (6,)])
def test_another_number_of_axes_is_refused(shape):
    message = f"decoder 'yolo' needs [1, 4 + classes, N] or [1, N, 6]; the model has {signature(shape)}"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        bind(shape)


def test_a_squeezed_batch_axis_makes_no_difference():
    rows = raw((16, 16, 8, 4, 0.25, 0.75))
    assert bind().decode({"output0": rows["output0"][0]}, SAME).boxes.tolist() == [[12, 14, 20, 18]]
    table = end_to_end((1, 2, 3, 4, 0.5, 1))
    assert bind((1, 2, 6)).decode({"output0": table["output0"][0]}, SAME).boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("column", [0, 4, 5])
def test_nan_is_an_error(multi_label, column):
    row = [16.0, 16, 8, 4, 0.25, 0.75]
    row[column] = np.nan
    with pytest.raises(OutputError, match=r"^decoder 'yolo': a (score|box) is NaN or infinite"):
        bind(options={"multi-label": multi_label}).decode(raw((4, 4, 2, 2, 0.5, 0), row), SAME)


@pytest.mark.parametrize("column", [0, 4, 5])
def test_nan_in_an_end_to_end_row_is_an_error_and_no_warning(column):
    row = [1.0, 2, 3, 4, 0.5, 1]
    row[column] = np.nan
    with pytest.raises(OutputError, match=r"^decoder 'yolo': "):
        bind((1, 2, 6)).decode(end_to_end(row, row), SAME)


def test_nothing_above_the_floor_is_no_detections():
    assert bind().decode(raw((16, 16, 8, 4, 0, 0)), SAME).count == 0


@pytest.mark.parametrize("array", [np.zeros(6, dtype=np.float32), np.zeros((1, 7, 3), dtype=np.float32)])
def test_an_output_of_another_shape_is_an_error_of_ours(array):
    with pytest.raises(OutputError, match=r"^decoder 'yolo': output 'output0' is "):
        bind().decode({"output0": array}, SAME)


@pytest.mark.parametrize(
    "names", ["{0: 'a', 1: 'b'}", "{1: 'b', 0: 'a'}", '{"0": "a", "1": "b"}', "['a', 'b']", '["a", "b"]']
)
def test_names_come_from_the_metadata_in_either_notation(names):
    assert bind(metadata={"names": names}).labels == ("a", "b")


def test_names_are_in_order_of_number():
    names = {str(i): f"n{i}" for i in range(12)}
    assert bind((1, 16, 3), metadata={"names": str(names)}).labels == tuple(names.values())


@pytest.mark.parametrize("names", ["", "{}", "[]", "person", "{0: 'a', 1: ", "__import__('os')", "[" * 5000, "3"])
def test_names_that_cannot_be_read_are_no_names(names):
    with pytest.raises(ModelError, match=r"^the model has 2 classes and does not name them"):
        bind(metadata={"names": names})


def test_names_without_numbers_are_an_error_of_ours():
    with pytest.raises(RfperfError, match="names"):
        bind(metadata={"names": "{'a': 'x', 'b': 'y'}"})


def test_labels_of_the_user_win_over_the_metadata():
    assert bind(labels=("x", "y")).labels == ("x", "y")


def test_a_wrong_class_count_is_refused():
    message = "decoder 'yolo': the model is shaped for 3 classes, but 2 labels are given"
    with pytest.raises(ModelError, match=f"^{message}"):
        bind((1, 7, 3))


def test_a_class_beyond_the_names_of_an_end_to_end_model_is_an_error():
    with pytest.raises(OutputError, match=r"^decoder 'yolo': the model returned class 2, but 2 labels are given"):
        bind((1, 2, 6)).decode(end_to_end((1, 2, 3, 4, 0.5, 2)), SAME)


def test_a_free_size_is_taken_from_the_metadata_as_height_and_width():
    preparation = bind(image=(1, 3, None, None), metadata={"imgsz": "[48, 64]"}).preparation
    assert (preparation.width, preparation.height) == (64, 48)


def test_a_fixed_size_is_not_overruled_by_the_metadata():
    assert bind(metadata={"imgsz": "[48, 64]"}).preparation.width == 32


def test_a_free_size_that_nobody_gives_is_an_error():
    with pytest.raises(ModelError, match=r"has no fixed size; set preprocess\.size"):
        bind(image=(1, 3, None, None))


def test_metadata_may_declare_the_preparation_and_the_user_overrules_it():
    declared = {"preprocess": '{"resize": "stretch", "colour": "bgr"}'}
    assert bind(metadata=declared).preparation.resize == "stretch"
    user = bind(metadata=declared, preprocess={"resize": "letterbox"}).preparation
    assert (user.resize, user.colour) == ("letterbox", "bgr")
    with pytest.raises(UsageError, match=r"^preprocess: unknown key 'mode'"):
        bind(metadata={"preprocess": '{"mode": "stretch"}'})


def test_metadata_of_one_model_do_not_leak_into_the_next():
    bind(metadata={"preprocess": '{"resize": "stretch"}'})
    assert bind().preparation.resize == "letterbox"


def test_it_is_recognised_by_the_metadata_of_its_exporter():
    assert YoloDecoder.recognises(signature()) == "Ultralytics metadata"
    inputs, shape = {"images": (1, 3, 32, 32)}, (1, 6, 3)
    assert YoloDecoder.recognises(ModelSignature(inputs, {"output0": shape})) is None
    assert YoloDecoder.recognises(ModelSignature(inputs, {"output0": shape}, {"names": "['a']"})) is None
    assert YoloDecoder.recognises(ModelSignature(inputs, {"output0": shape, "masks": shape}, METADATA)) is None
