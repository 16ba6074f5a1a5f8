"""The paired loop in fake time: two detectors in turns, on the same images."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import MS, FakeClock, FakeDetector, local_side

from pytest_rfperf.core.ratios import median_ratio, paired_ratios
from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.measure.paired_loop import PairedLoop

IMAGES = [bytes([i]) for i in range(10)]


def make_loop(first=(4 * MS,), second=(10 * MS,), *, shape=None, one_thread=True):
    clock = FakeClock()
    detectors = [FakeDetector(clock, latencies, one_thread=one_thread) for latencies in (first, second)]
    shape = shape or LoadShape()
    sides = [local_side(detector, clock, IMAGES, scope=shape.scope) for detector in detectors]
    return PairedLoop(*sides, shape, clock, seed=0), detectors, clock


def extend(loop, *, decided=lambda _: False, cap_s=1.0):
    reports = []
    return loop.extend(decided, cap_s, reports.append), reports


def measured(detector, run):
    """The images of the calls that were measured, in their order."""
    return detector.images[-run.calls :]


def test_both_sides_see_the_same_images_in_the_same_order():
    loop, (first, second), _ = make_loop()
    run, _ = extend(loop)
    assert run.pairs == run.first.calls == run.second.calls > 20
    assert measured(first, run.first) == measured(second, run.second)
    assert len(set(measured(first, run.first))) == len(IMAGES)


def test_a_coin_says_which_side_begins_a_pair():
    loop, (first, second), _ = make_loop()
    order = []
    for name, detector in (("first", first), ("second", second)):
        detector._spend = lambda name=name, spend=detector._spend: (order.append(name), spend())[1]
    extend(loop)
    pairs = list(zip(order[::2], order[1::2], strict=True))
    assert {frozenset(pair) for pair in pairs} == {frozenset(("first", "second"))}
    share = sum(pair[0] == "first" for pair in pairs) / len(pairs)
    assert 0.3 < share < 0.7


def test_a_host_that_slows_both_sides_changes_no_ratio():
    slow = [2 * MS, 2 * MS, 8 * MS, 8 * MS]
    loop, _, _ = make_loop(slow, [3 * latency for latency in slow])
    run, _ = extend(loop, decided=lambda run: run.pairs >= 40)
    assert set(paired_ratios(run).tolist()) == {1 / 3}


def test_the_reader_decides_when_to_stop_and_is_never_asked_of_nothing():
    loop, _, _ = make_loop()
    asked = []
    run, reports = extend(loop, decided=lambda run: asked.append(run.pairs) or run.pairs >= 20, cap_s=60)
    assert 0 not in asked
    assert run.pairs == asked[-1] == reports[-1].pairs >= 20


def test_a_run_goes_on_where_it_stopped():
    loop, _, _ = make_loop([4 * MS, 5 * MS, 6 * MS])
    first, _ = extend(loop, decided=lambda run: run.pairs >= 10)
    second, _ = extend(loop, decided=lambda run: run.pairs >= 30)
    assert second.first.latencies_ns[: first.pairs].tolist() == first.first.latencies_ns.tolist()
    assert second.first.warm_up is first.first.warm_up


def test_a_run_that_is_decided_measures_no_more():
    loop, (first, _), _ = make_loop()
    extend(loop, decided=lambda run: run.pairs >= 10)
    calls = len(first.images)
    extend(loop, decided=lambda _: True)
    assert len(first.images) == calls


def test_time_is_counted_to_the_side_that_spent_it_and_the_cap_to_both():
    loop, _, _ = make_loop()
    run, _ = extend(loop, cap_s=0.5)
    assert run.first.duration_s == pytest.approx(run.pairs * 0.004)
    assert run.second.duration_s == pytest.approx(run.pairs * 0.010)
    assert 0.5 <= run.duration_s < 0.65


def test_each_side_is_warmed_up_by_itself():
    loop, (first, second), _ = make_loop()
    run, _ = extend(loop, decided=lambda run: run.pairs >= 5)
    for detector, side in ((first, run.first), (second, run.second)):
        assert side.warm_up.calls == len(detector.images) - side.calls >= 30
        assert side.warm_up.steady


def test_a_failed_call_is_infinitely_slow_and_keeps_the_pairs_together():
    loop, _, _ = make_loop([4 * MS, 4 * MS, FAILED_NS])
    run, _ = extend(loop, decided=lambda run: run.pairs >= 30)
    assert run.first.failed > 5
    assert run.first.calls == run.second.calls


def test_cpu_time_is_kept_where_one_thread_does_the_work():
    loop, _, _ = make_loop()
    run, _ = extend(loop, decided=lambda run: run.pairs >= 10)
    assert run.first.cpu_ns.tolist() == run.first.latencies_ns.tolist()
    loop, _, _ = make_loop(one_thread=False)
    run, _ = extend(loop, decided=lambda run: run.pairs >= 10)
    assert run.first.cpu_ns is None


def test_a_model_alone_takes_prepared_inputs():
    loop, (first, second), _ = make_loop(shape=LoadShape("model-only"))
    run, _ = extend(loop, decided=lambda run: run.pairs >= 10)
    assert first.images == []
    assert first.runs[-run.pairs :] == second.runs[-run.pairs :]
    assert median_ratio(paired_ratios(run)).value == 0.4


def test_idle_gaps_are_kept_before_each_call():
    loop, _, clock = make_loop(shape=LoadShape(pace_ns=50 * MS))
    run, _ = extend(loop, decided=lambda run: run.pairs >= 4, cap_s=60)
    assert clock.slept_s[-1] == pytest.approx(0.05)
    assert np.all(run.first.latencies_ns == 4 * MS)


def test_an_error_between_the_two_calls_leaves_no_half_of_a_pair():
    """What no adapter should do, and a time-out may."""
    loop, (_, second), _ = make_loop()
    spend = second._spend
    extend(loop, decided=lambda run: run.pairs >= 5)

    def broken():
        raise ZeroDivisionError

    second._spend = broken
    with pytest.raises(ZeroDivisionError):
        extend(loop, decided=lambda run: run.pairs >= 50)
    second._spend = spend
    run, _ = extend(loop, decided=lambda run: run.pairs >= 20)
    assert run.first.calls == run.second.calls == len(paired_ratios(run))
