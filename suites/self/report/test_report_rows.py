"""Rows: merged from tests, with the change since the baseline where that is comparable."""

import hashlib

import msgspec
import pytest
from fakes import accuracy_facts, case_facts, latency_facts, verdict_facts

from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.rows import incomparable, main_run, merged, row_of, stored_run
from pytest_rfperf.session.facts import PictureFacts
from pytest_rfperf.store.baseline import StoredAccuracy, StoredLatency, StoredRun, add_run, baseline_path


def stored(*, environment=None, protocol=None, accuracy_protocol=None, shape="end-to-end", values=None, sha256=None):
    return StoredRun(
        recorded="2024-05-01T12:00:00+00:00",
        artifact="fast.onnx",
        artifact_sha256=sha256 or FULL.artifact_sha256,
        environment=environment or {"cpu": "fake"},
        verdicts=[],
        latency=[
            StoredLatency(
                shape=shape,
                calls=100,
                failed=0,
                p50_ms=8.0,
                p95_ms=25.0,
                protocol=protocol or {"runtime": "fake 1.0"},
                samples="",
            )
        ],
        accuracy=StoredAccuracy(
            images=50,
            values=values or {"AP": 0.51, "AP50": 0.75},
            protocol=accuracy_protocol or {"score floor": "0.01"},
        ),
    )


def cells(case, run=None):
    row = row_of(case, run)
    return row.ap, row.ap50, row.p50_ms, row.p95_ms, row.images, row.calls


FULL = case_facts(latency=[latency_facts()], accuracy=accuracy_facts())


def test_figures_stand_alone_without_a_baseline():
    assert cells(FULL) == ("0.500", "0.750", "10", "12.5", "50", "400")


def test_a_baseline_of_another_file_is_said_to_be_one():
    sha256 = hashlib.sha256(b"old").hexdigest()
    (line,) = incomparable(FULL, stored(sha256=sha256))
    assert line.startswith("fast on cpu/street: the baseline of 2024-05-01T12:00:00+00:00 is that of another file")
    assert line.endswith(f"(fast.onnx, sha256 {sha256[:12]})")


def test_figures_show_their_change_where_protocols_and_environments_are_equal():
    assert cells(FULL, stored()) == (
        "0.500 (-0.010)",
        "0.750 (+0.000)",
        "10 (+25.0%)",
        "12.5 (-50.0%)",
        "50",
        "400",
    )
    assert incomparable(FULL, stored()) == []


PLACE = "fast on cpu/street"


@pytest.mark.parametrize(
    ("changes", "shown", "line"),
    [
        (
            {"protocol": {"runtime": "fake 0.9"}},
            ("0.500 (-0.010)", "0.750 (+0.000)", "10", "12.5", "50", "400"),
            f"{PLACE}: latency is not compared with the baseline: runtime was fake 0.9, now fake 1.0",
        ),
        (
            {"environment": {"cpu": "other"}},
            ("0.500 (-0.010)", "0.750 (+0.000)", "10", "12.5", "50", "400"),
            f"{PLACE}: latency is not compared with the baseline: cpu was other, now fake",
        ),
        (
            {"accuracy_protocol": {"score floor": "0.05"}},
            ("0.500", "0.750", "10 (+25.0%)", "12.5 (-50.0%)", "50", "400"),
            f"{PLACE}: AP is not compared with the baseline: score floor was 0.05, now 0.01",
        ),
    ],
)
def test_figures_of_other_protocols_stand_alone_and_the_field_is_named(changes, shown, line):
    assert cells(FULL, stored(**changes)) == shown
    assert incomparable(FULL, stored(**changes)) == [line]


def test_a_shape_that_was_never_recorded_is_compared_with_nothing():
    assert cells(FULL, stored(shape="model-only"))[2:4] == ("10", "12.5")
    assert incomparable(FULL, stored(shape="model-only")) == []


def test_undefined_values_have_no_change():
    undefined = case_facts(accuracy=accuracy_facts(values={"AP": -1.0, "AP50": 0.5}))
    assert cells(undefined, stored(values={"AP": 0.5, "AP50": -1.0}))[:2] == ("-", "0.500")


def test_a_percentile_of_failed_requests_is_infinite():
    failed = case_facts(latency=[latency_facts(p50_ms=None, p95_ms=None)])
    assert cells(failed, stored())[2:4] == ("inf", "inf")


def test_long_times_are_shown_without_decimals():
    slow = case_facts(latency=[latency_facts(p50_ms=123.4, p95_ms=1234.5)])
    assert cells(slow)[2:4] == ("123", "1234")


def test_nothing_measured_is_an_empty_cell_and_no_gate_no_verdict():
    row = row_of(case_facts(), stored())
    assert cells(case_facts(), stored()) == ("",) * 6
    assert row.verdict == "no gate"


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [
        (["PASS"], "PASS"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "FAIL", "PASS"], "FAIL"),
    ],
)
def test_the_worst_verdict_is_shown(outcomes, shown):
    assert row_of(case_facts(verdicts=[verdict_facts(o) for o in outcomes]), None).verdict == shown


