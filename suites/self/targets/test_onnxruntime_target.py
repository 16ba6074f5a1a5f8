"""The target on tiny models in this process."""

from __future__ import annotations

import hashlib
import re

import cv2
import msgspec
import numpy as np
import onnxruntime
import pytest
from onnx_models import (
    constant_model,
    detr_model,
    miscounted_model,
    nan_model,
    rf_detr_model,
    write,
    yolo_end_to_end_model,
    yolo_model,
    yolox_model,
)

from pytest_rfperf.data.model import DecoderSettings
from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.decoders.rf_detr import RfDetrDecoder
from pytest_rfperf.decoders.yolo import YoloDecoder
from pytest_rfperf.decoders.yolox import YoloxDecoder
from pytest_rfperf.errors import AttestationError, ImageError, ModelError, OutputError
from pytest_rfperf.protocols import Model
from pytest_rfperf.targets.onnxruntime import OnnxruntimeTarget
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions

CPU = "CPUExecutionProvider"
absent = next(
    (p for p in ("CUDAExecutionProvider", "CoreMLExecutionProvider") if p not in onnxruntime.get_available_providers()),
    "CUDAExecutionProvider",
)


@pytest.fixture
def model(tmp_path):
    def made(content: bytes, decoder=DetrDecoder, labels=("a", "b"), **settings) -> Model:
        path = write(tmp_path / "tiny.onnx", content)
        keys = DecoderSettings(labels, **settings)
        digest = hashlib.sha256(content).hexdigest()
        return Model("tiny", "fast", path, digest, keys, lambda signature: decoder.bind(signature, keys))

    return made


