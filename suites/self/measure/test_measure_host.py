"""What the host shows of contention, and that what cannot be read is unknown."""

import sys

import pytest
from fakes import MS, FakeClock

from pytest_rfperf.measure import host

STAT = "cpu  {user} 0 0 {idle} 0 0 0 {steal} 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
PRESSURE = "some avg10=1.00 avg60=2.00 avg300=3.00 total={total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(host, "_PRESSURE", tmp_path / "cpu")
    return tmp_path


def test_the_counters_of_the_host_are_read_as_shares_of_the_time_between(place):
    clock = FakeClock()
    (place / "stat").write_text(STAT.format(user=100, idle=100, steal=10))
    (place / "cpu").write_text(PRESSURE.format(total=5_000))
    watch = host.HostWatch(clock.wall_ns)
    with watch:
        clock.now_ns += 100 * MS
        (place / "stat").write_text(STAT.format(user=150, idle=140, steal=20))
        (place / "cpu").write_text(PRESSURE.format(total=30_000))
    (place / "cpu").write_text(PRESSURE.format(total=90_000))
    signals = watch.signals(0.5)
    assert (signals.cpu_share, signals.pressure_ratio, signals.steal_ratio) == (0.5, 0.25, 0.1)


def test_nothing_happened_is_zero_and_not_unknown(place):
    (place / "stat").write_text(STAT.format(user=1, idle=1, steal=1))
    (place / "cpu").write_text(PRESSURE.format(total=1))
    watch = host.HostWatch(FakeClock().wall_ns)
    with watch:
        pass
    signals = watch.signals(None)
    assert (signals.cpu_share, signals.pressure_ratio, signals.steal_ratio) == (None, 0.0, 0.0)


@pytest.mark.parametrize("content", [None, b"", b"cpu 1 2 3\n", b"cpu one two\n", b"\xff\xfe", b"total=\n"])
def test_what_cannot_be_read_is_unknown(place, content):
    if content is not None:
        for name in ("stat", "cpu"):
            (place / name).write_bytes(content)
    watch = host.HostWatch(FakeClock().wall_ns)
    with watch:
        pass
    signals = watch.signals(None)
    assert (signals.pressure_ratio, signals.steal_ratio) == (None, None)


def test_a_counter_that_goes_away_meanwhile_is_unknown(place):
    (place / "stat").write_text(STAT.format(user=1, idle=1, steal=1))
    watch = host.HostWatch(FakeClock().wall_ns)
    (place / "stat").unlink()
    assert watch.signals(None).steal_ratio is None


def test_switches_are_unknown_where_the_system_does_not_count_them(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    watch = host.HostWatch(FakeClock().wall_ns)
    with watch:
        pass
    assert watch.signals(None).involuntary_switches is None


def test_pressure_is_a_share_of_one_at_most(place):
    clock = FakeClock()
    (place / "cpu").write_text(PRESSURE.format(total=0))
    watch = host.HostWatch(clock.wall_ns)
    with watch:
        clock.now_ns += MS
        (place / "cpu").write_text(PRESSURE.format(total=10**9))
    assert watch.signals(None).pressure_ratio == 1.0
