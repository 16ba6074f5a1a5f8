"""What a model is measured against: the configured artefact, the kept copy, numbers alone, or any other file."""

from __future__ import annotations

import hashlib

import pytest
from fakes import MS, FakeClock, SlimTarget, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import StoreError, UndecidedError, UsageError
from pytest_rfperf.gates.gate import StoredNumbers
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.recorder import case_facts, latency_protocol
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.artifacts import keep
from pytest_rfperf.store.baseline import StoredLatency, StoredRun, add_run

CASE = Case("fast", "cpu", "street")
NAMES = ("fast", "cpu", "street")
OLD = hashlib.sha256(b"old").hexdigest()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project on the fake target, with an old artefact beside the new one, and a cache of its own."""
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setattr(SlimTarget, "latencies", {})
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    write_project(root)
    (root / "old.onnx").write_bytes(b"old")
    return root


def bench_of(root, *, more="", **line):
    toml = root / "rfperf.toml"
    toml.write_text(toml.read_text().replace('"fast.onnx"', f'"fast.onnx"\n{more}', 1))
    settings = load_settings(root, CommandLine(**line), {})
    session = Session(settings, Silent(), clock=SlimTarget.clock, lock=HostLock(root))
    return session.bench(CASE)


def record(root, artifact_sha256=OLD, *, p50_ms=10.0, protocol=None, environment=None, recorded="2026-11-01T00:00:00"):
    latency = StoredLatency(
        shape="end-to-end",
        calls=100,
        failed=0,
        p50_ms=p50_ms,
        p95_ms=p50_ms,
        clean_p50_ms=p50_ms,
        protocol=protocol or {},
        samples="",
    )
    run = StoredRun(
        recorded=recorded,
        artifact="old.onnx",
        artifact_sha256=artifact_sha256,
        environment=environment or {"cpu": "fake"},
        verdicts=[],
        latency=[latency],
    )
    add_run(root / "baselines/cpu/street/fast.json", NAMES, run)


def other_of(opponent):
    return opponent.turns.contenders[1].model


def test_the_configured_artefact_is_read_by_the_keys_of_the_model(project):
    bench = bench_of(project, more='baseline = "old.onnx"')
    opponent = bench.opponent("baseline")
    assert (other_of(opponent).name, other_of(opponent).sha256) == ("baseline", OLD)
    assert opponent.said.startswith("old.onnx")
    SlimTarget.latencies.update(fast=[2 * MS], baseline=[MS])
    run = opponent.measure(LoadShape(), lambda run: run.pairs >= 10)
    assert (run.first.latencies_ns[0], run.second.latencies_ns[0]) == (2 * MS, MS)
    assert bench.opponent("baseline") is opponent


def test_fresh_sessions_are_loaded_in_the_other_order_and_closed(project):
    opponent = bench_of(project, more='baseline = "old.onnx"').opponent("baseline")
    opponent.measure(LoadShape(), lambda run: run.pairs >= 10)
    opponent.again(LoadShape(), lambda run: run.pairs >= 10)
    opened = [event for event in SlimTarget.events if event.startswith("open")]
    assert opened == [f"open {name} on cpu" for name in ("fast", "baseline", "baseline", "fast")]
    assert sum(event.startswith("close") for event in SlimTarget.events) == 2
    opponent.turns.close()
    assert sum(event.startswith("close") for event in SlimTarget.events) == 4


def test_without_any_baseline_the_error_names_both_ways_to_one(project):
    with pytest.raises(
        StoreError, match=r"no baseline for fast on cpu/street; run pytest --rfperf-record, or set models"
    ):
        bench_of(project).opponent("baseline")


def test_a_session_that_records_measures_the_model_alone_too(project):
    """By which a later one can judge where the artefact is gone; and without which nothing would be recorded at all."""
    bench = bench_of(project, record=True)
    assert bench.opponent("baseline") is None
    (run,) = case_facts(bench, "test", ()).latency
    assert (run.shape, run.calls >= 200) == ("end-to-end", True)


def test_the_copy_that_recording_kept_is_measured(project):
    record(project)
    keep(project / "old.onnx", OLD)
    opponent = bench_of(project).opponent("baseline")
    assert other_of(opponent).sha256 == OLD
    assert opponent.said == f"the baseline of 2026-11-01 (old.onnx, sha256 {OLD[:12]})"


def test_without_the_copy_the_model_itself_serves_where_it_is_the_recorded_file(project):
    own = hashlib.sha256(b"fast").hexdigest()
    record(project, own)
    assert other_of(bench_of(project).opponent("baseline")).sha256 == own


def test_without_an_artefact_numbers_are_left(project):
    record(project)
    found = bench_of(project).opponent("baseline")
    assert isinstance(found, StoredNumbers)
    assert found.why == (
        f"the artefact of the baseline of 2026-11-01 (old.onnx, sha256 {OLD[:12]}) is not in the cache of this machine; "
        f"set models.fast.baseline to 'git:REF:path', a path or {{url, sha256}}"
    )


def test_another_file_under_the_name_of_the_recorded_one_is_refused_with_both_hashes(project):
    record(project, "1" * 64)
    with pytest.raises(UsageError) as caught:
        bench_of(project, more='baseline = "old.onnx"').opponent("baseline")
    assert str(caught.value).startswith(
        f"the baseline of fast on cpu/street is not comparable: artifact sha256 was 111111111111, now {OLD[:12]} (old.onnx"
    )
    assert str(caught.value).endswith("measure the old artefact again: rfperf baselines refresh")


def test_the_configured_artefact_may_be_any_that_was_recorded(project):
    record(project, OLD)
    record(project, "1" * 64, recorded="2026-11-02T00:00:00")
    assert other_of(bench_of(project, more='baseline = "old.onnx"').opponent("baseline")).sha256 == OLD


def test_any_file_may_be_the_other_side(project):
    opponent = bench_of(project).opponent("old.onnx")
    assert (other_of(opponent).name, opponent.said) == ("old.onnx", f"old.onnx (sha256 {OLD[:12]})")


def test_a_name_that_is_neither_a_model_nor_a_file_is_refused_as_both(project):
    with pytest.raises(
        UsageError, match=r"no model of the name or size 'gone\.onnx'; known: .*; nor is there a file 'gone"
    ):
        bench_of(project).opponent("gone.onnx")


def test_a_model_comes_before_a_file_of_its_name(project):
    (project / "accurate").write_bytes(b"a file")
    assert bench_of(project).opponent("accurate").said == "accurate"


def medians(root, changes, **line):
    """Recorded runs of one protocol, oldest first, each with its changes; then what is comparable."""
    bench = bench_of(root, **line)
    protocol = latency_protocol(bench, LoadShape())
    for rank, change in enumerate(changes):
        record(root, **({"protocol": protocol, "recorded": f"2026-11-{rank + 1:02}T00:00:00"} | change(protocol)))
    return bench.stored_medians(LoadShape())


def test_numbers_of_an_older_artefact_than_the_newest_decide_nothing(project):
    newest = {"p50_ms": 2.0, "artifact_sha256": "1" * 64}
    assert medians(project, [lambda _: {"p50_ms": 1.0}, lambda _: newest]) == (2.0 * MS,)


def test_medians_are_those_of_the_newest_artefact_under_the_same_protocol(project):
    changes = [
        lambda _: {"p50_ms": 1.0},
        lambda _: {"p50_ms": 2.0, "artifact_sha256": "1" * 64},
        lambda _: {"p50_ms": 3.0, "environment": {"cpu": "another"}},
        lambda protocol: {"p50_ms": 4.0, "protocol": protocol | {"runtime": "fake 0.9"}},
        lambda _: {"p50_ms": 5.0},
    ]
    assert medians(project, changes) == (5.0 * MS, 1.0 * MS)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda _: {"environment": {"cpu": "another"}}, "cpu was another, now fake"),
        (
            lambda _: {"environment": {"cpu": "fake", "governor": "powersave"}},
            "governor was powersave, now not recorded",
        ),
        (lambda protocol: {"protocol": protocol | {"runtime": "fake 0.9"}}, "runtime was fake 0.9, now fake 1.0"),
        (lambda protocol: {"protocol": protocol | {"threads": "4"}}, "threads was 4, now not recorded"),
    ],
)
def test_numbers_of_another_protocol_or_environment_stop_with_the_field_and_both_values(project, change, why):
    with pytest.raises(UsageError) as caught:
        medians(project, [change])
    assert str(caught.value) == (
        f"the baseline of fast on cpu/street is not comparable: {why} (baselines/cpu/street/fast.json); undo the change, "
        f"or where it is intended measure the old artefact again: rfperf baselines refresh"
    )


def test_a_spent_suite_cap_measures_nothing_more(project):
    SlimTarget.latencies["fast"] = [10 * MS]
    bench = bench_of(project, suite_cap_s="2")
    run = bench.latency(LoadShape(), lambda _: False)
    assert run.duration_s == pytest.approx(2, abs=0.7)
    assert bench.cap_option == "--rfperf-suite-cap"
    with pytest.raises(
        UndecidedError, match=r"not measured: the suite's cap of 2 s is spent; raise --rfperf-suite-cap"
    ):
        bench.latency(LoadShape("model-only"), lambda _: False)


def test_a_gate_gets_no_more_than_the_suite_has_left(project):
    bench = bench_of(project, suite_cap_s="4", cap_s="3")
    assert bench.cap_option == "--rfperf-cap"
    bench.latency(LoadShape(), lambda _: False)
    assert bench.cap_option == "--rfperf-cap"
    assert bench.latency(LoadShape("model-only"), lambda _: False).duration_s < 1.1
    assert bench.cap_option == "--rfperf-suite-cap"


def test_workers_share_the_suite_cap(project, monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert bench_of(project, suite_cap_s="8").session.left_s == 2
