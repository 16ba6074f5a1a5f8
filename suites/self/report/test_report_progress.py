"""The line that says how things stand."""

from __future__ import annotations

import pytest

from pytest_rfperf.report import progress as module
from pytest_rfperf.report.progress import LineProgress


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when told to."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    return Clock


def line(*, live):
    written = []
    return LineProgress(written.append, lambda: 10, live=live), written


def test_what_takes_less_than_two_seconds_shows_nothing(clock):
    shown, written = line(live=True)
    for _ in range(20):
        shown.show("working")
        clock.now += 0.1
    shown.done()
    assert written == []


def test_a_terminal_line_is_written_over_and_taken_away(clock):
    shown, written = line(live=True)
    shown.show("one")
    clock.now += 2
    shown.show("a longer text")
    clock.now += 0.1
    shown.show("too soon")
    shown.done()
    assert written == ["\ra longer t", "\r          \r"]


def test_a_log_gets_a_line_every_fifteen_seconds(clock):
    shown, written = line(live=False)
    for second in range(40):
        shown.show(f"{second} s")
        clock.now += 1
    shown.done()
    assert written == ["2 s\n", "17 s\n", "32 s\n"]


def test_every_piece_of_work_has_its_own_two_seconds(clock):
    shown, written = line(live=False)
    shown.show("one")
    clock.now += 3
    shown.done()
    shown.show("two")
    clock.now += 1.9
    shown.show("two")
    assert written == []
