"""Hashes of the first pictures of every task; `python suites/self/pinned_pictures.py` prints what is pinned beside it.

Imports no pytest, so that any interpreter with any numpy can run it.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

from pytest_rfperf.reference.tasks import CLASSES, GENERATOR_VERSION, draw

COUNT = 3


def fingerprint(task):
    """Of integer pixels before JPEG, labels, and boxes in quarters of a pixel."""
    digest = hashlib.sha256()
    for index in range(COUNT):
        picture = draw(task, "pinned", index)
        digest.update(picture.pixels.tobytes())
        digest.update(np.array(picture.labels, dtype="<i8").tobytes())
        digest.update((np.array(picture.boxes_xyxy) * 4).astype("<i8").tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(json.dumps({"generator": GENERATOR_VERSION, **{task: fingerprint(task) for task in CLASSES}}, indent=1))
