"""The gates of a release: copy this file, change the numbers to what you promise.

They run over every selected model, target and dataset:

    pytest --target=cpu suites/release
    pytest --target=cpu --rfperf-size=fast suites/release
"""

from __future__ import annotations

from pytest_rfperf import (
    cold_start_budget,
    latency_budget,
    latency_ratio,
    memory_budget,
    min_map,
    model_size_budget,
    sizes,
)


@latency_budget(ms=200, percentile=95)
@min_map(0.10)
def test_release() -> None:
    """An empty body is enough: each gate measures what it needs and judges it."""


@latency_budget(ms=200, percentile=95, scope="model-only")
def test_model_alone() -> None:
    """What is left of the budget without decoding images and without post-processing."""


@sizes("fast")
@latency_ratio(0.9, against="accurate")
def test_fast_is_faster() -> None:
    """Holds on any machine, since both take turns on the same one."""


@cold_start_budget(s=30)
@memory_budget(mb=1000)
def test_fresh_process() -> None:
    """What a container pays when it starts."""


@model_size_budget(mb=100)
def test_download() -> None:
    """What a device pays for the update."""
