"""How long a model trained, by its configuration or by what its file says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_rfperf.errors import UsageError
from pytest_rfperf.targets.onnxruntime.session import read_metadata

if TYPE_CHECKING:
    from pytest_rfperf.config import Settings

KEY = "rfperf.training_wall_s"
"""Of the ONNX metadata; any trainer may write it."""


def training_s(name: str, settings: Settings) -> float:
    """Wall seconds that the model of that name trained.

    Raises
    ------
    UsageError
        If neither the configuration nor the file says so.
    """
    keys = settings.models[name]
    if keys.training_s is not None:
        return keys.training_s
    text = read_metadata(settings.path(keys.artifact)).get(KEY)
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        said = f"says {KEY} = {text!r}" if text else f"has no {KEY} in its metadata"
        msg = f"{keys.artifact} {said}; set models.{name}.training-s to the seconds that it trained"
        raise UsageError(msg)
    return seconds
