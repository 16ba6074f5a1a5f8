"""Two models on one target and dataset: each thing measured once, shared by gates and tests."""

from __future__ import annotations

import msgspec
import pytest
from fakes import MS, FakeClock, S, SlimTarget, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.compare import Compare
from pytest_rfperf.session.facts import Case, ReportFacts
from pytest_rfperf.session.recorder import case_facts, comparison_facts
from pytest_rfperf.session.session import Session
from pytest_rfperf.session.training import training_s

CASE = Case("fast", "cpu", "street")


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session on the fake target."""
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setattr(SlimTarget, "latencies", {})
    write_project(tmp_path / "project")
    settings = load_settings(tmp_path / "project", CommandLine(), {})
    return Session(settings, Silent(), clock=SlimTarget.clock, lock=HostLock(tmp_path))


def after(pairs):
    return lambda run: run.pairs >= pairs


def turns(session, against, case=CASE):
    return session.bench(case).opponent(against).measure(LoadShape(), after(10))


def test_the_smaller_model_comes_first_whoever_asks(session):
    pair = session.pair(CASE, "accurate")
    assert [bench.case.model for bench in pair.sides] == ["fast", "accurate"]
    assert session.pair(Case("accurate", "cpu", "street"), "fast") is pair
    assert session.pairs_with(CASE) == [pair]
    assert session.pairs_with(Case("fast", "cpu", "lane")) == []


def test_a_bench_hears_of_its_own_side_first(session):
    SlimTarget.latencies.update(fast=[MS], accurate=[4 * MS])
    own = turns(session, "accurate")
    back = turns(session, "fast", Case("accurate", "cpu", "street"))
    assert (own.first.latencies_ns[0], own.second.latencies_ns[0]) == (MS, 4 * MS)
    assert (back.first.latencies_ns[0], back.second.latencies_ns[0]) == (4 * MS, MS)
    assert own.pairs == back.pairs


def test_no_model_is_compared_with_itself(session):
    with pytest.raises(UsageError, match=r"'fast' cannot be compared with itself; .* @sizes"):
        session.bench(CASE).opponent("fast")


def test_an_unknown_model_is_named_with_those_there_are(session):
    with pytest.raises(UsageError, match="no model of the name or size 'huge'; known: fast, accurate"):
        session.bench(CASE).opponent("huge")


def test_compare_takes_the_smallest_and_the_largest_unless_told(session):
    compare = Compare(session, Case(None, "cpu", "street"))
    compare()
    compare("fast", "accurate")
    assert [[bench.case.model for bench in pair.sides] for pair in compare.made] == [["fast", "accurate"]]
    with pytest.raises(UsageError, match="comparing takes two models; configured: fast, accurate"):
        compare("fast", "fast")
    with pytest.raises(UsageError, match="scope='whole': known: end-to-end, model-only"):
        compare().slow_down(scope="whole")


def test_a_slow_down_is_measured_once_and_shown_with_its_pairs(session):
    SlimTarget.latencies.update(fast=[2 * MS], accurate=[5 * MS])
    sizes = Compare(session, Case(None, "cpu", "street"))()
    estimate = sizes.slow_down()
    assert (estimate.value, estimate.low, estimate.high) == (2.5, 2.5, 2.5)
    spent_ns = SlimTarget.clock.now_ns
    assert sizes.slow_down() == estimate
    assert SlimTarget.clock.now_ns == spent_ns
    facts = comparison_facts(sizes._bench)
    assert facts.slow_downs["end-to-end"].value == 2.5
    assert facts.pairs["end-to-end"] >= 50
    assert (facts.small_ms["end-to-end p50"].value, facts.large_ms["end-to-end p95"].value) == (2.0, 5.0)


def test_a_gain_is_resampled_over_the_images_of_the_dataset(session):
    sizes = Compare(session, Case(None, "cpu", "street"))()
    gain = sizes.gain(iou=0.5)
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)
    facts = comparison_facts(sizes._bench)
    assert (facts.images, list(facts.gains), facts.small_ap == facts.large_ap) == (2, ["AP50"], True)
    assert sizes.ap(iou=0.5) == (facts.small_ap["AP50"], facts.large_ap["AP50"])


def test_what_was_measured_in_turns_is_told_apart_from_runs_of_one_model(session):
    turns(session, "accurate")
    facts = case_facts(session.bench(CASE), "test", ())
    assert [run.shape for run in facts.latency] == ["end-to-end, in turns with accurate"]


def test_turns_end_at_the_cap(session):
    SlimTarget.latencies.update(fast=[S], accurate=[S])
    run = session.bench(CASE).opponent("accurate").measure(LoadShape(), lambda _: False)
    assert 30 <= run.duration_s <= 33


@pytest.mark.parametrize(("more", "expected"), [("training-s = 12.5", 12.5), ("", None)])
def test_training_seconds_come_from_the_configuration_or_the_file(tmp_path, more, expected):
    write_project(tmp_path / "project")
    path = tmp_path / "project" / "rfperf.toml"
    path.write_text(path.read_text().replace('"fast.onnx"', f'"fast.onnx"\n{more}'))
    settings = load_settings(tmp_path / "project", CommandLine(), {})
    if expected:
        assert training_s("fast", settings) == expected
    else:
        with pytest.raises(Exception, match=r"fast.onnx is no ONNX model"):
            training_s("fast", settings)


def test_calls_most_of_which_failed_are_no_slow_down_and_facts_survive_json(session):
    SlimTarget.latencies.update(accurate=[MS, FAILED_NS, FAILED_NS], fast=[MS])
    verdict = make_gate("latency_ratio", [2], {"against": "accurate"}).judge(session.bench(CASE))
    back = make_gate("latency_ratio", [2], {"against": "fast"}).judge(session.bench(Case("accurate", "cpu", "street")))
    assert (back.outcome, back.measured) == (Outcome.FAIL, None)
    (pair,) = session.pairs_with(CASE)
    facts = ReportFacts([case_facts(session.bench(CASE), "test", [verdict, back])], [comparison_facts(pair)])
    assert facts.comparisons[0].slow_downs == {}
    assert msgspec.json.decode(msgspec.json.encode(facts), type=ReportFacts) == facts


def test_turns_are_comparable_only_beside_the_same_other_file(session):
    turns(session, "accurate")
    (run,) = case_facts(session.bench(CASE), "test", ()).latency
    assert run.protocol["in turns with"] == session.model("accurate").sha256
