"""onnxruntime's NonMaxSuppression as a model of one node; float32, scores laid out as a row a class.

A box has a score above the floor in the row of its own class only, so that the operator is class-aware as it is.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

FLOOR = -1.0


def suppress(cloud, threshold, labels):
    kinds = np.zeros(len(cloud.scores), dtype=np.int64) if labels is None else labels
    scores = np.full((1, kinds.max() + 1, len(kinds)), FLOOR, dtype=np.float32)
    scores[0, kinds, np.arange(len(kinds))] = cloud.scores
    feeds = {"boxes": cloud.boxes.astype(np.float32)[None], "scores": scores}
    session = _session(len(kinds), threshold)
    return lambda: session.run(None, feeds)[0][:, 2]


def _session(most, threshold):
    limits = {
        "most": (TensorProto.INT64, most),
        "iou": (TensorProto.FLOAT, threshold),
        "floor": (TensorProto.FLOAT, FLOOR),
    }
    constants = [helper.make_tensor(name, kind, [1], [value]) for name, (kind, value) in limits.items()]
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores", *limits], ["kept"])
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("boxes", "scores")]
    outputs = [helper.make_tensor_value_info("kept", TensorProto.INT64, None)]
    graph = helper.make_graph([node], "suppression", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
