"""Waiting for a calmer host, in fake time."""

from __future__ import annotations

import types

import pytest
from fakes import MS, FakeClock, FakeDetector

from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.measure.calm import CalmWait
from pytest_rfperf.measure.closed_loop import ClosedLoop
from pytest_rfperf.measure.host import HostWatch


class Host:
    """A host with one core idle where the test says so."""

    def __init__(self, clock, *, idle=lambda _: False):
        self.clock, self.idle, self.idle_s, self.at_ns = clock, idle, 0.0, 0

    def times(self):
        now = self.clock.wall_ns()
        self.idle_s += (now - self.at_ns) / 1e9 * self.idle(now)
        self.at_ns = now
        return types.SimpleNamespace(idle=self.idle_s)


def test_it_waits_until_a_core_is_idle():
    clock = FakeClock()
    calm = CalmWait(clock, Host(clock, idle=lambda now: now > 0.35e9).times)
    calm.after_a_busy_block(30)
    assert calm.waited_s == pytest.approx(0.4)
    assert clock.now_ns == pytest.approx(0.4e9)


def test_all_waits_come_to_a_tenth_of_the_cap_and_each_to_a_second():
    clock = FakeClock()
    calm = CalmWait(clock, Host(clock).times)
    waits = []
    for _ in range(200):
        before = calm.waited_s
        calm.after_a_busy_block(20)
        waits.append(calm.waited_s - before)
    assert max(waits) == pytest.approx(1)
    assert calm.waited_s == pytest.approx(2)


def test_after_waits_in_vain_it_waits_less_often():
    clock = FakeClock()
    calm = CalmWait(clock, Host(clock).times)
    waited = []
    for _ in range(8):
        before = calm.waited_s
        calm.after_a_busy_block(1000)
        waited.append(calm.waited_s > before)
    assert waited == [True, False, True, False, False, False, True, False]


@pytest.mark.parametrize(
    ("busy", "decides_at", "waits"), [(True, 10**9, True), (False, 10**9, False), (True, 0, False)]
)
def test_a_loop_waits_after_a_busy_block_that_decided_nothing_and_counts_it(monkeypatch, busy, decides_at, waits):
    monkeypatch.setattr(HostWatch, "was_busy", busy)
    clock = FakeClock()
    calm = CalmWait(clock, Host(clock).times)
    detector = FakeDetector(clock, [10 * MS])
    loop = ClosedLoop(detector.detect, ["image"], LoadShape(), clock, one_thread=True, seed=0, calm=calm)
    run = loop.extend(lambda run: run.calls > decides_at, 10, lambda _: None)
    assert (run.waited_s > 0) is waits
    assert run.duration_s == pytest.approx(run.calls * 0.01 + run.waited_s)
    assert run.duration_s < 10.2
