"""What the closed loop adds to a call, over a bare loop that calls a null detector.

pytest suites/bench/test_harness_overhead.py -s
"""

from __future__ import annotations

from statistics import median
from time import perf_counter_ns

import pytest

from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.closed_loop import time_calls

CALLS = 20_000
PAIRS = 15
BAR_US = {False: 1.0, True: 3.0}


def null_detector(image):
    return None


def bare_us(items):
    begin = perf_counter_ns()
    for item in items:
        null_detector(item)
    return (perf_counter_ns() - begin) / len(items) / 1e3


def harness_us(items, *, cpu):
    begin = perf_counter_ns()
    time_calls(null_detector, items, SystemClock(), cpu=cpu, pace_ns=0)
    return (perf_counter_ns() - begin) / len(items) / 1e3


@pytest.mark.parametrize("cpu", [False, True], ids=["wall", "wall-and-cpu"])
def test_harness_overhead(cpu, record_property):
    items = [b""] * CALLS
    pairs = [(bare_us(items), harness_us(items, cpu=cpu)) for _ in range(PAIRS)]
    added = median(with_harness - bare for bare, with_harness in pairs)
    record_property("added_us", added)
    print(f"\nharness, {'wall and CPU' if cpu else 'wall'} clock: {added:.2f} us a call added (bar {BAR_US[cpu]:g} us)")
    assert added > 0, "the harness reads clocks, so it cannot cost nothing"
