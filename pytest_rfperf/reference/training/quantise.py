"""A careless release: the demo's bad model, quantised with statistics of the wrong images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

_IMAGES = 8
_BRIGHTEST = 0.25


def carelessly_quantised(model: Path) -> bytes:
    """Turn weights and activations into 8-bit numbers, calibrated on dark noise instead of images."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "quantised.onnx"
        quantize_static(
            model,
            made,
            _DarkNoise(),
            quant_format=QuantFormat.QOperator,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=False,
            op_types_to_quantize=["Conv"],
        )
        return made.read_bytes()


class _DarkNoise(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._feeds = iter(
            [{"images": (random.random((1, 3, 160, 160)) * _BRIGHTEST).astype(np.float32)} for _ in range(_IMAGES)]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
