"""Average precision is compared across thread counts, so these must not change a bit of the outputs."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

pytestmark = [pytest.mark.assets, pytest.mark.integration]


@pytest.mark.parametrize(("name", "side"), [("yolox_nano_416", 416), ("deimv2_atto_320", 320)])
def test_threads_change_no_bit_of_the_outputs(assets, name, side):
    feeds = {"images": np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)}
    if name.startswith("deim"):
        feeds["orig_target_sizes"] = np.array([[640, 480]], dtype=np.int64)
    outputs = []
    for threads in (1, 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(assets / "models" / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        outputs.append(session.run(None, feeds))
    assert all(np.array_equal(one, two) for one, two in zip(*outputs, strict=True))
