"""The closed loop in fake time: blocks, cap, failures, and that a run tells what happened."""

import numpy as np
import pytest
from fakes import MS, FakeClock, FakeDetector, S

from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.measure.closed_loop import ClosedLoop, time_calls

IMAGES = [bytes([i]) for i in range(10)]


def make_loop(latencies_ns=(10 * MS,), *, shape=None, seed=0, **detector_keywords):
    clock = FakeClock()
    detector = FakeDetector(clock, latencies_ns, **detector_keywords)
    loop = ClosedLoop(detector.detect, IMAGES, shape or LoadShape(), clock, one_thread=detector.one_thread, seed=seed)
    return loop, detector, clock


def extend(loop, *, decided=lambda _: False, cap_s=0.25):
    reports = []
    return loop.extend(decided, cap_s, reports.append), reports


@pytest.mark.parametrize(
    ("latency_ns", "calls"),
    [(10 * MS, [10, 20, 30, 40]), (MS, [10, 110, 210, 310]), (1000, [10, 1010, 2010, 3010])],
)
def test_after_ten_calls_a_block_takes_a_tenth_of_a_second_or_a_thousand_calls(latency_ns, calls):
    loop, _, _ = make_loop([latency_ns])
    _, reports = extend(loop, decided=lambda run: run.calls >= calls[-1], cap_s=60)
    assert [run.calls for run in reports] == calls


def test_a_block_of_slow_calls_is_one_call():
    loop, _, _ = make_loop([S])
    _, reports = extend(loop, decided=lambda run: run.calls >= 13, cap_s=60)
    assert [run.calls for run in reports[-3:]] == [11, 12, 13]


