"""The seal of a recorded run: a hash over all else of it, so that an edit by hand is seen before it is believed.

It is no signature: whoever can write the file can seal it again. Who changed what is in the history of the repository.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.core.percentiles import percentile
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.samples import unpack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.store.baseline import StoredLatency, StoredRun

_SHOWN = 12


def seal_of(run: StoredRun, names: tuple[str, str, str]) -> str:
    """Hash of a run as it is read from a file, and of the model, target and dataset that it is of."""
    content = msgspec.to_builtins(run)
    del content["seal"]
    return hashlib.sha256(msgspec.json.encode([names, content], order="sorted")).hexdigest()


def seal_fault(run: StoredRun, names: tuple[str, str, str]) -> str:
    """What a run tells of an edit, empty where its seal fits.

    Figures that its own samples contradict are named with both values; of anything else only the hashes are known.
    """
    now = seal_of(run, names)
    if now == run.seal:
        return ""
    was = run.seal[:_SHOWN] or "missing"
    return "; ".join(figure_faults(run)) or f"its seal was {was}, its content gives {now[:_SHOWN]}"


def figure_faults(run: StoredRun) -> list[str]:
    """Figures of the latencies that the raw samples beside them contradict, with both values."""
    return [fault for latency in run.latency if latency.samples for fault in _faults(latency)]


def _faults(latency: StoredLatency) -> list[str]:
    try:
        given = _figures(unpack(latency.samples))
    except StoreError as error:
        return [f"latency '{latency.shape}': {error}"]
    return [
        f"{field} of latency '{latency.shape}' is {getattr(latency, field)}, its samples give {value}"
        for field, value in given.items()
        if getattr(latency, field) != value
    ]


def _figures(latencies_ns: NDArray[np.int64]) -> dict[str, float | None]:
    """What a run of latencies comes to, by the name of the stored field."""
    return {
        "calls": len(latencies_ns),
        "failed": int((latencies_ns == FAILED_NS).sum()),
        "p50_ms": _percentile_ms(latencies_ns, 50),
        "p95_ms": _percentile_ms(latencies_ns, 95),
    }


def _percentile_ms(latencies_ns: NDArray[np.int64], q: float) -> float | None:
    value = percentile(latencies_ns, q) if len(latencies_ns) else FAILED_NS
    return None if value == FAILED_NS else value / 1e6
