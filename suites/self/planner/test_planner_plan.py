"""Plans of a session: what each gate would need, from the baseline alone or from a short look."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from fakes import MS, FakeClock, SlimTarget, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.core.regression import least_pairs
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.planner.known import BaselineKnown
from pytest_rfperf.planner.plan import Planner, Selected, asked_words
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.baseline import StoredAccuracy, StoredLatency, StoredRun, add_run, baseline_path
from pytest_rfperf.store.samples import pack

CASE = Case("fast", "cpu", "street")
HASH = "0" * 64
JITTER = (5 * MS * np.exp(0.1 * np.random.default_rng(2).standard_normal(997))).astype(np.int64)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project on the fake target, whose calls take about 5 ms."""
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setattr(SlimTarget, "latencies", {"fast": JITTER.tolist(), "accurate": (2 * JITTER).tolist()})
    write_project(tmp_path / "project")
    return tmp_path / "project"


def planned(project, *gates, probe=False, case=CASE, **command_line):
    """The plan of one test with those gates."""
    settings = load_settings(project, CommandLine(**command_line), {})
    session = Session(settings, Silent(), clock=SlimTarget.clock, lock=HostLock(project)) if probe else None
    made = [part for name, limit, more in gates for part in make_gate(name, limit, more).parts]
    return Planner(settings, settings.run.alpha, session).plan([Selected("test_a.py::test_a", case, made)])


def budget(ms=10, **more):
    return "latency_budget", (ms,), more


def recorded(project, *, images=50, runs=1, **changes):
    """A baseline with raw samples."""
    usual = {
        "recorded": "2024-05-01T12:00:00+00:00",
        "artifact": "fast.onnx",
        "artifact_sha256": HASH,
        "environment": {},
        "verdicts": [],
        "latency": [
            StoredLatency(
                shape="end-to-end",
                calls=len(JITTER),
                failed=0,
                p50_ms=5.0,
                p95_ms=6.0,
                clean_p50_ms=5.0,
                protocol={},
                samples=pack(JITTER),
            )
        ],
        "accuracy": StoredAccuracy(images=images, values={"AP": 0.5}, protocol={}),
        "others": {"cold start s": 0.5},
    }
    path = baseline_path(project / "baselines", "cpu", "street", "fast")
    for _ in range(runs):
        add_run(path, ("fast", "cpu", "street"), StoredRun(**(usual | changes)))


def test_a_static_plan_opens_nothing(project):
    gates = [budget(), ("min_map", (0.5,), {}), ("cold_start_budget", (1,), {}), ("memory_budget", (100,), {})]
    planned(project, *gates, ("latency_ratio", (1.0,), {"against": "accurate"}), ("model_size_budget", (1,), {}))
    assert SlimTarget.events == []


def test_without_a_baseline_calls_are_known_and_seconds_are_not(project):
    (row,) = planned(project, budget()).gates
    assert (row.least, row.unit, row.most, row.never) == (82, "calls", None, False)
    assert [one.needed >= 82 for one in row.margins] == [True, True]
    assert [(one.seconds, one.power) for one in row.margins] == [(None, None), (None, None)]
    assert row.basis == "assumed: log-normal, 10 % spread"
    assert "--rfperf-plan-probe finds out" in row.remark


def test_a_baseline_gives_seconds_and_power_and_the_figure_so_far(project):
    recorded(project)
    (row,) = planned(project, budget(7)).gates
    assert row.basis == "baseline of 2024-05-01, 997 calls"
    assert row.most == pytest.approx(30 / 0.005, rel=0.02)
    assert [one.power for one in row.margins] == [1.0, 1.0]
    assert row.margins[0].seconds == pytest.approx(row.margins[0].needed * JITTER.mean() / 1e9)
    assert row.here.margin == pytest.approx(1 - np.percentile(JITTER, 95) / 7e6, abs=0.01)
    assert row.remark.startswith("p95 so far 5.87 ms, 16% within")
    assert "within the limit: about" in row.remark
    (row,) = planned(project, budget(4)).gates
    assert row.here.margin < 0
    assert "beyond the limit: about" in row.remark