@pytest.fixture
def opened(model):
    def detector(*content, providers=(CPU,), threads=1, **keys):
        options = OnnxruntimeOptions(providers=providers, threads=threads)
        return OnnxruntimeTarget("here", options).open(model(*content, **keys))

    return detector


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A 40 x 20 PNG of half the brightness."""
    return cv2.imencode(".png", np.full((20, 40, 3), 127, dtype=np.uint8))[1].tobytes()


def test_an_image_becomes_detections_in_its_own_pixels(opened, picture):
    found, _ = opened(detr_model([[0.25, 0.25, 0.75, 0.75]], [0.5], [1])).detect(picture)
    assert found.boxes.tolist() == [[10, 5, 30, 15]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.5], [1])


@pytest.mark.parametrize(
    ("content", "decoder", "boxes"),
    [
        (rf_detr_model([[0.5, 0.5, 0.5, 0.5]], [[9, -9]]), RfDetrDecoder, [[10, 5, 30, 15]]),
        (yolo_model([[16, 16, 16, 8, 0.5, 0]]), YoloDecoder, [[10, 5, 30, 15]]),
        (yolo_end_to_end_model([[8, 12, 24, 20, 0.5, 0]] * 2), YoloDecoder, [[10, 5, 30, 15]] * 2),
        (yolox_model(2, row=16), YoloxDecoder, [[-10, -10, 10, 10]]),
    ],
)
def test_every_layout_comes_back_in_pixels_of_the_image(opened, picture, content, decoder, boxes):
    found, _ = opened(content, decoder).detect(picture)
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-4)


def test_the_picture_reaches_the_model(opened):
    """The score is 0.25 plus half the mean of the prepared image."""
    detector = opened(detr_model(scores=[0.25], brightness=0.5))
    for level in (0, 51, 255):
        pixels = np.full((10, 10, 3), level, dtype=np.uint8)
        found, _ = detector.detect(cv2.imencode(".png", pixels)[1].tobytes())
        np.testing.assert_allclose(found.scores, [0.25 + 0.5 * level / 255], rtol=1e-6)


def test_every_stage_of_this_process_is_timed_and_no_other(opened, picture):
    _, timing = opened(detr_model()).detect(picture)
    stages = timing._asdict()
    told = {"decode_ns", "preprocess_ns", "infer_ns", "postprocess_ns"}
    assert {name for name, value in stages.items() if value is not None} == told
    assert all(stages[name] > 0 and isinstance(stages[name], int) for name in told)


def test_a_model_only_run_gives_the_outputs_of_an_end_to_end_run(opened, picture):
    detector = opened(detr_model(scores=[0.25], brightness=0.5))
    prepared = detector.prepare(picture)
    outputs = detector.run(prepared)
    assert set(outputs) == {"labels", "boxes", "scores"}
    alone = detector.decoder.decode(outputs, prepared.placement)
    found, _ = detector.detect(picture)
    np.testing.assert_array_equal(alone.boxes, found.boxes)
    np.testing.assert_array_equal(alone.scores, found.scores)
    np.testing.assert_array_equal(alone.labels, found.labels)


def test_the_detector_shows_what_its_decoder_holds(opened):
    detector = opened(detr_model(), labels=("cat", "dog"), options={"score-floor": 0.2})
    assert (detector.labels, detector.score_floor) == (("cat", "dog"), 0.2)
    assert detector.protocol["labels"] == "cat, dog"
    assert detector.protocol["providers"] == CPU
    assert detector.protocol["threads"] == "1"


def test_only_one_thread_on_the_cpu_lets_cpu_time_speak_for_a_call(opened):
    assert opened(detr_model(), threads=1).one_thread is True
    assert opened(detr_model(), threads=2).one_thread is False


def test_an_image_that_is_none_is_an_image_error(opened):
    with pytest.raises(ImageError, match=r"^cannot decode the image of 8 bytes"):
        opened(detr_model()).detect(b"no image")


@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.99])
def test_a_model_that_is_cut_short_is_a_model_error(opened, keep):
    whole = detr_model()
    cut = whole[: keep if isinstance(keep, int) else int(len(whole) * keep)]
    message = rf"tiny\.onnx \({len(cut)} bytes\) is no ONNX model that this ONNX Runtime can load: "
    with pytest.raises(ModelError, match=message) as caught:
        opened(cut)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\x00" * 100, b"version https://git-lfs.github.com"])
def test_what_is_no_model_is_a_model_error(opened, content):
    with pytest.raises(ModelError, match=rf"tiny\.onnx \({len(content)} bytes\) is no ONNX model"):
        opened(content)


def test_a_missing_model_says_which_key_to_set(model):
    missing = model(detr_model())
    missing.artifact.unlink()
    message = f"model file {missing.artifact} does not exist; set `artifact` of the model to an ONNX file"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        OnnxruntimeTarget("here", OnnxruntimeOptions()).open(missing)


def test_a_provider_that_this_build_lacks_is_an_attestation_error(opened):
    pattern = rf"^target 'here' asked for {absent}; all (\d+) nodes ran on {CPU} \(.*\); install the ONNX Runtime"
    with pytest.raises(AttestationError, match=pattern) as caught:
        opened(detr_model(), providers=(absent,))
    assert int(re.match(pattern, str(caught.value)).group(1)) >= 3
    assert str(caught.value).endswith(f"build that has {absent}, or change targets.here.providers")


@pytest.mark.parametrize("providers", [("CudaExecutionProvider",), ("cuda",), ("CudaExecutionProvider", CPU)])
def test_a_misspelt_provider_is_an_attestation_error(opened, providers):
    with pytest.raises(AttestationError, match=rf"^target 'here' asked for {providers[0]};"):
        opened(detr_model(), providers=providers)


def test_the_cpu_listed_as_the_way_out_does_not_excuse_a_missing_gpu(opened):
    """The list that every ONNX Runtime tutorial shows would else run on the CPU in silence."""
    with pytest.raises(AttestationError, match=rf"^target 'here' asked for {absent}"):
        opened(detr_model(), providers=(absent, CPU))


def test_a_model_without_nodes_is_no_proof_of_a_provider(opened):
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "labels": np.zeros((1, 1), dtype=np.int64),
        "boxes": np.ones((1, 1, 4), dtype=np.float32),
        "scores": np.ones((1, 1), dtype=np.float32),
    }
    kinds = {"labels": TensorProto.INT64, "boxes": TensorProto.FLOAT, "scores": TensorProto.FLOAT}
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(v)) for name, v in values.items()],
        "folded",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info(name, kinds[name], list(v.shape)) for name, v in values.items()],
    )
    folded = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(AttestationError, match=rf"^target 'here' asked for {absent}"):
        opened(folded.SerializeToString(), providers=(absent,))


def test_a_runtime_that_does_not_tell_its_placement_is_taken_for_the_cpu_only(opened, monkeypatch):
    monkeypatch.setattr("pytest_rfperf.targets.onnxruntime.target.node_placement", lambda session, asked: None)
    assert opened(detr_model())
    with pytest.raises(AttestationError, match=rf"^target 'here' asked for {absent}; ONNX Runtime .* does not tell"):
        opened(detr_model(), providers=(absent,))


def test_a_model_that_returns_nan_is_refused_when_it_is_opened(opened):
    with pytest.raises(OutputError, match=r"^decoder 'detr': a score is NaN or infinite; the model is broken"):
        opened(nan_model())


def test_a_wrong_class_count_is_refused_when_it_is_opened(opened):
    with pytest.raises(ModelError, match=r"^decoder 'yolo': the model is shaped for 3 classes, but 2 labels are given"):
        opened(miscounted_model(), YoloDecoder, None)


def test_an_input_that_the_graph_refuses_is_an_output_error(opened, picture):
    detector = opened(detr_model())
    prepared = detector.prepare(picture)
    halved = prepared._replace(feeds=prepared.feeds | {"images": prepared.feeds["images"][:, :, ::2]})
    with pytest.raises(OutputError, match=r"^ONNX Runtime failed while running the model: .*images"):
        detector.run(halved)


def test_a_free_size_runs_at_the_size_that_is_set(opened, picture):
    detector = opened(detr_model(size=None), preprocess={"size": [48, 16]})
    assert detector.prepare(picture).feeds["images"].shape == (1, 3, 16, 48)
    assert detector.detect(picture)[0].count == 1


@pytest.mark.parametrize("level", ["all", "extended", "basic", "disabled"])
def test_every_graph_level_gives_the_same_detections(model, picture, level):
    target = OnnxruntimeTarget("here", OnnxruntimeOptions(graph_level=level, spinning=False, threads=2))
    detector = target.open(model(detr_model()))
    assert detector.protocol["graph level"] == level
    assert detector.detect(picture)[0].boxes.tolist() == [[10, 5, 30, 15]]


def test_the_environment_says_what_runs_here():
    facts = OnnxruntimeTarget("here", OnnxruntimeOptions()).environment().stable
    assert facts["onnxruntime"] == onnxruntime.__version__
    assert int(facts["visible cores"]) >= 1
    assert all(facts.values())


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"provider": "x"}, "unknown field `provider`"),
        ({"threads": -1}, ">= 0"),
        ({"max-fallback": 101}, "<= 100"),
        ({"graph-level": "most"}, "Invalid enum value 'most'"),
    ],
)
def test_an_impossible_option_is_refused(keys, reason):
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(keys, OnnxruntimeOptions)


def test_a_model_of_another_kind_shows_its_signature(opened):
    content = constant_model({"classes": np.zeros((1, 10), dtype=np.float32)})
    with pytest.raises(OutputError, match=r"^decoder 'detr': no output 'boxes'; the model has classes$"):
        opened(content)


@pytest.mark.assets
def test_the_real_int8_model_has_its_batch_axis_squeezed(opened, assets):
    content = (assets / "models" / "deimv2_atto_320_int8.onnx").read_bytes()
    image = next((assets / "datasets" / "coco128-val2017" / "images").glob("*.jpg")).read_bytes()
    assert opened(content, labels=None).detect(image)[0].count > 0