def test_the_usual_shape_is_shown_before_others():
    paced, usual = latency_facts(shape="end-to-end every 200 ms"), latency_facts()
    assert main_run(case_facts(latency=[paced, usual])) is usual
    assert main_run(case_facts(latency=[paced])) is paced
    assert main_run(case_facts()) is None


def test_tests_of_one_case_become_one_row_and_other_cases_keep_theirs():
    first = case_facts(
        test="a",
        latency=[latency_facts(calls=100)],
        accuracy=accuracy_facts(),
        verdicts=[verdict_facts("PASS")],
        notes=["one", "two"],
        others={"memory MB": 1.0},
        detections="[]",
    )
    second = case_facts(
        test="b",
        latency=[latency_facts(calls=50), latency_facts(shape="model-only")],
        verdicts=[verdict_facts("FAIL")],
        notes=["two", "three"],
        others={"cold start s": 2.0},
        environment={},
    )
    elsewhere = [case_facts(model="accurate"), case_facts(target="gpu"), case_facts(dataset="pills")]
    cases = merged([first, elsewhere[0], second, *elsewhere[1:]])
    assert cases[1:] == elsewhere
    assert cases[0].test == "a\nb"
    assert [(run.shape, run.calls) for run in cases[0].latency] == [("end-to-end", 100), ("model-only", 400)]
    assert cases[0].accuracy == first.accuracy
    assert [verdict.outcome for verdict in cases[0].verdicts] == ["PASS", "FAIL"]
    assert cases[0].notes == ["one", "two", "three"]
    assert cases[0].others == {"memory MB": 1.0, "cold start s": 2.0}
    assert (cases[0].environment, cases[0].detections) == ({"cpu": "fake"}, "[]")


def test_the_longer_run_of_a_shape_wins_in_either_order():
    long, short = (case_facts(latency=[latency_facts(calls=n)]) for n in (200, 100))
    assert merged([long, short])[0].latency[0].calls == 200
    assert merged([short, long])[0].latency[0].calls == 200


def test_the_latest_recorded_run_is_the_one_to_compare_with(tmp_path):
    path = baseline_path(tmp_path, "cpu", "street", "fast")
    assert stored_run(FULL, tmp_path) is None
    for runtime in ("old", "new"):
        add_run(path, ("fast", "cpu", "street"), stored(protocol={"runtime": runtime}))
    assert stored_run(FULL, tmp_path).latency[0].protocol == {"runtime": "new"}


def test_a_case_without_a_target_or_a_dataset_has_no_baseline(tmp_path):
    assert stored_run(case_facts(target=""), tmp_path) is None
    assert stored_run(case_facts(dataset=""), tmp_path) is None


def test_a_broken_baseline_is_an_error_and_not_ignored(tmp_path):
    path = baseline_path(tmp_path, "cpu", "street", "fast")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(StoreError, match="is no baseline"):
        stored_run(FULL, tmp_path)


def drawn(image, caption="c"):
    return PictureFacts(name=image, image=image, caption=caption, truth=[], now=[], before=None)


def test_an_image_that_two_tests_lost_is_drawn_once():
    (case,) = merged(
        [case_facts(pictures=[drawn("a"), drawn("b")]), case_facts(pictures=[drawn("b", "again"), drawn("c")])]
    )
    assert [(one.image, one.caption) for one in case.pictures] == [("a", "c"), ("b", "again"), ("c", "c")]


def test_of_an_image_that_two_gates_lost_the_picture_with_the_baseline_stays():
    plain, with_baseline = drawn("a"), msgspec.structs.replace(drawn("a", "both"), before=[])
    for order in ([plain, with_baseline], [with_baseline, plain]):
        (case,) = merged([case_facts(pictures=[one]) for one in order])
        assert [one.caption for one in case.pictures] == ["both"]


def test_the_same_file_prepared_or_read_otherwise_is_not_compared():
    case = case_facts(accuracy=accuracy_facts(model={"decode.nms-iou": "0.6"}))
    before = stored()
    before = msgspec.structs.replace(
        before, accuracy=msgspec.structs.replace(before.accuracy, model={"decode.nms-iou": "0.7"})
    )
    assert cells(case, before)[:2] == ("0.500", "0.750")
    (line,) = incomparable(case, before)
    assert line == "fast on cpu/street: AP is not compared with the baseline: decode.nms-iou was 0.7, now 0.6"


def test_another_file_may_be_prepared_and_read_otherwise():
    case = case_facts(accuracy=accuracy_facts(model={"decode.nms-iou": "0.6"}))
    other = stored(sha256=hashlib.sha256(b"old").hexdigest())
    assert cells(case, other)[:2] == ("0.500 (-0.010)", "0.750 (+0.000)")
