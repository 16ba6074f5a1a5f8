"""What every decoder keeps, shown on a decoder of one input and one output."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pytest_rfperf.data.model import DecoderSettings, ModelSignature
from pytest_rfperf.data.preparation import Placement, Preparation
from pytest_rfperf.decoders.bound import BoundDecoder
from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.decoders.labels import BUILT_IN, COCO80
from pytest_rfperf.decoders.rf_detr import RfDetrDecoder
from pytest_rfperf.decoders.yolo import YoloDecoder
from pytest_rfperf.decoders.yolox import YoloxDecoder
from pytest_rfperf.errors import ModelError, OutputError, UsageError

PLACE = Placement(32, 32, 1.0, 1.0, 0.0, 0.0)


class Counted(BoundDecoder):
    """A decoder whose last axis says how many classes there are."""

    name = "counted"
    options = {"nms_iou": 0.7}
    preprocess = {"resize": "letterbox", "pad": 0}

    def class_count(self) -> int | None:
        return self.signature.outputs["out"][-1]


class Embedded(Counted):
    """A decoder of a file that names its classes."""

    def embedded_labels(self) -> tuple[str, ...]:
        return ("x", "y")


def signature(classes: int | None = 2, image=(1, 3, 24, 32), **inputs) -> ModelSignature:
    return ModelSignature({"images": image} | inputs, {"out": (1, 5, classes)})


def bind(classes: int | None = 2, labels=("a", "b"), *, kind=Counted, image=(1, 3, 24, 32), **settings) -> BoundDecoder:
    return kind.bind(signature(classes, image), DecoderSettings(labels, **settings))


def test_the_size_is_read_from_the_model_and_the_rest_from_the_decoder():
    assert bind().preparation == Preparation(32, 24, resize="letterbox", pad=0)


def test_keys_of_the_user_win_over_those_of_the_decoder():
    assert bind(preprocess={"pad": 9, "colour": "bgr"}).preparation == Preparation(
        32, 24, resize="letterbox", pad=9, colour="bgr"
    )


def test_a_size_that_says_what_the_model_says_is_accepted():
    assert bind(preprocess={"size": [32, 24]}).preparation.width == 32


def test_another_size_than_the_fixed_one_is_refused():
    message = "preprocess.size = [320, 320], but the model's input 'images' is fixed at 32 x 24 pixels"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        bind(preprocess={"size": 320})


def test_a_free_size_must_be_given():
    message = "the model's input 'images' has no fixed size; set preprocess.size = [width, height] of the model"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        bind(image=(None, 3, None, None))
    assert bind(image=(None, 3, None, None), preprocess={"size": [40, 16]}).preparation.width == 40


def test_an_unknown_key_of_preprocess_is_refused():
    with pytest.raises(UsageError, match=r"^preprocess: unknown key 'colors'; known: size, "):
        bind(preprocess={"colors": "rgb"})


def test_an_unknown_key_of_decode_names_the_known_ones():
    message = "decode: decoder 'counted' has no key 'iou-thr'; known: score-floor, nms-iou"
    with pytest.raises(UsageError, match=f"^{message}$"):
        bind(options={"iou-thr": 0.5})


def test_options_are_written_with_dashes_or_underscores():
    assert bind(options={"score-floor": 0.2, "nms_iou": 0.5}).settings == {"score_floor": 0.2, "nms_iou": 0.5}


def test_the_score_floor_is_a_hundredth_unless_told():
    assert bind().score_floor == 0.01
    assert bind(options={"score-floor": 0}).score_floor == 0.0


def test_options_of_one_decoder_do_not_leak_into_the_next():
    bind(options={"nms-iou": 0.1})
    assert bind().settings["nms_iou"] == 0.7


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("score-floor", "high"),
        ("score-floor", -0.1),
        ("score-floor", 1.5),
        ("nms-iou", 1.5),
        ("nms-iou", "0.5"),
        ("candidates", 0),
        ("max-detections", -1),
        ("max-detections", 2.5),
        ("multi-label", "no"),
    ],
)
def test_an_impossible_value_of_decode_is_refused_by_its_key(key, value):
    model = ModelSignature({"images": (1, 3, 32, 32)}, {"output0": (1, 6, 3)})
    with pytest.raises(UsageError, match=key):
        YoloDecoder.bind(model, DecoderSettings(("a", "b"), options={key: value}))


@pytest.mark.parametrize(
    "inputs",
    [
        {"data": (1, 5)},
        {"left": (1, 3, 8, 8), "right": (1, 3, 8, 8)},
        {"grey": (1, 1, 8, 8)},
        {"last": (1, 8, 8, 3)},
    ],
)
def test_exactly_one_image_input_of_three_channels_is_needed(inputs):
    model = ModelSignature(inputs, {"out": (1, 5, 2)})
    message = f"decoder 'counted' needs one image input [1, 3, H, W]; the model has {model}"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        Counted.bind(model, DecoderSettings(("a", "b")))


def test_inputs_beside_the_image_are_no_hindrance():
    model = ModelSignature({"sizes": (1, 2), "pixels": (1, 3, 8, 8)}, {"out": (1, 5, 2)})
    tensor = np.zeros((1, 3, 8, 8), dtype=np.float32)
    assert list(Counted.bind(model, DecoderSettings(("a", "b"))).feeds(tensor, PLACE)) == ["pixels"]


@pytest.mark.parametrize("labels", [("a",), ("a", "b", "c")])
def test_another_number_of_labels_than_classes_is_refused(labels):
    message = (
        f"decoder 'counted': the model is shaped for 2 classes, but {len(labels)} labels are given "
        f"(inputs images [1, 3, 24, 32]; outputs out [1, 5, 2])"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        bind(labels=labels)


def test_given_labels_win_over_those_of_the_file():
    assert bind(labels=None, kind=Embedded).labels == ("x", "y")
    assert bind(labels=("a", "b"), kind=Embedded).labels == ("a", "b")


def test_labels_of_the_file_are_counted_too():
    with pytest.raises(ModelError, match="shaped for 3 classes, but 2 labels are given"):
        bind(3, labels=None, kind=Embedded)


@pytest.mark.parametrize(("classes", "name"), [(80, "coco80"), (91, "coco91"), (None, "coco80")])
def test_labels_that_nobody_gives_are_guessed_aloud(classes, name):
    decoder = bind(classes, labels=None)
    assert decoder.labels == BUILT_IN[name]
    assert decoder.guesses == [f"labels = '{name}' (nothing in the file names its classes)"]


def test_nothing_is_guessed_where_labels_are_given():
    assert bind().guesses == []
    assert bind(labels=None, kind=Embedded).guesses == []


def test_a_count_that_no_list_has_needs_labels():
    message = "the model has 7 classes and does not name them; set labels = [...] or a file of names"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        bind(7, labels=None)


def test_the_built_in_lists_agree_on_the_ids_of_coco():
    coco91 = BUILT_IN["coco91"]
    assert (len(COCO80), len(set(COCO80)), len(coco91), len(set(coco91))) == (80, 80, 91, 91)
    assert [name for name in coco91 if not name.startswith("unused")] == list(COCO80)
    assert {coco91[i]: i for i in (1, 13, 90)} == {"person": 1, "stop sign": 13, "toothbrush": 90}


def test_the_floor_keeps_what_reaches_it():
    found = bind(options={"score-floor": 0.5}).detections(
        np.arange(12.0).reshape(3, 4), np.array([0.49, 0.5, 0.51]), np.array([0, 1, 0])
    )
    assert found.scores.tolist() == [0.5, 0.51]
    assert found.labels.tolist() == [1, 0]
    assert found.boxes.tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]


def test_a_reversed_box_is_kept():
    found = bind().detections(np.array([[5.0, 5, 1, 1]]), np.array([0.5]), np.array([0]))
    assert found.boxes.tolist() == [[5, 5, 1, 1]]


def test_no_detections_are_no_error():
    assert bind().detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64)).count == 0


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["score", "box"])
def test_a_number_that_is_not_finite_is_an_error(broken, what):
    boxes, scores = np.ones((2, 4)), np.array([0.5, 0.0])
    if what == "score":
        scores[1] = broken
    else:
        boxes[1, 2] = broken
    message = f"decoder 'counted': a {what} is NaN or infinite; the model is broken or its input is wrong"
    with pytest.raises(OutputError, match=f"^{message}$"):
        bind().detections(boxes, scores, np.array([0, 1]))


@pytest.mark.parametrize(("labels", "shown"), [([0, 2], 2), ([-1, 0], -1), ([-1, 5], 5)])
def test_a_class_without_a_label_is_an_error(labels, shown):
    message = f"decoder 'counted': the model returned class {shown}, but 2 labels are given; set `labels`"
    with pytest.raises(OutputError, match=f"^{message}"):
        bind().detections(np.ones((2, 4)), np.array([0.5, 0.5]), np.array(labels))


@pytest.mark.parametrize("shape", [(1, 5, 4), (5, 4)])
def test_a_batch_axis_is_there_or_squeezed(shape):
    values = np.arange(20, dtype=np.float32)
    table = bind().output({"out": values.reshape(shape)}, "out", 4)
    assert table.dtype == np.float64
    assert table.tolist() == values.reshape(5, 4).tolist()


@pytest.mark.parametrize("shape", [(1, 5), (5,)])
def test_a_column_has_a_batch_axis_or_none(shape):
    column = bind().output({"out": np.arange(5, dtype=np.float32).reshape(shape)}, "out", None)
    assert column.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("shape", "columns", "expected"),
    [
        ((2, 5, 4), 4, "[1, N, 4]"),
        ((1, 5, 5), 4, "[1, N, 4]"),
        ((1, 1, 5, 4), 4, "[1, N, 4]"),
        ((4,), 4, "[1, N, 4]"),
        ((2, 5), None, "[1, N]"),
        ((1, 5, 1), None, "[1, N]"),
    ],
)
def test_an_output_of_another_shape_is_an_error(shape, columns, expected):
    message = f"decoder 'counted': output 'out' is {list(shape)}, expected {expected}"
    with pytest.raises(OutputError, match=f"^{re.escape(message)}$"):
        bind().output({"out": np.zeros(shape, dtype=np.float32)}, "out", columns)


@pytest.mark.parametrize(
    ("kind", "shapes", "missing"),
    [
        (DetrDecoder, {"labels": (1, 1), "boxes": (1, 1, 4), "scores": (1, 1)}, "boxes"),
        (RfDetrDecoder, {"dets": (1, 1, 4), "labels": (1, 1, 2)}, "dets"),
        (YoloDecoder, {"output0": (1, 6, 1)}, "output0"),
        (YoloDecoder, {"output0": (1, 1, 6)}, "output0"),
        (YoloxDecoder, {"output": (1, 21, 7)}, "output"),
    ],
)
def test_an_output_that_is_not_there_names_those_that_are(kind, shapes, missing):
    decoder = kind.bind(ModelSignature({"images": (1, 3, 32, 32)}, shapes), DecoderSettings(("a", "b")))
    with pytest.raises(OutputError, match=f"^decoder '{kind.name}': no output '{missing}'; the model has other$"):
        decoder.decode({"other": np.zeros((1, 1, 4))}, PLACE)


def test_the_protocol_tells_settings_apart():
    protocol = bind().protocol
    assert (protocol["decoder"], protocol["labels"]) == ("counted", "a, b")
    assert (protocol["decode.nms-iou"], protocol["decode.score-floor"]) == ("0.7", "0.01")
    assert (protocol["preprocess.width"], protocol["preprocess.resize"], protocol["preprocess.pad"]) == (
        "32",
        "letterbox",
        "0",
    )
    assert bind(80, labels=None).protocol["labels"].startswith("80 labels, sha256 ")
    for other in (bind(options={"nms-iou": 0.6}), bind(labels=("a", "c")), bind(preprocess={"pad": 1})):
        assert other.protocol != bind().protocol


def test_a_plain_decoder_recognises_nothing_and_decodes_nothing():
    assert BoundDecoder.recognises(signature()) is None
    with pytest.raises(NotImplementedError):
        bind().decode({}, PLACE)
