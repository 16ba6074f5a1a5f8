"""Model-only calls of ONNX files in this process, one thread each, opened as the product opens them for turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import pytest_rfperf.reference
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.paired_loop import LocalSide, PairedLoop
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions
from pytest_rfperf.targets.onnxruntime.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = Path(pytest_rfperf.reference.__file__).parent / "models" / "fast.onnx"
"""The bundled fast detector."""
SHAPE = LoadShape("model-only")
IMAGES = 8
OPTIONS = OnnxruntimeOptions(threads=1, spinning=False)


def feeds() -> list[dict[str, np.ndarray]]:
    """Inputs of the fast detector, the same ones each time."""
    random = np.random.default_rng(3)
    return [{"images": random.random((1, 3, 160, 160), dtype=np.float32)} for _ in range(IMAGES)]


def opened(path: Path) -> Callable[[dict[str, np.ndarray]], object]:
    """A fresh session's call."""
    session = open_session(path, "cpu", OPTIONS)
    return lambda items: session.run(None, items)


def side(path: Path) -> LocalSide:
    """A fresh session as one side of a paired loop."""
    return LocalSide(opened(path), feeds(), SystemClock(), one_thread=True, has_timing=False)


def in_turns(first: Path, second: Path, *, seed: int, second_first: bool = False) -> PairedLoop:
    """A paired loop of two fresh sessions, warmed up; the second is loaded first where asked."""
    order = (second, first) if second_first else (first, second)
    sides = [side(path) for path in order]
    return PairedLoop(*(reversed(sides) if second_first else sides), SHAPE, SystemClock(), seed=seed)
