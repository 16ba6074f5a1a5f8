"""Three releases at the gate: `rfperf demo` runs them, with the rfperf.toml beside this file."""

from __future__ import annotations

from pytest_rfperf import latency_budget, min_map, sizes


@sizes("fast")
@min_map(0.95, iou=0.50)
def test_good_release() -> None:
    """The bundled detector keeps what it promises."""


@sizes("quantised")
@min_map(0.95, iou=0.50)
def test_bad_release() -> None:
    """The same detector after a careless quantisation."""


@sizes("accurate")
@latency_budget(ms=1000, percentile=99.99)
def test_promise_that_takes_longer_to_show() -> None:
    """One call in ten thousand may be slower: a short run cannot tell, and says so."""
