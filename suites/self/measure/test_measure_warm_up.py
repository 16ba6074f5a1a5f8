"""When a detector counts as warm."""

import pytest
from fakes import MS, FakeClock, S

from pytest_rfperf.measure.warm_up import warm_up


def warmed(latencies_ns):
    clock, left = FakeClock(), iter(latencies_ns)

    def call():
        latency_ns = next(left)
        clock.now_ns += latency_ns
        return latency_ns

    return warm_up(call, clock.wall_ns)


def test_thirty_equal_calls_are_steady():
    result = warmed([MS] * 100)
    assert (result.calls, result.steady, result.duration_s) == (30, True, 0.03)


@pytest.mark.parametrize(("last_ns", "calls"), [(1_050_000, 30), (1_060_000, 50)])
def test_three_windows_may_differ_by_five_per_cent(last_ns, calls):
    result = warmed([MS] * 20 + [last_ns] * 80)
    assert (result.calls, result.steady) == (calls, True)


def test_a_slow_start_is_waited_for_and_reported():
    result = warmed([20 * MS] * 10 + [MS] * 90)
    assert (result.calls, result.steady, result.first_ns) == (40, True, 20 * MS)


def test_a_single_outlier_in_a_window_does_not_matter():
    assert warmed([MS] * 15 + [50 * MS] + [MS] * 84).calls == 30


def test_calls_that_never_agree_end_after_fifty():
    result = warmed([MS + i * MS // 20 for i in range(100)])
    assert (result.calls, result.steady) == (50, False)


def test_two_seconds_end_the_warm_up_of_slow_calls():
    result = warmed([100 * MS] * 100)
    assert (result.calls, result.steady, result.duration_s) == (20, False, 2.0)


def test_five_calls_are_made_however_slow_they_are():
    result = warmed([S] * 100)
    assert (result.calls, result.steady, result.duration_s) == (5, False, 5.0)