@pytest.mark.parametrize("cap_s", [0.05, 0.25, 0.333])
@pytest.mark.parametrize("latency_ns", [MS // 10, 3 * MS])
def test_the_cap_is_passed_by_one_call_at_most(cap_s, latency_ns):
    loop, _, _ = make_loop([latency_ns])
    run, _ = extend(loop, cap_s=cap_s)
    assert cap_s <= run.duration_s <= cap_s + latency_ns / 1e9 + 1e-9


def test_the_cap_holds_for_the_first_block_too():
    """The warm-up has shown what a call takes."""
    loop, _, _ = make_loop([S])
    run, _ = extend(loop, cap_s=2)
    assert run.duration_s <= 3


def test_something_is_measured_even_under_the_smallest_cap():
    loop, _, _ = make_loop()
    run, _ = extend(loop, cap_s=1e-9)
    assert run.calls > 0


def test_the_reader_is_asked_after_each_block_and_never_of_nothing():
    loop, _, _ = make_loop()
    asked = []
    extend(loop, decided=lambda run: asked.append(run.calls) or run.calls >= 30, cap_s=60)
    assert asked == [10, 20, 30]


def test_a_run_that_is_extended_goes_on_where_it_stopped():
    loop, detector, _ = make_loop([10 * MS, 11 * MS, 12 * MS])
    first, _ = extend(loop, decided=lambda run: run.calls >= 10, cap_s=60)
    second, reports = extend(loop, decided=lambda run: run.calls >= 25, cap_s=60)
    assert reports[0].calls > first.calls
    assert second.calls >= 25
    assert second.latencies_ns[: first.calls].tolist() == first.latencies_ns.tolist()
    assert second.warm_up is first.warm_up
    assert len(detector.images) == second.warm_up.calls + second.calls
    assert 10 <= first.calls < 25


def test_a_decided_run_is_not_measured_again():
    loop, detector, _ = make_loop()
    extend(loop, decided=lambda _: True)
    before = len(detector.images)
    run, reports = extend(loop, decided=lambda _: True)
    assert (len(detector.images), reports, run.calls) == (before, [], 10)


def test_the_cap_counts_what_was_measured_before():
    loop, _, _ = make_loop()
    first, _ = extend(loop, cap_s=0.2)
    second, _ = extend(loop, cap_s=0.2)
    third, _ = extend(loop, cap_s=0.3)
    assert (first.calls, second.calls, third.calls) == (20, 20, 30)


def test_a_run_tells_what_happened():
    loop, detector, clock = make_loop([10 * MS, 20 * MS])
    assert (loop.run.calls, loop.run.duration_s) == (0, 0.0)
    begin = clock.now_ns
    run, _ = extend(loop)
    assert run.latencies_ns.dtype == np.int64
    assert run.latencies_ns.tolist() == [10 * MS, 20 * MS] * (run.calls // 2) + [10 * MS] * (run.calls % 2)
    assert run.duration_s == (clock.now_ns - begin) / 1e9
    assert len(detector.images) == run.warm_up.calls + run.calls
    assert [timing.infer_ns for timing in run.timings] == run.latencies_ns.tolist()
    assert (run.failed, run.warm_up.steady, run.warm_up.first_ns) == (0, True, 10 * MS)


def test_failed_requests_are_infinite_and_have_no_stages():
    loop, _, _ = make_loop([10 * MS] * 4 + [FAILED_NS])
    run, _ = extend(loop, decided=lambda run: run.calls >= 20)
    assert run.latencies_ns[:20].tolist() == ([10 * MS] * 4 + [FAILED_NS]) * 4
    assert (run.failed, len(run.timings)) == (run.calls // 5, run.calls - run.calls // 5)


def test_the_time_of_a_failed_request_counts_against_the_cap():
    loop, _, _ = make_loop([FAILED_NS])
    run, _ = extend(loop, cap_s=0.05)
    assert run.failed == run.calls
    assert 0.05 <= run.duration_s <= 0.051


def test_another_error_ends_the_run():
    def broken(_):
        msg = "driver lost"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="driver lost"):
        time_calls(broken, IMAGES, FakeClock(), cpu=True, pace_ns=0)


def test_equal_seeds_draw_equal_images_and_other_seeds_others():
    drawn = {}
    for key, seed in (("one", 1), ("again", 1), ("two", 2)):
        loop, detector, _ = make_loop(seed=seed)
        extend(loop)
        drawn[key] = detector.images
    assert drawn["one"] == drawn["again"]
    assert drawn["one"] != drawn["two"]


def test_images_are_drawn_with_replacement_from_all():
    loop, detector, _ = make_loop()
    extend(loop, decided=lambda run: run.calls >= 200, cap_s=60)
    assert set(detector.images) == set(IMAGES)
    assert len(set(detector.images[:10])) < 10


def test_a_pace_sleeps_before_each_call_and_is_no_part_of_the_latency():
    loop, _, clock = make_loop([10 * MS], shape=LoadShape(pace_ns=200 * MS))
    warm_up_calls = len(clock.slept_s)
    run, reports = extend(loop, cap_s=1)
    assert set(clock.slept_s) == {0.2}
    assert len(clock.slept_s) == warm_up_calls + run.calls
    assert set(run.latencies_ns.tolist()) == {10 * MS}
    assert run.duration_s == pytest.approx(run.calls * 0.21)
    assert reports[0].calls == 1


def test_back_to_back_never_sleeps():
    loop, _, clock = make_loop()
    extend(loop)
    assert clock.slept_s == []


def test_cpu_time_is_recorded_where_one_thread_does_the_work():
    loop, _, _ = make_loop([10 * MS], cpu_ratio=0.5)
    run, _ = extend(loop)
    assert run.cpu_ns.tolist() == [5 * MS] * run.calls
    assert run.signals.cpu_share == 0.5


def test_cpu_time_is_unknown_where_other_threads_work():
    loop, _, _ = make_loop([10 * MS], one_thread=False)
    run, _ = extend(loop)
    assert (run.cpu_ns, run.signals.cpu_share) == (None, None)


def test_a_model_only_run_calls_with_tensors_and_has_no_stages():
    clock = FakeClock()
    detector = FakeDetector(clock)
    loop = ClosedLoop(detector.run, ["tensor"], LoadShape("model-only"), clock, one_thread=True, seed=0)
    run, _ = extend(loop)
    assert (set(detector.runs), detector.images, run.timings) == ({"tensor"}, [], [])
    assert run.shape == LoadShape("model-only")
