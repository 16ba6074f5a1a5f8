"""What must be equal for two figures of accuracy to be comparable, and what a model file brings itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_rfperf.store.protocol import is_of_the_file, without_the_file

if TYPE_CHECKING:
    from pytest_rfperf.gates.gate import Accuracy
    from pytest_rfperf.session.bench import CaseBench

_SPEED_ONLY = frozenset({"threads", "spinning"})
"""Settings that leave detections as they are, bit for bit (suites/self/integration/test_threads.py)."""


def accuracy_protocol(bench: CaseBench, accuracy: Accuracy) -> dict[str, str]:
    """Ground truth, images, the limits of the evaluation, and where the model ran."""
    known = without_the_file(bench.detector.protocol).items()
    ran = {key: value for key, value in known if key not in _SPEED_ONLY}
    return ran | {
        "dataset": bench.dataset.sha256,
        "images": accuracy.run.images_sha256,
        "IoU thresholds": ", ".join(map(repr, accuracy.records.iou_thresholds)),
        "area ranges": ", ".join(f"{name} {a!r} to {b!r}" for name, (a, b) in accuracy.records.area_ranges.items()),
        "max detections": str(accuracy.precision_recall.max_detections[-1]),
        "score floor": repr(accuracy.score_floor),
    }


def model_protocol(bench: CaseBench) -> dict[str, str]:
    """Preparation, decoding and label map: another file may bring others, the same file must keep them."""
    brought = {key: value for key, value in bench.detector.protocol.items() if is_of_the_file(key)}
    return brought | {"classes": hashlib.sha256(repr(bench.category_of_label).encode()).hexdigest()}
