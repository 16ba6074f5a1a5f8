"""The committed model files: what they say of themselves is true."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from pytest_rfperf.reference import SIZES, artifact
from pytest_rfperf.reference.tasks import CLASSES, GENERATOR_VERSION
from pytest_rfperf.reference.training.recipe import RECIPE, RECIPE_VERSION, STRIDE_PX
from pytest_rfperf.reference.training.recipe import SIZES as KNOBS
from pytest_rfperf.targets.onnxruntime.session import read_metadata

BAD = "quantised"
FILES = (*SIZES, BAD)
SUMS = artifact("fast").parent / "SHA256SUMS"


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_the_one_that_was_committed(name):
    sums = dict(line.split()[::-1] for line in SUMS.read_text().splitlines())
    assert hashlib.sha256(artifact(name).read_bytes()).hexdigest() == sums[f"{name}.onnx"]


def test_no_other_file_lies_there():
    assert {path.name for path in SUMS.parent.iterdir()} == {"SHA256SUMS", *(f"{name}.onnx" for name in FILES)}


@pytest.mark.parametrize("size", SIZES)
def test_the_metadata_are_those_of_the_recipe_and_the_generator(size):
    found = read_metadata(artifact(size))
    classes = [name for names in CLASSES.values() for name in names]
    assert ast.literal_eval(found["names"]) == dict(enumerate(classes))
    assert found["rfperf.size"] == size
    assert found["rfperf.recipe_version"] == str(RECIPE_VERSION)
    assert found["rfperf.generator_version"] == str(GENERATOR_VERSION)
    assert found["rfperf.images_seen"] == str(RECIPE.views)
    assert json.loads(found["imgsz"]) == [KNOBS[size].input_px] * 2
    assert (found["batch"], found["task"], found["license"]) == ("1", "detect", "Apache-2.0")
    assert json.loads(found["preprocess"]) == {"resize": "stretch"}
    for key in ("training_wall_s", "training_cpu_s", "score_loss", "box_loss", "training_threads", "seed"):
        assert float(found[f"rfperf.{key}"]) >= 0


def test_both_sizes_saw_the_same_images_on_as_many_threads():
    fast, accurate = (read_metadata(artifact(size)) for size in SIZES)
    for key in ("images_seen", "generator_version", "recipe_version", "training_threads", "seed"):
        assert fast[f"rfperf.{key}"] == accurate[f"rfperf.{key}"]


@pytest.mark.parametrize("size", SIZES)
def test_the_graph_has_the_layout_of_an_ultralytics_export(size):
    model = onnx.load(artifact(size))
    onnx.checker.check_model(model, full_check=True)
    (given,), (output,) = model.graph.input, model.graph.output
    px = KNOBS[size].input_px

    def shape(value):
        return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]

    assert (given.name, shape(given)) == ("images", [1, 3, px, px])
    assert (output.name, shape(output)) == ("output0", [1, 4 + 14, (px // STRIDE_PX) ** 2])


@pytest.mark.parametrize("name", FILES)
def test_the_file_holds_nothing_of_the_machine_that_made_it(name):
    model = onnx.load(artifact(name))
    assert not model.doc_string
    assert not any(node.doc_string for node in model.graph.node)
    content = artifact(name).read_bytes()
    for trace in (b"/home", b"/root", b"/tmp", b"site-packages", str(Path.home()).encode()):
        assert trace not in content


def test_sizes_are_small_enough_to_ship():
    assert all(artifact(size).stat().st_size < 2_000_000 for size in SIZES)
    assert artifact(BAD).stat().st_size < 300_000


def test_the_bad_release_is_the_fast_one_in_eight_bits():
    model = onnx.load(artifact(BAD))
    kinds = {node.op_type for node in model.graph.node}
    assert "QLinearConv" in kinds
    assert "Conv" not in kinds
    assert read_metadata(artifact(BAD))["names"] == read_metadata(artifact("fast"))["names"]


@pytest.mark.parametrize("size", SIZES)
def test_scores_are_probabilities_and_boxes_input_pixels(size):
    import onnxruntime

    session = onnxruntime.InferenceSession(artifact(size), providers=["CPUExecutionProvider"])
    px = KNOBS[size].input_px
    (output,) = session.run(None, {"images": np.full((1, 3, px, px), 0.5, dtype=np.float32)})
    assert output[0, 4:].min() >= 0
    assert output[0, 4:].max() <= 1
    assert (output[0, 2:4] > 0).all()
    assert -px < output[0, :2].min() < output[0, :2].max() < 2 * px