def test_a_probe_opens_each_detector_once_and_measures_about_a_second(project):
    plan = planned(
        project, budget(), budget(percentile=99), ("latency_ratio", (1.0,), {"against": "accurate"}), probe=True
    )
    p95, p99, ratio = plan.gates
    assert SlimTarget.events.count("open fast on cpu") == 2, "once alone, once to take turns"
    assert p95.basis == p99.basis
    calls = int(p95.basis.split()[1])
    assert calls * JITTER.mean() / 1e9 == pytest.approx(1.0, abs=0.15)
    assert ratio.here.margin == pytest.approx(0.5, abs=0.02)
    assert ratio.remark.startswith("median ratio so far 0.5")
    assert plan.mode == "probe"


def test_what_gates_share_is_measured_and_counted_once(project):
    recorded(project)
    alone = planned(project, budget(7)).total[0].seconds
    assert planned(project, budget(7), budget(8, percentile=90)).total[0].seconds == alone
    assert planned(project, budget(7), ("cold_start_budget", (1,), {})).total[0].seconds > alone


@pytest.mark.parametrize(
    ("ms", "cap_s", "suite_cap_s", "remedy"),
    [
        (7, "0.3", None, "raise --rfperf-cap to 0.5"),
        (7, None, "0.3", "raise --rfperf-suite-cap to 0.5"),
    ],
)
def test_what_the_cap_can_never_decide_is_said_with_the_cap_that_can(project, ms, cap_s, suite_cap_s, remedy):
    recorded(project)
    (row,) = planned(project, budget(ms), cap_s=cap_s, suite_cap_s=suite_cap_s).gates
    assert row.never
    assert "a PASS needs at least 82 calls, 0.41" in row.remark
    assert remedy in row.remark


def test_gaps_alone_may_be_longer_than_the_cap(project):
    (row,) = planned(project, budget(percentile=99, pace="200ms")).gates
    assert row.never
    assert row.remark == "a PASS needs at least 417 calls, 83.4 s, and 30 s are left; raise --rfperf-cap to 110 s"


def test_the_suites_cap_goes_to_the_first_gates(project):
    recorded(project)
    first, second = planned(project, budget(7), ("cold_start_budget", (1,), {}), suite_cap_s="3").gates
    assert not first.never
    assert second.never
    assert "raise --rfperf-suite-cap" in second.remark


def test_a_weak_gate_says_what_would_do(project):
    recorded(project)
    (row,) = planned(project, budget(7, percentile=99), cap_s="4").gates
    assert row.margins[0].power < 0.8
    assert "% take about" in row.remark
    assert "raise --rfperf-cap to" in row.remark
    asked_s = float(row.remark.rpartition(" to ")[2].removesuffix(" s"))
    (again,) = planned(project, budget(7, percentile=99), cap_s=str(asked_s)).gates
    assert again.margins[0].power >= 0.7


def test_a_value_takes_all_images_and_no_chance(project):
    recorded(project)
    (row,) = planned(project, ("min_map", (0.5,), {})).gates
    assert (row.least, row.images, row.never) == (50, 50, False)
    assert row.remark == "decided by the value: all 50 images"
    assert row.margins[0].power is None
    assert row.margins[0].seconds == pytest.approx(50 * JITTER.mean() / 1e9)


def test_too_few_images_never_decide(project):
    recorded(project, images=4)
    (row,) = planned(project, ("min_map", (0.5,), {"certainty": 0.95})).gates
    assert row.never
    assert row.remark == "4 images are too few for limits, whatever is on them; 10 are the least"
    (row,) = planned(project, ("min_map", (0.5,), {})).gates
    assert not row.never


def test_a_probe_counts_the_images_itself(project):
    (row,) = planned(project, ("min_map", (0.5,), {"certainty": 0.95}), probe=True).gates
    assert (row.never, row.images) == (True, 2)


def test_a_missing_baseline_is_never_decided_unless_this_run_records_it(project):
    gates = ("no_regression", (), {"latency": 0.025, "map": 0.01})
    latency, accuracy = planned(project, gates).gates
    assert (latency.gate, accuracy.gate) == ("no_regression.latency", "no_regression.map")
    for row in (latency, accuracy):
        assert row.never
        assert "baselines/cpu/street/fast.json" in row.remark or "no baseline with match records" in row.remark
        assert "pytest --rfperf-record" in row.remark
    for row in planned(project, gates, record=True).gates:
        assert not row.never
        assert "recording" in row.remark


