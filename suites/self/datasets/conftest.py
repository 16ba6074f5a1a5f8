"""Small images on disk for the dataset formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def put_image() -> Callable[..., Path]:
    """Write a grey image, 30 x 20 unless told, and make its folder."""

    def put(path: Path, width: int = 30, height: int = 20) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, np.full((height, width, 3), 90, dtype=np.uint8))[1].tobytes())
        return path

    return put
