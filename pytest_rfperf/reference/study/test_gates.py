"""The gates that together catch every fault of `rfperf mutate`: copy them, and record baselines first.

    pytest --rfperf-record
    rfperf mutate

`rfperf mutate --bundled` runs them on a bundled detector.
"""

from __future__ import annotations

from pytest_rfperf import latency_ratio, min_map, no_regression, same_detections


@no_regression(latency=0.025, map=0.005)
@latency_ratio(1.25, against="baseline", percentile=99)
@same_detections("baseline")
@min_map(0.10)
def test_gates() -> None:
    """The median, the tail, the accuracy, and each single detection, all against the baseline."""
