"""Weights outside the ONNX file belong to the model: to its hash, its size and its copy."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_rfperf.store.artifacts import artifact_files, keep, sha256_of


@pytest.fixture
def artifact(tmp_path):
    """Write a model whose weights lie in a file of another name."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32).reshape(1, 4096), "w")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4096])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4096])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "m").mkdir()
    path = tmp_path / "m" / "model.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_the_files_of_a_model_are_those_that_it_names(artifact):
    (artifact.parent / "other.bin").write_bytes(b"1")
    assert [path.name for path in artifact_files(artifact)] == ["model.onnx", "weights.bin"]


def test_other_weights_are_another_model(artifact):
    before = sha256_of(artifact)
    weights = artifact.parent / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert sha256_of(artifact) != before


def test_the_kept_copy_runs(artifact):
    copy = keep(artifact, sha256_of(artifact))
    session = onnxruntime.InferenceSession(str(copy), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ones((1, 4096), dtype=np.float32)})
    assert found[0, -1] == 4096
