"""Baselines are written for what passed, and for nothing else."""

import base64
import hashlib
import re

import msgspec
import pytest
from fakes import MS, accuracy_facts, case_facts, latency_facts, latency_run, verdict_facts, write_project

from pytest_rfperf.baselines.recording import FailedTest, Recording, failed_test, record, recording_of
from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import StoreError
from pytest_rfperf.session.facts import ReportFacts
from pytest_rfperf.session.recorder import latency_facts as facts_of_run
from pytest_rfperf.store.baseline import read_baseline
from pytest_rfperf.store.kept_records import MOST_BESIDE

NOW = "2024-05-01T12:00:00+00:00"
ACCEPT = (
    "to take a regression into the baseline all the same: rfperf baselines accept .rfperf/last.json "
    '--despite no_regression --reason "..."'
)
RECORDED = "recorded: fast on cpu/street in baselines/cpu/street/fast.json; review the diff and commit it"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    return load_settings(tmp_path / "project", CommandLine(record=True), {})


def measured(**changes):
    usual = {"latency": [latency_facts(samples="AAAA")], "accuracy": accuracy_facts(), "verdicts": [verdict_facts()]}
    return case_facts(**(usual | changes))


def baseline(settings, place="cpu/street/fast"):
    return read_baseline(settings.path(f"baselines/{place}.json"))


def test_a_case_that_passed_is_recorded_with_all_that_makes_it_comparable(settings):
    assert record([measured(others={"memory MB": 5.0})], settings, [], NOW) == [RECORDED]
    run = baseline(settings).runs[0]
    assert (run.recorded, run.artifact, run.environment) == (NOW, "fast.onnx", {"cpu": "fake"})
    assert (run.latency[0].samples, run.latency[0].protocol) == ("AAAA", {"runtime": "fake 1.0"})
    assert run.accuracy.values == {"AP": 0.5, "AP50": 0.75}
    assert (run.others, run.verdicts) == ({"memory MB": 5.0}, ["latency_budget: p95 12.5 ms"])


def test_the_artefact_is_kept_for_a_later_comparison(settings):
    case = measured()
    record([case], settings, [], NOW)
    kept = cache_folder() / "artifacts" / case.artifact_sha256 / "model.onnx"
    assert kept.read_bytes() == b"fast"


def test_an_artefact_that_changed_meanwhile_is_not_kept_as_the_old_one(settings):
    settings.path("fast.onnx").write_bytes(b"new weights")
    (line,) = record([measured()], settings, [], NOW)
    sha256 = measured().artifact_sha256[:12]
    assert line == (
        f"{RECORDED}. The file that was measured (fast.onnx, sha256 {sha256}) is gone: later runs have only its numbers "
        "to compare with"
    )
    assert not (cache_folder() / "artifacts").exists()


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE"])
def test_a_gate_that_did_not_pass_forbids_recording_and_is_named(settings, outcome):
    case = measured(verdicts=[verdict_facts(), verdict_facts(outcome, gate="min_map")])
    assert record([case], settings, [], NOW) == ["not recorded: fast on cpu/street: min_map did not pass"]
    assert baseline(settings) is None
    assert not cache_folder().exists()


def test_a_test_that_failed_for_another_reason_forbids_recording(settings):
    case = measured(test="t.py::a\nt.py::b")
    failed = [FailedTest("t.py::c", ("", "", "")), FailedTest("t.py::b", ("fast", "cpu", ""))]
    lines = record([case], settings, failed, NOW)
    assert lines == ["not recorded: fast on cpu/street: t.py::b failed"]
    assert baseline(settings) is None


def test_a_failure_elsewhere_does_not_matter(settings):
    failed = [FailedTest("t.py::ab", ("fast", "gpu", "street"))]
    assert record([measured(test="t.py::a")], settings, failed, NOW) == [RECORDED]


@pytest.mark.parametrize(
    "changes",
    [{"target": ""}, {"dataset": ""}, {"latency": [], "accuracy": None}],
    ids=["target", "dataset", "figures"],
)
def test_a_case_without_a_place_or_figures_has_nothing_to_record(settings, changes):
    assert record([measured(**changes)], settings, [], NOW) == []


def test_one_case_that_failed_does_not_keep_another_from_being_recorded(settings):
    cases = [measured(verdicts=[verdict_facts("FAIL")]), measured(dataset="pills", latency=[])]
    assert record(cases, settings, [], NOW) == [
        "not recorded: fast on cpu/street: latency_budget did not pass",
        "recorded: fast on cpu/pills in baselines/cpu/pills/fast.json; review the diff and commit it",
    ]
    assert baseline(settings, "cpu/pills/fast").runs[0].latency == []


