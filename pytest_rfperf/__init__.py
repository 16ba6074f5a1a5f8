"""Accuracy and latency gates for object detectors, as ordinary pytest tests.

Public names are resolved when they are first used, so that importing the package, as pytest does in every
project where it is installed, costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rfperf.markers import (
        cold_start_budget as cold_start_budget,
    )
    from pytest_rfperf.markers import (
        latency_budget as latency_budget,
    )
    from pytest_rfperf.markers import (
        latency_ratio as latency_ratio,
    )
    from pytest_rfperf.markers import (
        memory_budget as memory_budget,
    )
    from pytest_rfperf.markers import (
        min_ap as min_ap,
    )
    from pytest_rfperf.markers import (
        min_map as min_map,
    )
    from pytest_rfperf.markers import (
        model_size_budget as model_size_budget,
    )
    from pytest_rfperf.markers import (
        no_regression as no_regression,
    )
    from pytest_rfperf.markers import (
        same_detections as same_detections,
    )
    from pytest_rfperf.markers import (
        sizes as sizes,
    )
    from pytest_rfperf.markers import (
        training_ratio as training_ratio,
    )
    from pytest_rfperf.markers import (
        waiver as waiver,
    )

__version__ = "0.1.0"

_PLACES = {
    "cold_start_budget": "pytest_rfperf.markers",
    "latency_budget": "pytest_rfperf.markers",
    "latency_ratio": "pytest_rfperf.markers",
    "memory_budget": "pytest_rfperf.markers",
    "min_ap": "pytest_rfperf.markers",
    "min_map": "pytest_rfperf.markers",
    "model_size_budget": "pytest_rfperf.markers",
    "no_regression": "pytest_rfperf.markers",
    "same_detections": "pytest_rfperf.markers",
    "sizes": "pytest_rfperf.markers",
    "training_ratio": "pytest_rfperf.markers",
    "waiver": "pytest_rfperf.markers",
}

__all__ = ["__version__", *sorted(_PLACES)]  # noqa: PLE0604 - sorted names


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name not in _PLACES:
        msg = f"module 'pytest_rfperf' has no attribute {name!r}; it has {', '.join(sorted(_PLACES))}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_PLACES[name]), name)
