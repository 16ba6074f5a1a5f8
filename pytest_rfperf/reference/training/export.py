"""A trained network as ONNX in the layout of Ultralytics exports: [1, 4 + classes, places].

The graph is written node by node, so that the file holds what we put there and nothing else. Normalisation is
folded into the convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pytest_rfperf.reference.training.recipe import SHARPNESS, STRIDE_PX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.reference.training.network import Layer, Network

_OPSET, _IR_VERSION = 17, 8


def onnx_bytes(network: Network, input_px: int, classes: int, metadata: Mapping[str, str]) -> bytes:
    """Write the network, with boxes as centre, width and height in input pixels and scores in 0..1."""
    graph = _Graph()
    scores, sides = network.walk("images", graph)
    side = input_px // STRIDE_PX
    places = side * side
    row = (np.arange(side, dtype=np.float32) + 0.5) * STRIDE_PX
    x, y = np.meshgrid(row, row)
    flat = graph.constant(np.array([1, -1, places], dtype=np.int64))
    distance = graph.node("Softplus", graph.node("Reshape", sides, flat))
    distance = graph.node("Mul", distance, graph.constant(np.array(STRIDE_PX, dtype=np.float32)))
    before, after = graph.nodes("Split", 2, distance, axis=1)
    half = graph.constant(np.array(0.5, dtype=np.float32))
    moved = graph.node("Mul", graph.node("Sub", after, before), half)
    centre = graph.node("Add", moved, graph.constant(np.stack([x.ravel(), y.ravel()])[None]))
    extent = graph.node("Add", after, before)
    sharpness = graph.constant(np.array(SHARPNESS, dtype=np.float32))
    probability = graph.node("Sigmoid", graph.node("Mul", graph.node("Reshape", scores, flat), sharpness))
    graph.nodes("Concat", 0, centre, extent, probability, axis=1, output="output0")
    proto = helper.make_graph(
        graph.made,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, input_px, input_px])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + classes, places])],
        graph.constants,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    model.producer_name = "pytest-rfperf"
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, named by number."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: np.ndarray[Any, Any]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def nodes(self, kind: str, count: int, *inputs: str, output: str = "", **attributes: Any) -> list[str]:  # noqa: ANN401 - attributes of a node
        names = [output] if output else [f"value{len(self.made)}_{index}" for index in range(count)]
        self.made.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - attributes of a node
        return self.nodes(kind, 1, *inputs, **attributes)[0]

    def layer(self, layer: Layer, value: str) -> str:
        """Fold the normalisation: y = (Wx - mean) / sqrt(var + eps) * gain + shift."""
        convolution, norm = layer.convolution, layer.norm
        held = {name: value.double() for name, value in layer.state_dict().items()}
        weight = held["convolution.weight"]
        if norm is None:
            bias = held["convolution.bias"]
        else:
            gain = held["norm.weight"] / (held["norm.running_var"] + norm.eps).sqrt()
            weight = weight * gain[:, None, None, None]
            bias = held["norm.bias"] - held["norm.running_mean"] * gain
        constants = [self.constant(tensor.float().numpy()) for tensor in (weight, bias)]
        kernel, stride, pad = convolution.kernel_size[0], convolution.stride[0], convolution.kernel_size[0] // 2
        shape = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        made = self.node("Conv", value, *constants, **shape)
        return made if norm is None else self.node("Relu", made)

    def add(self, first: str, second: str) -> str:
        return self.node("Add", first, second)

    def twice(self, value: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], dtype=np.float32))
        rule = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", value, "", scales, **rule)
