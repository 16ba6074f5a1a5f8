"""The bundled default: a pair of detectors and a dataset that this project made, used where nothing is configured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "squares"


def bundled_tables() -> dict[str, Any]:
    """The tables `models` and `datasets` as a configuration file would hold them."""
    decode = {"nms-iou": 0.1}
    return {
        "models": {
            "fast": {"artifact": str(_FOLDER / "fast.onnx"), "decode": decode},
            "accurate": {"artifact": str(_FOLDER / "accurate.onnx"), "decode": decode},
        },
        "datasets": {"squares": {"path": str(_FOLDER)}},
    }