def test_the_same_detections_take_a_pass_over_all_images_and_a_baseline(project):
    gate = ("same_detections", (), {"as_": "baseline"})
    (row,) = planned(project, gate).gates
    assert row.never
    assert row.remark == f"no baseline with match records for {CASE}; run pytest --rfperf-record"
    (row,) = planned(project, gate, record=True).gates
    assert (row.never, row.remark) == (False, "recording: this run becomes the baseline")
    recorded(project, accuracy=StoredAccuracy(images=4, values={"AP": 0.5}, protocol={}, records_sha256=HASH))
    plan = planned(project, gate, ("min_map", (0.5,), {}))
    assert (plan.gates[0].never, plan.gates[0].unit, plan.gates[0].images) == (False, "images", 4)
    assert plan.gates[0].remark == "decided by the value: all 4 images"
    assert plan.total[0].seconds == pytest.approx(4 * JITTER.mean() / 1e9), "one pass for both"


def test_gates_that_can_never_be_decided_are_no_measurements_of_unknown_length(project):
    never = budget(percentile=99, pace="200ms")
    assert planned(project, never, ("no_regression", (), {"map": 0.01})).unknown == 0
    assert planned(project, never, budget()).unknown == 1


def test_an_old_artefact_that_is_not_here_leaves_numbers(project):
    recorded(project)
    (row,) = planned(project, ("no_regression", (), {"latency": 0.025})).gates
    assert not row.never
    assert "numbers alone decide, from 5 recorded runs on (there are 1); set models.fast.baseline" in row.remark


def test_a_configured_artefact_is_measured_in_turns(project):
    text = (project / "rfperf.toml").read_text().replace('"fast.onnx"', '"fast.onnx"\nbaseline = "git:main:fast.onnx"')
    (project / "rfperf.toml").write_text(text)
    recorded(project)
    (row,) = planned(project, ("no_regression", (), {"latency": 0.025})).gates
    assert (row.unit, row.remark, row.least) == ("pairs", "", 6)
    assert row.most == pytest.approx(30 / 0.01, rel=0.02)


def test_an_unknown_opponent_is_named_and_costs_no_other_row(project):
    first, second = planned(project, ("latency_ratio", (1.0,), {"against": "huge"}), budget()).gates
    assert first.never
    assert "no model of the name or size 'huge'" in first.remark
    assert not second.never


def test_tails_in_turns_need_the_pairs_that_tell(project):
    recorded(project)
    median, tail = planned(
        project,
        ("latency_ratio", (1.05,), {"against": "accurate"}),
        ("latency_ratio", (1.05,), {"against": "accurate", "percentile": 99}),
    ).gates
    assert tail.least == least_pairs(99, 0.05) > 1500
    assert median.least == least_pairs(50, 0.05)


def test_starts_are_six_to_twenty(project):
    recorded(project)
    (row,) = planned(project, ("cold_start_budget", (1,), {})).gates
    assert (row.least, row.most, row.unit, row.cap_s) == (6, 20, "starts", 120.0)
    assert row.margins[1].seconds == pytest.approx(6 * 0.5)
    (row,) = planned(project, ("cold_start_budget", (1,), {}), cap_s="0.5").gates
    assert row.never
    assert "raise --rfperf-cap" in row.remark


def test_rounds_of_a_benchmark_are_the_bodys(project):
    settings = load_settings(project, CommandLine(), {})
    one = Selected("test_a.py::test_a", Case(), [make_gate("latency_budget", (5,), {})], by_benchmark=True)
    (row,) = Planner(settings, 0.05).plan([one]).gates
    assert not row.never
    assert "judges the rounds that the body makes" in row.remark


def test_a_damaged_baseline_is_a_note_and_no_end(project):
    path = baseline_path(project / "baselines", "cpu", "street", "fast")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    plan = planned(project, budget())
    assert not plan.gates[0].never
    assert "is no baseline" in plan.notes[0]


def test_a_plan_survives_its_own_json(project):
    plan = planned(project, budget())
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


def test_gates_are_named_as_they_were_written():
    gate = make_gate("latency_budget", (5,), {"percentile": 99, "scope": "end-to-end"})
    assert asked_words(gate) == "latency_budget(ms=5, percentile=99)"


def test_images_of_a_generated_task_are_those_that_its_keys_ask_for(tmp_path):
    settings = load_settings(tmp_path, CommandLine(), {})
    assert BaselineKnown(settings, Case("fast", "cpu", "pieces")).images == 100
