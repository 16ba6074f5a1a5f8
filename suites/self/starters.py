"""Short ways to make what `rfperf init` works on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx_models

from pytest_rfperf.config import ModelSettings
from pytest_rfperf.starter.choice import Choice


def choice(folder: Path = Path("/project"), **changes: Any) -> Choice:
    """A pair on one dataset, in a repository of its own."""
    usual: dict[str, Any] = {
        "folder": folder,
        "repository": folder,
        "models": {"fast": ModelSettings("models/n.onnx"), "accurate": ModelSettings("models/m.onnx")},
        "dataset": "street",
        "data": "data/street",
        "target": "cpu",
        "runner": "shared",
    }
    return Choice(**(usual | changes))


def write_models(folder: Path) -> None:
    """Two detectors of the class "a" in the middle of every image, the second one surer."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("best_n", [[16, 16, 16, 16, 0.5, 0.1]]), ("best_m", [[16, 16, 16, 16, 0.9, 0.1]])):
        onnx_models.write(folder / f"{name}.onnx", onnx_models.yolo_model(rows))


def write_data(folder: Path, classes: tuple[str, ...] = ("a", "b")) -> None:
    """Four images with one object each, in the middle, of the first class, as COCO."""
    folder.mkdir(parents=True, exist_ok=True)
    for shade in range(1, 5):
        _, png = cv2.imencode(".png", np.full((32, 32, 3), shade, dtype=np.uint8))
        (folder / f"{shade}.png").write_bytes(png.tobytes())
    numbers = range(1, 5)
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 32, "height": 32} for i in numbers],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes)],
        "annotations": [{"id": i, "image_id": i, "category_id": 0, "bbox": [8, 8, 16, 16]} for i in numbers],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
