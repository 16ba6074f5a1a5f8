"""Makes the bundled default: python -m pytest_rfperf.reference.make_squares FOLDER (needs the extra `test`).

Images show red, green and blue squares on a grey, noisy ground. Both detectors are computed, not trained: a
pixel belongs to a colour where that channel stands out, and pooling windows turn pixels into boxes. The fast one
takes the window itself for the box; the accurate one looks at more windows in a larger image, and moves and
sizes its box by the centroid and the area of the pixels inside.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

IMAGES = 40
SIDE_PX = 160
COLOURS = ("red", "green", "blue")
_SEED = 20261124
_LEAST_PX, _MOST_PX, _APART_PX = 14, 26, 34


def make_image(index: int) -> tuple[np.ndarray[Any, Any], list[tuple[int, tuple[int, int, int, int]]]]:
    """Draw one image in RGB, and give the colour and the xywh box of each square."""
    random = np.random.default_rng((_SEED, index))
    pixels = random.integers(90, 130, size=(SIDE_PX, SIDE_PX, 1)).repeat(3, axis=2)
    squares: list[tuple[int, tuple[int, int, int, int]]] = []
    for _ in range(200):
        side = int(random.integers(_LEAST_PX, _MOST_PX + 1))
        x, y = (int(v) for v in random.integers(4, SIDE_PX - side - 4, size=2))
        centres = [(bx + bw / 2, by + bh / 2) for _, (bx, by, bw, bh) in squares]
        near = any(max(abs(x + side / 2 - cx), abs(y + side / 2 - cy)) < _APART_PX for cx, cy in centres)
        if near or len(squares) > int(random.integers(2, 9)):
            continue
        colour = int(random.integers(len(COLOURS)))
        pixels[y : y + side, x : x + side] //= 2
        pixels[y : y + side, x : x + side, colour] += int(random.integers(70, 120))
        squares.append((colour, (x, y, side, side)))
    return pixels.astype(np.uint8), squares


def make_dataset(folder: Path) -> None:
    """Write images and COCO annotations."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(IMAGES):
        pixels, squares = make_image(index)
        name = f"{index:03d}.jpg"
        _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        (folder / "images" / name).write_bytes(encoded.tobytes())
        images.append({"id": index + 1, "file_name": name, "width": SIDE_PX, "height": SIDE_PX})
        for colour, box in squares:
            row = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": colour + 1, "bbox": box}
            annotations.append(row | {"area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(COLOURS)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "annotations.json").write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")


def make_detector(size: int, window: int, stride: int, *, refine: bool) -> bytes:
    """Build an ONNX detector in the Ultralytics layout [1, 4 + 3, N] for inputs of `size` pixels."""
    import onnx  # noqa: PLC0415 - only to make the files
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - only to make the files

    count = ((size - window) // stride + 1) ** 2
    left = np.arange(0, size - window + 1, stride, dtype=np.float32)
    cx, cy = np.meshgrid(left + window / 2, left + window / 2)
    middle = np.arange(size, dtype=np.float32) + 0.5
    constants = {
        "others": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1) * 1.5 - 0.5,
        "steep": np.float32(40.0),
        "least": np.float32(0.06),
        "zero": np.float32(0.0),
        "one": np.float32(1.0),
        "window_px": np.float32(window * window),
        "tiny": np.float32(1e-6),
        "axes": np.array([1], dtype=np.int64),
        "columns": np.tile(middle, (size, 1))[None, None],
        "rows": np.tile(middle[:, None], (1, size))[None, None],
        "flat": np.array([1, -1, count], dtype=np.int64),
        "windows": np.stack([cx, cy, np.full_like(cx, window), np.full_like(cx, window)])[None],
    }
    node = helper.make_node
    pool: dict[str, Any] = {"kernel_shape": [window, window], "strides": [stride, stride]}
    nodes = [
        node("Conv", ["images", "others"], ["apart"]),
        node("Sub", ["apart", "least"], ["above"]),
        node("Mul", ["above", "steep"], ["sharp"]),
        node("Clip", ["sharp", "zero", "one"], ["mask"]),
        node("AveragePool", ["mask"], ["score"], **pool),
    ]
    if refine:
        nodes += [
            node("ReduceSum", ["mask", "axes"], ["any"]),
            node("Mul", ["any", "columns"], ["any_x"]),
            node("Mul", ["any", "rows"], ["any_y"]),
            *(node("AveragePool", [name], [f"{name}_mean"], **pool) for name in ("any", "any_x", "any_y")),
            node("Add", ["any_mean", "tiny"], ["weight"]),
            node("Div", ["any_x_mean", "weight"], ["cx"]),
            node("Div", ["any_y_mean", "weight"], ["cy"]),
            node("Mul", ["weight", "window_px"], ["area"]),
            node("Sqrt", ["area"], ["side"]),
            node("Concat", ["cx", "cy", "side", "side"], ["boxes"], axis=1),
        ]
    else:
        nodes += [node("Identity", ["windows"], ["boxes"])]
    nodes += [
        node("Concat", ["boxes", "score"], ["grid"], axis=1),
        node("Reshape", ["grid", "flat"], ["output0"]),
    ]
    used = {name for n in nodes for name in n.input}
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 7, count])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items() if k in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = {
        "names": json.dumps(dict(enumerate(COLOURS))),
        "stride": str(stride),
        "imgsz": json.dumps([size, size]),
        "preprocess": json.dumps({"resize": "stretch"}),
    }
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def main(folder: Path) -> None:
    """Write the dataset and both detectors."""
    make_dataset(folder)
    (folder / "fast.onnx").write_bytes(make_detector(80, 10, 5, refine=False))
    (folder / "accurate.onnx").write_bytes(make_detector(160, 32, 4, refine=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