def test_the_verdicts_of_two_gates_of_one_marker_are_both_recorded(settings):
    verdicts = [verdict_facts(message="p50 8 ms <= 20 ms"), verdict_facts(message="p95 12 ms <= 50 ms")]
    record([measured(verdicts=verdicts)], settings, [], NOW)
    kept = " ".join(baseline(settings).runs[0].verdicts)
    assert "p50 8 ms" in kept
    assert "p95 12 ms" in kept


def test_a_second_recording_goes_in_front_of_the_first(settings):
    for now in ("one", "two"):
        record([measured()], settings, [], now)
    assert [run.recorded for run in baseline(settings).runs] == ["two", "one"]


def test_a_broken_baseline_is_not_overwritten(settings):
    path = settings.path("baselines/cpu/street/fast.json")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(StoreError, match="is no baseline"):
        record([measured()], settings, [], NOW)
    assert path.read_text() == "{}"


def with_records(content):
    return measured(accuracy=accuracy_facts(records=base64.b64encode(content).decode(), model={"labels": "square"}))


def beside(settings, place="cpu/street"):
    return sorted(path.name for path in settings.path(f"baselines/{place}").iterdir())


def test_match_records_are_kept_beside_the_baseline_that_names_them(settings):
    (line,) = record([with_records(b"records")], settings, [], NOW)
    assert line == RECORDED.replace(";", " and the .records beside it;")
    accuracy, sha256 = baseline(settings).runs[0].accuracy, hashlib.sha256(b"records").hexdigest()
    assert (accuracy.records_sha256, accuracy.model) == (sha256, {"labels": "square"})
    assert beside(settings) == [f"fast.{sha256[:12]}.records", "fast.json"]
    assert settings.path(f"baselines/cpu/street/fast.{sha256[:12]}.records").read_bytes() == b"records"


def test_match_records_that_only_this_machine_has_are_said_to_be(settings):
    (line,) = record([with_records(bytes(MOST_BESIDE + 1))], settings, [], NOW)
    assert line == (
        f"{RECORDED}. Its match records take 2.0 MB and stay in the cache of this machine: no_regression needs them"
    )
    assert beside(settings) == ["fast.json"]


def test_older_runs_stay_as_they_were_recorded(settings):
    """Only the newest run's match records are kept, but what an older run was stays written, under its seal."""
    record([with_records(b"one")], settings, [], NOW)
    (before,) = baseline(settings).runs
    record([with_records(b"two")], settings, [], NOW)
    assert baseline(settings).runs[1] == before
    assert baseline(settings).records_sha256 == hashlib.sha256(b"two").hexdigest()


def test_a_case_without_match_records_names_none(settings):
    record([measured()], settings, [], NOW)
    assert (baseline(settings).runs[0].accuracy.records_sha256, beside(settings)) == ("", ["fast.json"])


def test_a_second_recording_replaces_the_match_records(settings):
    for content in (b"one", b"two"):
        record([with_records(content)], settings, [], NOW)
    assert beside(settings) == [f"fast.{hashlib.sha256(b'two').hexdigest()[:12]}.records", "fast.json"]


def test_a_recording_of_latency_alone_keeps_the_match_records_of_the_run_before(settings):
    record([with_records(b"one")], settings, [], NOW)
    record([measured(accuracy=None)], settings, [], NOW)
    assert beside(settings) == [f"fast.{hashlib.sha256(b'one').hexdigest()[:12]}.records", "fast.json"]


def test_match_records_of_another_model_are_left_alone(settings):
    record([with_records(b"one")], settings, [], NOW)
    other = case_facts(model="accurate", latency=[], accuracy=with_records(b"two").accuracy)
    record([other], settings, [], NOW)
    assert len([name for name in beside(settings) if name.endswith(".records")]) == 2


def test_a_gate_that_only_records_does_not_keep_a_case_from_being_recorded(settings):
    verdicts = [verdict_facts(), verdict_facts("RECORDING", gate="no_regression", message="no baseline yet")]
    assert record([measured(verdicts=verdicts)], settings, [], NOW) == [RECORDED]
    assert baseline(settings).runs[0].verdicts[1] == "no_regression: no baseline yet: RECORDING"


@pytest.mark.parametrize(("outcome", "hint"), [("FAIL", 1), ("INCONCLUSIVE", 1), ("ERROR", 0), ("XFAIL", 1)])
def test_a_regression_is_not_recorded_over_the_baseline(settings, outcome, hint):
    """What can be accepted all the same comes with the command for that."""
    record([with_records(b"good")], settings, [], NOW)
    before = beside(settings)
    worse = with_records(b"bad")
    case = case_facts(accuracy=worse.accuracy, verdicts=[verdict_facts(outcome, gate="no_regression")])
    refused = "not recorded: fast on cpu/street: no_regression did not pass"
    assert record([case], settings, [], NOW) == [refused, *[ACCEPT] * hint]
    assert beside(settings) == before
    assert len(baseline(settings).runs) == 1


