"""Tiny ONNX models for tests: each has the names and shapes of a real family and returns what the test writes down.

Every value passes through a 1x1 convolution of the image, so that no model folds to constants and each has a
compute node. Without brightness the convolution adds nothing; with it the score-like output rises with the
mean of the prepared image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SIZE = (32, 32)
_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def write(path: Path, model: bytes) -> Path:
    """Write a model and return its path."""
    path.write_bytes(model)
    return path


def constant_model(
    outputs: Mapping[str, np.ndarray],
    *,
    size: tuple[int, int] | None = SIZE,
    metadata: Mapping[str, str] | None = None,
    image_input: str = "images",
    original_sizes: bool = False,
    brightness: Mapping[str, float] | None = None,
) -> bytes:
    """A model that returns `outputs`, plus `brightness[name]` times the mean of the image.

    `size` is (width, height), None for a free size; `original_sizes` multiplies the boxes by the second input.
    """
    height, width = ("H", "W") if size is None else size[::-1]
    inputs = [helper.make_tensor_value_info(image_input, TensorProto.FLOAT, [1, 3, height, width])]
    nodes, constants = [helper.make_node("GlobalAveragePool", [image_input], ["pooled"])], []
    if original_sizes:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]))
        nodes += [
            helper.make_node("Concat", ["orig_target_sizes", "orig_target_sizes"], ["corners"], axis=1),
            helper.make_node("Cast", ["corners"], ["corner_scale"], to=TensorProto.FLOAT),
        ]
    for name, value in outputs.items():
        gain = (brightness or {}).get(name, 0.0)
        constants.append(numpy_helper.from_array(np.full((1, 3, 1, 1), gain / 3, dtype=np.float32), f"{name}_gain"))
        constants.append(numpy_helper.from_array(value.astype(np.float32), f"{name}_value"))
        constants.append(numpy_helper.from_array(np.array([1] * value.ndim, dtype=np.int64), f"{name}_one"))
        nodes += [
            helper.make_node("Conv", ["pooled", f"{name}_gain"], [f"{name}_mean"]),
            helper.make_node("Reshape", [f"{name}_mean", f"{name}_one"], [f"{name}_scalar"]),
            helper.make_node("Add", [f"{name}_value", f"{name}_scalar"], [f"{name}_sum"]),
        ]
        last = f"{name}_sum"
        if original_sizes and name == "boxes":
            nodes.append(helper.make_node("Mul", [last, "corner_scale"], [f"{name}_scaled"]))
            last = f"{name}_scaled"
        nodes.append(helper.make_node("Cast", [last], [name], to=_TYPES[value.dtype]))
    declared = [
        helper.make_tensor_value_info(name, _TYPES[value.dtype], list(value.shape)) for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, declared, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def detr_model(
    boxes: Sequence[Sequence[float]] = ((0.25, 0.25, 0.75, 0.75),),
    scores: Sequence[float] = (0.5,),
    labels: Sequence[int] = (0,),
    *,
    size: tuple[int, int] | None = SIZE,
    original_sizes: bool = True,
    brightness: float = 0.0,
) -> bytes:
    """Outputs labels, boxes and scores; with `original_sizes` boxes are shares of the image, else tensor pixels."""
    outputs = {
        "labels": np.array([labels], dtype=np.int64),
        "boxes": np.array([boxes], dtype=np.float32),
        "scores": np.array([scores], dtype=np.float32),
    }
    return constant_model(outputs, size=size, original_sizes=original_sizes, brightness={"scores": brightness})


def nan_model() -> bytes:
    """The DETR shape with a score that is NaN."""
    return detr_model(scores=(float("nan"),))


def rf_detr_model(boxes: Sequence[Sequence[float]], logits: Sequence[Sequence[float]]) -> bytes:
    """Outputs dets as cxcywh in 0..1 and labels as logits."""
    outputs = {"dets": np.array([boxes], dtype=np.float32), "labels": np.array([logits], dtype=np.float32)}
    return constant_model(outputs, image_input="input")


def yolox_model(classes: int = 3, *, size: tuple[int, int] = SIZE, row: int = 0) -> bytes:
    """One output [1, N, 5 + C] over the grids of strides 8, 16 and 32, sure of class 0 in one row."""
    cells = sum((size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32))
    table = np.zeros((1, cells, 5 + classes), dtype=np.float32)
    table[0, row, 4:6] = 1.0
    return constant_model({"output": table}, size=size)


def yolo_model(
    rows: Sequence[Sequence[float]],
    names: Sequence[str] = ("a", "b"),
    *,
    size: tuple[int, int] | None = SIZE,
    metadata: bool = True,
) -> bytes:
    """One output [1, 4 + C, N] of rows (cx, cy, w, h, scores...) with the metadata of its exporter."""
    table = np.array([rows], dtype=np.float32).swapaxes(1, 2)
    return constant_model({"output0": table}, size=size, metadata=_ultralytics(names) if metadata else None)


def yolo_end_to_end_model(rows: Sequence[Sequence[float]], names: Sequence[str] = ("a", "b")) -> bytes:
    """One output [1, N, 6] of rows (x1, y1, x2, y2, score, class) with the metadata of its exporter."""
    return constant_model({"output0": np.array([rows], dtype=np.float32)}, metadata=_ultralytics(names))


def miscounted_model() -> bytes:
    """The YOLO shape with room for three classes and the names of two."""
    return yolo_model([[16, 16, 8, 8, 0.1, 0.2, 0.3]], names=("a", "b"))


def _ultralytics(names: Sequence[str]) -> dict[str, str]:
    return {"names": str(dict(enumerate(names))), "stride": "32", "imgsz": "[32, 32]", "task": "detect"}
