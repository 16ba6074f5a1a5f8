from __future__ import annotations

import numpy as np
import pytest

from pytest_rfperf.data.model import DecoderSettings, ModelSignature
from pytest_rfperf.data.preparation import Placement
from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.errors import OutputError

STRETCHED = Placement(100, 50, 0.32, 0.64, 0.0, 0.0)
LETTERBOXED = Placement(100, 50, 0.32, 0.32, 0.0, 8.0)
OUTPUTS = {"labels": (1, 2), "boxes": (1, 2, 4), "scores": (1, 2)}


def bind(*, sizes: bool = True, **settings) -> DetrDecoder:
    inputs = {"images": (1, 3, 32, 32)} | ({"orig_target_sizes": (1, 2)} if sizes else {})
    return DetrDecoder.bind(ModelSignature(inputs, OUTPUTS), DecoderSettings(("a", "b", "c"), **settings))


def outputs(boxes=((1, 2, 3, 4), (16, 16, 32, 32)), scores=(0.9, 0.5), labels=(2, 0)) -> dict:
    return {
        "labels": np.array([labels], dtype=np.int64),
        "boxes": np.array([boxes], dtype=np.float32),
        "scores": np.array([scores], dtype=np.float32),
    }


def test_boxes_that_the_graph_scaled_are_taken_as_they_are():
    found = bind().decode(outputs(), STRETCHED)
    assert found.boxes.tolist() == [[1, 2, 3, 4], [16, 16, 32, 32]]
    assert found.labels.tolist() == [2, 0]
    np.testing.assert_array_equal(found.scores, np.array([0.9, 0.5], dtype=np.float32))
    assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (np.float64, np.float64, np.int64)


def test_boxes_in_pixels_of_the_tensor_are_moved():
    found = bind(sizes=False).decode(outputs(), STRETCHED)
    np.testing.assert_allclose(found.boxes[1], [50, 25, 100, 50])


def test_under_a_letterbox_the_graph_scales_to_the_tensor_and_padding_is_taken_off():
    decoder = bind(preprocess={"resize": "letterbox"})
    tensor = np.zeros((1, 3, 32, 32), dtype=np.float32)
    assert decoder.feeds(tensor, LETTERBOXED)["orig_target_sizes"].tolist() == [[32, 32]]
    found = decoder.decode(outputs(boxes=((0, 8, 32, 24), (16, 16, 32, 24))), LETTERBOXED)
    np.testing.assert_allclose(found.boxes, [[0, 0, 100, 50], [50, 25, 100, 50]])


def test_the_graph_is_fed_width_and_height_of_the_original():
    tensor = np.zeros((1, 3, 32, 32), dtype=np.float32)
    feeds = bind().feeds(tensor, STRETCHED)
    assert feeds["images"] is tensor
    assert feeds["orig_target_sizes"].tolist() == [[100, 50]]
    assert feeds["orig_target_sizes"].dtype == np.int64
    assert list(bind(sizes=False).feeds(tensor, STRETCHED)) == ["images"]


def test_one_object_may_come_back_under_several_classes():
    found = bind().decode(outputs(boxes=((1, 2, 3, 4), (1, 2, 3, 4))), STRETCHED)
    assert found.count == 2


def test_a_squeezed_batch_axis_makes_no_difference():
    squeezed = {name: array[0] for name, array in outputs().items()}
    assert bind().decode(squeezed, STRETCHED).boxes.tolist() == bind().decode(outputs(), STRETCHED).boxes.tolist()


def test_scores_below_the_floor_are_dropped():
    assert bind(options={"score-floor": 0.6}).decode(outputs(), STRETCHED).labels.tolist() == [2]


@pytest.mark.parametrize("broken", [{"scores": (np.nan, 0.5)}, {"boxes": ((1, 2, np.nan, 4), (1, 2, 3, 4))}])
def test_nan_is_an_error(broken):
    with pytest.raises(OutputError, match=r"^decoder 'detr': a (score|box) is NaN or infinite"):
        bind().decode(outputs(**broken), STRETCHED)


def test_a_class_without_a_label_is_an_error():
    with pytest.raises(OutputError, match=r"^decoder 'detr': the model returned class 3, but 3 labels are given"):
        bind().decode(outputs(labels=(0, 3)), STRETCHED)


@pytest.mark.parametrize("longer", ["scores", "labels", "boxes"])
def test_outputs_of_unequal_length_are_an_error_of_ours(longer):
    raw = outputs()
    raw[longer] = np.concatenate([raw[longer], raw[longer]], axis=1)
    with pytest.raises(OutputError, match=r"^decoder 'detr': "):
        bind().decode(raw, STRETCHED)


def test_it_is_recognised_by_the_names_of_its_outputs():
    inputs = {"images": (1, 3, 32, 32)}
    assert DetrDecoder.recognises(ModelSignature(inputs, OUTPUTS)) == "outputs labels, boxes and scores"
    assert DetrDecoder.recognises(ModelSignature(inputs, OUTPUTS | {"extra": (1,)}))
    assert DetrDecoder.recognises(ModelSignature(inputs, {"dets": (1, 2, 4), "labels": (1, 2, 3)})) is None
