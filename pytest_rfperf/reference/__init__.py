"""The bundled default: a pair of detectors and five tasks that this project made, used where nothing is configured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TASKS = ("chocolates", "bees", "pieces", "players", "pills")
SIZES = ("fast", "accurate")
_FOLDER = Path(__file__).parent / "models"


def artifact(name: str) -> Path:
    """A bundled model file."""
    return _FOLDER / f"{name}.onnx"


def bundled_tables() -> dict[str, Any]:
    """The tables `models` and `datasets` as a configuration file would hold them."""
    return {
        "models": {size: {"artifact": str(artifact(size))} for size in SIZES},
        "datasets": {task: {"format": "reference", "task": task} for task in TASKS},
    }
