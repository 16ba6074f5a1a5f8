from __future__ import annotations

import numpy as np
import pytest

from pytest_rfperf.data.model import DecoderSettings, ModelSignature
from pytest_rfperf.data.preparation import Placement
from pytest_rfperf.decoders.rf_detr import RfDetrDecoder
from pytest_rfperf.errors import ModelError, OutputError

STRETCHED = Placement(100, 50, 0.32, 0.64, 0.0, 0.0)
LETTERBOXED = Placement(100, 50, 0.32, 0.32, 0.0, 8.0)
BOXES = [[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.1, 0.2]]


def signature(queries: int = 2, classes: int | None = 3) -> ModelSignature:
    return ModelSignature({"input": (1, 3, 32, 32)}, {"dets": (1, queries, 4), "labels": (1, queries, classes)})


def bind(labels=("a", "b", "c"), *, queries: int = 2, **settings) -> RfDetrDecoder:
    return RfDetrDecoder.bind(signature(queries, len(labels)), DecoderSettings(labels, **settings))


def outputs(logits, boxes=BOXES) -> dict:
    return {"dets": np.array([boxes], dtype=np.float32), "labels": np.array([logits], dtype=np.float32)}


def test_scores_are_sigmoids_and_boxes_shares_of_the_image():
    found = bind(options={"score-floor": 0.4}).decode(outputs([[0, -9, -9], [-9, np.log(3), -9]]), STRETCHED)
    np.testing.assert_allclose(found.scores, [0.75, 0.5], rtol=1e-6)
    assert found.labels.tolist() == [1, 0]
    np.testing.assert_allclose(found.boxes, [[20, 20, 30, 30], [0, 0, 100, 50]], atol=1e-5)


def test_one_query_may_come_back_under_several_classes():
    found = bind(options={"score-floor": 0.4}).decode(outputs([[1, 2, 3], [-9, -9, -9]]), STRETCHED)
    assert found.labels.tolist() == [2, 1, 0]
    assert found.boxes.tolist() == [[0, 0, 100, 50]] * 3


def test_only_the_surest_are_kept():
    found = bind(options={"max-detections": 2}).decode(outputs([[1, 2, 3], [-1, 4, -2]]), STRETCHED)
    assert found.labels.tolist() == [1, 2]
    assert found.scores[0] > found.scores[1]


def test_among_equal_scores_the_first_wins():
    found = bind(options={"max-detections": 2}).decode(outputs([[0, 0, 0], [0, 0, 0]]), STRETCHED)
    assert found.labels.tolist() == [0, 1]
    assert found.boxes.tolist() == [[0, 0, 100, 50]] * 2


def test_under_a_letterbox_boxes_are_shares_of_the_tensor():
    decoder = bind(preprocess={"resize": "letterbox"}, options={"score-floor": 0.4})
    found = decoder.decode(outputs([[0, -9, -9], [-9] * 3], [[0.5, 0.5, 1.0, 0.5], BOXES[1]]), LETTERBOXED)
    np.testing.assert_allclose(found.boxes, [[0, 0, 100, 50]])


def test_a_squeezed_batch_axis_makes_no_difference():
    raw = outputs([[1, 2, 3], [-1, 4, -2]])
    squeezed = {name: array[0] for name, array in raw.items()}
    assert bind().decode(squeezed, STRETCHED).boxes.tolist() == bind().decode(raw, STRETCHED).boxes.tolist()


def test_a_very_low_logit_is_a_score_of_nothing():
    """Masked queries come with the lowest float; no warning may escape."""
    lowest = float(np.finfo(np.float32).min)
    found = bind().decode(outputs([[lowest, -1000, 0], [lowest] * 3]), STRETCHED)
    assert found.scores.tolist() == [0.5]


def test_nan_is_an_error():
    with pytest.raises(OutputError, match=r"^decoder 'rf-detr': a score is NaN or infinite"):
        bind().decode(outputs([[np.nan] * 3] * 2), STRETCHED)


def test_one_nan_is_an_error_however_many_are_surer():
    with pytest.raises(OutputError, match=r"^decoder 'rf-detr': a score is NaN or infinite"):
        bind(options={"max-detections": 2}).decode(outputs([[1, 2, 3], [1, np.nan, 3]]), STRETCHED)


def test_boxes_without_logits_are_an_error():
    raw = outputs([[1, 2, 3], [1, 2, 3]])
    raw["dets"] = raw["dets"][:, :1]
    with pytest.raises(OutputError, match=r"^decoder 'rf-detr': 1 boxes but 2 rows of logits$"):
        bind().decode(raw, STRETCHED)


def test_the_last_axis_of_the_logits_counts_the_classes():
    with pytest.raises(ModelError, match="shaped for 4 classes, but 3 labels are given"):
        RfDetrDecoder.bind(signature(classes=4), DecoderSettings(("a", "b", "c")))
    assert RfDetrDecoder.bind(signature(classes=91), DecoderSettings()).labels[1] == "person"


def test_the_preparation_is_that_of_imagenet():
    preparation = bind().preparation
    assert (preparation.resize, preparation.colour, preparation.scale) == ("stretch", "rgb", 255)
    assert preparation.mean == (0.485, 0.456, 0.406)
    assert preparation.std == (0.229, 0.224, 0.225)


def test_it_is_recognised_by_exactly_its_two_outputs():
    assert RfDetrDecoder.recognises(signature()) == "outputs dets and labels"
    inputs = {"input": (1, 3, 32, 32)}
    for names in (("dets",), ("dets", "labels", "masks"), ("labels", "boxes", "scores")):
        assert RfDetrDecoder.recognises(ModelSignature(inputs, dict.fromkeys(names, (1, 2, 4)))) is None