def test_a_regression_beside_another_failure_comes_without_the_command_that_accepts(settings):
    verdicts = [verdict_facts("FAIL", gate="no_regression"), verdict_facts("FAIL", gate="min_map")]
    assert record([measured(verdicts=verdicts)], settings, [], NOW)[1:] == []


def test_what_is_only_waived_is_not_recorded(settings):
    case = measured(verdicts=[verdict_facts("WAIVED")])
    assert record([case], settings, [], NOW) == ["not recorded: fast on cpu/street: latency_budget is only waived"]
    assert baseline(settings) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"fault": "bgr"}, "its detectors had the fault 'bgr'"),
        ({"plan": "static"}, "it only planned"),
        ({"plan": "probe"}, "it only planned"),
    ],
)
def test_a_session_with_a_fault_or_only_a_plan_records_nothing(settings, options, why):
    other = load_settings(settings.root, CommandLine(record=True, **options), {})
    assert record([measured()], other, [], NOW) == [f"not recorded: nothing of this session is: {why}"]
    assert recording_of(other, [], NOW) is None
    assert baseline(settings) is None
    assert not cache_folder().exists()


def test_a_run_says_who_recorded_it_in_which_session_and_at_which_commit(settings, monkeypatch):
    monkeypatch.setattr("pytest_rfperf.baselines.recording.person", lambda root: f"who works in {root.name}")
    record([measured()], settings, [], NOW, Recording("20240501T120000-abc123", "0" * 40))
    run = baseline(settings).runs[0]
    assert (run.recorded_by, run.run, run.commit) == ("who works in project", "20240501T120000-abc123", "0" * 40)
    assert (run.despite, run.reason) == ("", "")


def test_a_session_names_itself_by_its_time(settings):
    assert re.fullmatch("20240501T120000-[0-9a-f]{6}", recording_of(settings, [], NOW).run)


@pytest.mark.parametrize(
    ("cpu_ns", "clean_p50_ms"),
    [([10 * MS, 10 * MS, 5 * MS, 5 * MS, 5 * MS], 10.0), (None, None), ([0] * 5, None)],
    ids=["busy", "not observable", "none clean"],
)
def test_the_clean_median_is_that_of_calls_that_had_a_cpu_for_themselves(cpu_ns, clean_p50_ms):
    run = latency_run([10 * MS, 10 * MS, 30 * MS, 30 * MS, 30 * MS], cpu_ns=cpu_ns)
    assert facts_of_run(run, {}).clean_p50_ms == clean_p50_ms


def test_the_clean_median_is_stored(settings):
    record([measured(latency=[latency_facts(clean_p50_ms=9.5)])], settings, [], NOW)
    assert baseline(settings).runs[0].latency[0].clean_p50_ms == 9.5


@pytest.mark.parametrize(
    ("verdicts", "by_gates"),
    [(None, False), ([], False), ([verdict_facts()], False), ([verdict_facts(), verdict_facts("FAIL")], True)],
    ids=["not judged", "no gate", "passed", "failed"],
)
def test_a_test_failed_by_its_gates_is_told_from_one_that_failed_otherwise(verdicts, by_gates):
    facts = "" if verdicts is None else msgspec.json.encode(ReportFacts([case_facts(verdicts=verdicts)])).decode()
    assert failed_test("t.py::a", ["fast", "", ""], facts) == FailedTest("t.py::a", ("fast", "", ""), by_gates)


def test_a_failed_test_of_which_nothing_is_known_keeps_every_case_from_being_recorded(settings):
    """As of one whose worker crashed: it may have been of any case."""
    lines = record([measured(), measured(model="accurate")], settings, [FailedTest("t.py::test_crash", ())], NOW)
    assert lines == [f"not recorded: {name} on cpu/street: t.py::test_crash failed" for name in ("fast", "accurate")]


def test_a_cache_that_cannot_be_written_is_a_warning_and_the_cases_are_recorded(settings, monkeypatch):
    (settings.root / "file").write_bytes(b"")
    monkeypatch.setenv("RFPERF_CACHE", str(settings.root / "file"))
    lines = record([measured(), measured(model="accurate")], settings, [], NOW)
    for line, name in zip(lines, ("fast", "accurate"), strict=True):
        assert line.startswith(f"recorded: {name} on cpu/street")
    assert "is not kept, since " in lines[0]
    assert "cannot be written" in lines[0]
    assert baseline(settings, "cpu/street/accurate") is not None


def test_older_records_that_cannot_be_deleted_are_a_warning(settings, monkeypatch):
    record([with_records(b"one")], settings, [], NOW)

    def refused(self, *, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refused)
    (line,) = record([with_records(b"two")], settings, [], NOW)
    assert line.startswith("recorded: ")
    assert line.endswith(".records cannot be deleted (Permission denied); run rfperf baselines prune later")
