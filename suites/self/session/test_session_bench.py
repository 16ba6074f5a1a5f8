"""A session opens once, measures once and shares; a bench says what it cannot do."""

import hashlib
import json

import numpy as np
import pytest
from fakes import MS, FakeClock, SlimTarget, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.core.matching import IOU_THRESHOLDS
from pytest_rfperf.data.model import ModelSignature
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.errors import DatasetError, ModelError, TargetError, UsageError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.measure import Measure
from pytest_rfperf.session.recorder import case_facts
from pytest_rfperf.session.session import Session

CASE = Case("fast", "cpu", "street")


class Progress:
    """Remembers what was shown."""

    def __init__(self):
        self.shown = []

    def show(self, what):
        self.shown.append(what)

    def done(self):
        self.shown.append("done")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a session on fake targets; its events are in `session.events`."""
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])

    def make(*, kind="fakes:FakeTarget", more="", gate_count=1, **options):
        root = tmp_path / "project"
        write_project(root, kind=kind, more=more)
        session = Session(
            load_settings(root, CommandLine(**options), {}),
            Progress(),
            gate_count=gate_count,
            clock=SlimTarget.clock,
            lock=HostLock(tmp_path),
        )
        session.events, session.shown = SlimTarget.events, session._progress.shown
        return session

    return make


def test_nothing_is_opened_before_it_is_needed(project):
    session = project()
    session.bench(CASE)
    assert (session.events, session.shown) == ([], [])


def test_a_detector_is_opened_once_and_shared(project):
    session = project()
    assert session.bench(CASE).detector is session.bench(Case("fast", "cpu")).detector
    session.bench(Case("accurate", "cpu", "street")).detector.run("tensor")
    assert session.events == ["make cpu", "open fast on cpu", "open accurate on cpu"]


def test_one_case_has_one_bench(project):
    session = project()
    assert session.bench(CASE) is session.bench(Case("fast", "cpu", "street"))
    assert session.bench(CASE) is not session.bench(Case("accurate", "cpu", "street"))


def test_gates_of_one_shape_share_one_run_that_grows(project):
    bench = project().bench(CASE)
    first = make_gate("latency_budget", [50], {}).judge(bench)
    calls = bench.loops[LoadShape()].run.calls
    second = make_gate("latency_budget", [60], {}).judge(bench)
    assert (first.outcome, second.outcome) == (Outcome.PASS, Outcome.PASS)
    assert bench.loops[LoadShape()].run.calls == calls
    make_gate("latency_budget", [50], {"percentile": 99}).judge(bench)
    grown = bench.loops[LoadShape()].run
    assert grown.calls > calls
    assert len(bench.loops) == 1
    assert len(bench.detector.images) == grown.warm_up.calls + grown.calls


def test_another_scope_or_pace_is_another_run(project):
    bench = project().bench(CASE)
    for keywords in ({}, {"scope": "model-only"}, {"pace": "1ms"}):
        make_gate("latency_budget", [50], keywords).judge(bench)
    assert [str(shape) for shape in bench.loops] == ["end-to-end", "model-only", "end-to-end after gaps of 1 ms"]
    assert all(prepared.startswith("tensor of ") for prepared in bench.detector.runs)


def test_all_accuracy_gates_share_one_pass(project):
    bench = project().bench(CASE)
    gates = [
        make_gate("min_map", [0.5], {}),
        make_gate("min_map", [0.5], {"iou": 0.62}),
        make_gate("min_ap", [0.5], {"category": "square", "score_floor": 0.3}),
    ]
    assert [gate.judge(bench).measured for gate in gates] == [1.0, 1.0, 1.0]
    assert len(bench.detector.images) == 2


def test_one_protocol_is_evaluated_once(project):
    bench = project().bench(CASE)
    first = bench.accuracy()
    assert bench.accuracy(score_floor=0.001) is first
    assert bench.accuracy(iou_thresholds=(0.5,)) is first
    assert bench.accuracy(iou_thresholds=(0.62,)) is not first
    assert bench.accuracy(max_detections=10) is not first
    assert bench.accuracy(score_floor=0.3).score_floor == 0.3


def test_a_higher_score_floor_leaves_detections_out(project):
    bench = project().bench(CASE)
    assert make_gate("min_map", [0.5], {"score_floor": 0.95}).judge(bench).measured == 0.0
    assert make_gate("min_map", [0.5], {}).judge(bench).measured == 1.0


def test_cold_starts_are_shared_and_stop_where_they_decide(project):
    session = project()
    bench = session.bench(CASE)
    verdict = make_gate("cold_start_budget", [5], {}).judge(bench)
    count = session.events.count("cold start of fast")
    assert (verdict.outcome, verdict.measured) == (Outcome.PASS, 2.0)
    assert make_gate("cold_start_budget", [1], {}).judge(bench).outcome is Outcome.FAIL
    assert session.events.count("cold start of fast") == count < 20


def test_cold_starts_end_after_four_times_the_cap(project):
    session = project(cap_s="1")
    session.bench(CASE).cold_starts(lambda _: False, 20)
    assert session.events.count("cold start of fast") == 3


def test_memory_is_measured_once_over_twenty_images(project):
    session = project()
    for budget in (99, 101):
        make_gate("memory_budget", [budget], {}).judge(session.bench(CASE))
    assert [event for event in session.events if event.startswith("memory")] == ["memory of fast over 20 images"]


@pytest.mark.parametrize("ask", [lambda b: b.memory(), lambda b: b.cold_starts(lambda _: False, 1)])
def test_a_target_without_fresh_processes_says_so(project, ask):
    with pytest.raises(TargetError, match=r"^target 'cpu' cannot start a detector in a fresh process$"):
        ask(project(kind="fakes:SlimTarget").bench(CASE))


@pytest.mark.parametrize(
    ("case", "ask", "part"),
    [
        (Case(), lambda b: b.artifact, "model"),
        (Case("fast"), lambda b: b.detector, "target"),
        (Case("fast", "cpu"), lambda b: b.accuracy(), "dataset"),
    ],
)
def test_a_part_that_the_test_does_not_have_is_named(project, case, ask, part):
    with pytest.raises(UsageError) as caught:
        ask(project().bench(case))
    assert str(caught.value) == (
        f"this test has no {part}: ask for the fixture `{part}`, or add a marker that needs it"
    )


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (CASE, "fast on cpu/street"),
        (Case("fast", "cpu"), "fast on cpu"),
        (Case("fast"), "fast"),
        (Case(), "this test"),
    ],
)
def test_a_case_is_named_as_messages_name_it(case, name):
    assert str(case) == name


def test_alpha_is_for_each_gate_unless_its_scope_is_the_session(project):
    session = project(gate_count=10)
    assert (session.alpha, session.bench(CASE).alpha, session.bench(CASE).beta) == (0.05, 0.05, 0.05)


def test_alpha_of_a_session_is_divided_and_beta_is_not(project):
    session = project(gate_count=10, alpha_scope="session")
    assert (session.alpha, session.bench(CASE).alpha, session.bench(CASE).beta) == (0.005, 0.005, 0.05)


def test_alpha_of_a_session_without_a_gate_is_whole(project):
    assert project(gate_count=0, alpha_scope="session").alpha == 0.05


def test_a_guess_is_noted_once(project):
    session = project()
    for model in ("fast", "accurate"):
        session.bench(Case(model, "cpu", "street")).accuracy()
    assert session.notes == ["datasets.street: format = 'coco', annotations = 'annotations.json', images = '.'"]


def test_a_guess_that_a_second_target_makes_again_is_not_repeated(project):
    session = project()
    signature = ModelSignature(
        {"images": (1, 3, 64, 64)}, {"output0": (1, 6, 84)}, {"names": "{0: 'square', 1: 'disc'}", "stride": "32"}
    )
    for _ in range(2):
        assert session.model("fast").bind(signature).labels == ("square", "disc")
    assert [note.partition(" (")[0] for note in session.notes].count("models.fast: decoder = 'yolo'") == 1
    assert len(session.notes) == len(set(session.notes))


def test_detectors_are_closed_before_their_targets(project):
    session = project()
    for model in ("fast", "accurate"):
        session.detector(model, "cpu")
    del session.events[:]
    session.close()
    assert session.events == ["close fast on cpu", "close accurate on cpu", "close cpu"]


def test_a_session_that_opened_nothing_closes_nothing(project):
    session = project()
    session.close()
    assert session.events == []


def test_an_environment_is_read_once(project):
    session = project()
    assert session.environment("cpu") is session.environment("cpu")
    assert session.events == ["make cpu", "environment of cpu"]


def test_progress_names_the_case_and_is_taken_away(project):
    session = project()
    make_gate("latency_budget", [50], {}).judge(session.bench(CASE))
    session.bench(CASE).accuracy()
    assert session.shown == [
        "fast on cpu/street: end-to-end: opening and warming up",
        "fast on cpu/street: end-to-end: 10 calls, 0.0 s",
        "fast on cpu/street: end-to-end: 110 calls, 0.1 s",
        "done",
        "fast on cpu/street: accuracy: opening",
        "fast on cpu/street: accuracy: 1/2 images",
        "fast on cpu/street: accuracy: 2/2 images",
        "done",
    ]


def test_the_lock_is_free_and_the_progress_gone_after_an_error(project):
    session = project()
    with pytest.raises(ZeroDivisionError), session.measuring("x"):
        _ = 1 / 0
    with session.measuring("y") as say:
        say("again")
    assert session.shown == ["done", "y: again", "done"]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (
            "onnxruntim",
            UsageError,
            "targets.cpu.kind: rfperf.targets: no 'onnxruntim'; known: .*; did you mean 'onnxruntime'",
        ),
        ("fakes:Missing", UsageError, "cannot be imported"),
    ],
)
def test_an_unknown_kind_of_target_is_answered_in_our_words(project, kind, error, message):
    with pytest.raises(error, match=message):
        project(kind=kind).target("cpu")


def test_a_key_that_the_target_does_not_know_is_named_by_its_path(project):
    more = 'targets.gpu = { kind = "fakes:FakeTarget", latency = 2 }'
    with pytest.raises(UsageError) as caught:
        project(more=more).target("gpu")
    assert str(caught.value) == (
        "rfperf.toml: unknown key 'targets.gpu.latency'; known: latency-ms; did you mean 'latency-ms'?"
    )


def test_a_missing_artefact_names_the_key_to_set(project):
    session = project()
    session.settings.path("fast.onnx").unlink()
    with pytest.raises(ModelError, match=r"fast\.onnx cannot be read .*; set `artifact` of the model"):
        session.model("fast")


def test_a_dataset_of_classes_that_the_model_does_not_know_is_refused(project):
    session = project()
    file = session.settings.path("data/annotations.json")
    content = json.loads(file.read_text())
    content["categories"][0]["name"] = "cat"
    file.write_text(json.dumps(content))
    with pytest.raises(DatasetError) as caught:
        session.bench(CASE).accuracy()
    assert str(caught.value) == (
        "dataset 'street' annotates 'cat', which model 'fast' does not know (it knows 'square', 'disc'); set "
        "models.fast.labels, or datasets.street.rename or ignore-classes"
    )


def test_measure_gives_at_least_the_calls_asked_for_and_shares_the_run(project):
    bench = project().bench(CASE)
    measure = Measure(bench)
    facts = measure.latency(calls=50)
    assert (facts.calls, facts.p50_ms, facts.p95_ms, facts.failed) == (110, 1.0, 1.0, 0)
    assert facts.stages_ms == {"infer": 1.0}
    assert measure.latency(calls=100).calls == 110
    assert measure.latency(calls=10**6, cap_s=0.2).calls in {200, 201}
    assert measure.accuracy().values["AP50"] == 1.0
    with pytest.raises(UsageError, match="scope='tensor'"):
        measure.latency(scope="tensor")


def test_the_facts_of_a_case_carry_its_protocol(project):
    session = project()
    bench = session.bench(CASE)
    Measure(bench).latency()
    Measure(bench).accuracy()
    facts = case_facts(bench, "test_x", [])
    assert (facts.model, facts.size, facts.artifact) == ("fast", "fast", "fast.onnx")
    assert facts.artifact_sha256 == session.model("fast").sha256
    assert facts.environment == {"cpu": "fake"}
    sha256 = session.dataset("street").sha256
    assert facts.latency[0].protocol == {
        "runtime": "fake 1.0",
        "shape": "end-to-end",
        "seed": "0",
        "images": bench.pool_sha256,
    }
    assert len(bench.pool_sha256) == len(sha256)
    assert facts.accuracy.protocol == {
        "runtime": "fake 1.0",
        "dataset": sha256,
        "images": bench.accuracy_run.images_sha256,
        "IoU thresholds": ", ".join(map(repr, IOU_THRESHOLDS)),
        "area ranges": (
            "all 0.0 to 10000000000.0, small 0.0 to 1024.0, medium 1024.0 to 9216.0, large 9216.0 to 10000000000.0"
        ),
        "max detections": "100",
        "score floor": "0.01",
    }
    assert facts.accuracy.model == {"classes": hashlib.sha256(repr(bench.category_of_label).encode()).hexdigest()}
    assert list(facts.accuracy.values) == [
        "AP", "AP50", "AP75", "AP small", "AP medium", "AP large",
        "AR@1", "AR@10", "AR@100", "AR small", "AR medium", "AR large",
    ]  # fmt: skip
    assert (facts.detections, facts.others) == ("", {})


def test_the_facts_of_a_case_carry_cold_start_and_memory(project):
    bench = project().bench(CASE)
    bench.cold_starts(lambda starts: len(starts) == 3, 20)
    bench.memory()
    assert case_facts(bench, "test_x", []).others == {"cold start s": 2.0, "memory MB": 100.0}


def test_an_infinite_measurement_is_null_among_the_facts(project):
    verdict = Verdict(
        gate="latency_budget", outcome=Outcome.FAIL, measured=float("inf"), limit=50, unit="ms", message="m"
    )
    (facts,) = case_facts(project().bench(CASE), "test_x", [verdict]).verdicts
    assert (facts.outcome, facts.measured) == ("FAIL", None)


def test_saved_detections_carry_ids_of_the_dataset_and_every_digit(project, monkeypatch):
    session = project(save_detections="out")
    bench = session.bench(CASE)
    box = np.array([[0.1, 0.2, 0.1 + 1 / 3, 5.7]])
    detect = bench.detector.detect

    def awkward(image):
        detections, timing = detect(image)
        detections.boxes[:] = box
        detections.scores[:] = 0.1 + 0.2
        return detections, timing

    monkeypatch.setattr(bench.detector, "detect", awkward)
    bench.accuracy()
    x, y, right, bottom = box[0].tolist()
    row = {"category_id": 7, "bbox": [x, y, right - x, bottom - y], "score": 0.1 + 0.2}
    assert json.loads(case_facts(bench, "test_x", []).detections) == [row | {"image_id": i} for i in (1, 2)]


def test_the_latency_of_a_fake_target_is_the_one_that_it_was_given(project):
    more = 'targets.slow = { kind = "fakes:FakeTarget", latency-ms = 60 }'
    bench = project(more=more).bench(Case("fast", "slow", "street"))
    verdict = make_gate("latency_budget", [50], {}).judge(bench)
    assert (verdict.outcome, verdict.measured) == (Outcome.FAIL, 60.0)
    assert set(bench.loops[LoadShape()].run.latencies_ns.tolist()) == {60 * MS}
