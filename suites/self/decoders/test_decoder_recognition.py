"""Which decoder a real file gets, read by ONNX Runtime as a target reads it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx_models import (
    constant_model,
    detr_model,
    miscounted_model,
    rf_detr_model,
    write,
    yolo_end_to_end_model,
    yolo_model,
    yolox_model,
)

from pytest_rfperf.config import ModelSettings, Run, Settings
from pytest_rfperf.errors import ModelError, UnknownAdapterError, UsageError
from pytest_rfperf.registry import known
from pytest_rfperf.session.models import make_model
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions
from pytest_rfperf.targets.onnxruntime.session import open_session, signature_of


@pytest.fixture
def bound(tmp_path):
    """Write a model, read its signature, bind it as a session does; the decoder and what was noted."""

    def bind(content: bytes, **keys):
        artifact = write(tmp_path / "m.onnx", content)
        models = {"fast": ModelSettings(str(artifact), **keys)}
        settings = Settings(tmp_path, "rfperf.toml", models, {}, {}, Run(), ("cpu",))
        notes: list[str] = []
        model = make_model("fast", settings, notes.append)
        decoder = model.bind(signature_of(open_session(artifact, "cpu", OnnxruntimeOptions())))
        return decoder, notes

    return bind


@pytest.mark.parametrize(
    ("content", "labels", "name", "reason"),
    [
        (detr_model(), ("a",), "detr", "outputs labels, boxes and scores"),
        (rf_detr_model([[0.5, 0.5, 1, 1]], [[0, 1]]), ("a", "b"), "rf-detr", "outputs dets and labels"),
        (yolox_model(3), ("a", "b", "c"), "yolox", "one output of 21 rows, the grid cells of strides 8, 16 and 32"),
        (yolo_model([[16, 16, 8, 8, 0.5, 0.1]]), None, "yolo", "Ultralytics metadata"),
        (yolo_end_to_end_model([[1, 2, 3, 4, 0.5, 1]]), None, "yolo", "Ultralytics metadata"),
    ],
)
def test_a_file_that_says_what_it_is_needs_no_decoder_key(bound, content, labels, name, reason):
    decoder, notes = bound(content, labels=labels)
    assert decoder.name == name
    assert notes == [f"models.fast: decoder = '{name}' ({reason})"]


def test_guessed_labels_are_noted(bound):
    _, notes = bound(detr_model())
    assert notes[1:] == ["models.fast: labels = 'coco80' (nothing in the file names its classes)"]


def test_a_named_decoder_is_not_guessed(bound):
    decoder, notes = bound(yolo_model([[16, 16, 8, 8, 0.5, 0.1]], metadata=False), decoder="yolo", labels=("a", "b"))
    assert decoder.name == "yolo"
    assert notes == []


def test_a_dotted_path_names_a_decoder_of_the_user(bound):
    decoder, _ = bound(detr_model(), decoder="pytest_rfperf.decoders.detr:DetrDecoder", labels="coco91")
    assert len(decoder.labels) == 91


def remedy() -> str:
    names = ", ".join(known("rfperf.decoders"))
    return f"set models.fast.decoder to one of {names}, or to 'package.module:Class' of your own"


def test_a_file_that_two_decoders_know_is_ambiguous(bound):
    rows = np.zeros((21, 6))
    with pytest.raises(ModelError, match=r"^models.fast: yolo and yolox both fit inputs images ") as caught:
        bound(yolo_end_to_end_model(rows))
    assert str(caught.value).endswith(remedy())
    decoder, _ = bound(yolo_end_to_end_model(rows), decoder="yolo")
    assert decoder.name == "yolo"


def test_a_file_that_no_decoder_knows_shows_its_signature(bound):
    content = constant_model({"classes": np.zeros((1, 10), dtype=np.float32)})
    shown = "no decoder recognises inputs images [1, 3, 32, 32]; outputs classes [1, 10]; "
    with pytest.raises(ModelError, match=f"^{re.escape('models.fast: ' + shown + remedy())}$"):
        bound(content)


def test_an_error_of_the_decoder_names_the_model(bound):
    with pytest.raises(
        ModelError, match=r"^models.fast: decoder 'yolo': the model is shaped for 3 classes, but 2 labels"
    ):
        bound(miscounted_model())
    with pytest.raises(UsageError, match=r"^models.fast: decode: decoder 'detr' has no key 'nms-iou'"):
        bound(detr_model(), decode={"nms-iou": 0.5})
    with pytest.raises(
        UnknownAdapterError, match=r"^models\.fast: rfperf\.decoders: no 'yollo'; known: .*; did you mean 'yolo'\?$"
    ):
        bound(detr_model(), decoder="yollo")


def test_a_free_size_is_shown_as_unknown_and_read_from_metadata(bound):
    decoder, _ = bound(yolo_model([[16, 16, 8, 8, 0.5, 0.1]], size=None))
    assert "images [1, 3, ?, ?]" in str(decoder.signature)
    assert (decoder.preparation.width, decoder.preparation.height) == (32, 32)


def test_labels_come_from_a_file_of_one_name_a_line(bound, tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n dog \n")
    decoder, _ = bound(yolo_model([[16, 16, 8, 8, 0.5, 0.1]]), labels="names.txt")
    assert decoder.labels == ("cat", "dog")


def test_labels_that_are_no_file_and_no_list_are_refused(bound):
    message = "models.fast.labels = 'coco81': neither a file nor one of coco80, coco91"
    with pytest.raises(UsageError, match=f"^{message}$"):
        bound(detr_model(), labels="coco81")
