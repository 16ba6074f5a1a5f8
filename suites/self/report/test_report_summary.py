"""A session in lines."""

import msgspec
import pytest
from fakes import accuracy_facts, case_facts, latency_facts, verdict_facts

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.report.summary import markdown_lines, summarise, terminal_lines


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path, CommandLine(), {})


def with_run(settings, **changes):
    return msgspec.structs.replace(settings, run=msgspec.structs.replace(settings.run, **changes))


BOUND = "chance that a gate on times passes or fails wrongly: at most 5.0%; that any of these 2 fails wrongly: at most 10.0%"
CASES = [
    case_facts(
        latency=[latency_facts()],
        accuracy=accuracy_facts(),
        verdicts=[
            verdict_facts("PASS"),
            verdict_facts("FAIL", message="p99 61 ms > 50 ms"),
            verdict_facts("INCONCLUSIVE", gate="min_map", unit="", message="AP undefined for 'a|b'"),
        ],
        notes=["decoder = 'yolo' (names)"],
    )
]


def test_the_terminal_shows_the_table_every_verdict_worst_first_the_notes_and_the_bound(settings):
    assert terminal_lines(summarise(CASES, settings)) == [
        "model  target  dataset     AP   AP50  p50 ms  p95 ms  images  calls  verdict",
        "fast   cpu     street   0.500  0.750      10    12.5      50    400  FAIL",
        "FAIL: latency_budget: p99 61 ms > 50 ms",
        "INCONCLUSIVE: min_map: AP undefined for 'a|b'",
        "PASS: latency_budget: p95 12.5 ms",
        "note: decoder = 'yolo' (names)",
        BOUND,
    ]


def test_a_job_summary_shows_every_verdict_with_text_from_outside_escaped(settings):
    assert markdown_lines(summarise(CASES, settings)) == [
        "## rfperf",
        "",
        "| model | target | dataset | AP | AP50 | p50 ms | p95 ms | images | calls | verdict |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        "| fast | cpu | street | 0.500 | 0.750 | 10 | 12.5 | 50 | 400 | FAIL |",
        "",
        "- :white_check_mark: **PASS** latency_budget: p95 12.5 ms",
        r"- :x: **FAIL** latency_budget: p99 61 ms \> 50 ms",
        r"- :grey_question: **INCONCLUSIVE** min_map: AP undefined for 'a\|b'",
        "- decoder = 'yolo' (names)",
        "",
        BOUND,
    ]


def test_without_a_gate_on_times_there_is_no_error_bound(settings):
    facts = [case_facts(verdicts=[verdict_facts(gate="min_map"), verdict_facts(gate="training_ratio")])]
    assert summarise(facts, settings).bound == ""
    assert terminal_lines(summarise(facts, settings))[-1].startswith("PASS: ")


def test_the_bound_of_many_gates_is_one_at_most(settings):
    facts = [case_facts(verdicts=[verdict_facts()] * 30)]
    assert summarise(facts, settings).bound.endswith("that any of these 30 fails wrongly: at most 100.0%")


def test_the_bound_of_a_session_is_its_alpha(settings):
    shared = with_run(settings, alpha_scope="session", alpha=0.02)
    assert summarise(CASES, shared).bound == (
        "chance that any gate on times of this session fails wrongly: at most 2.0%"
    )


def test_notes_are_said_once_for_all_cases(settings):
    facts = [case_facts(notes=["a", "b"]), case_facts(model="accurate", notes=["b", "c"])]
    assert summarise(facts, settings).notes == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("case", "remark"),
    [
        (
            case_facts(latency=[latency_facts(failed=3)]),
            "fast on cpu/street: 3 of 400 requests failed; successes alone: p95 12.5 ms",
        ),
        (
            case_facts(latency=[latency_facts(warm_up_steady=False, warm_up_calls=50)]),
            "fast on cpu/street: end-to-end: not steady after 50 warm-up calls",
        ),
        (
            case_facts(accuracy=accuracy_facts(outside_classes=7)),
            "fast on cpu/street: 7 detections of classes that the dataset does not annotate took no part",
        ),
    ],
)
def test_what_a_reader_of_the_figures_must_know_is_remarked(settings, case, remark):
    assert summarise([case], settings).notes == [remark]


def test_a_run_of_which_every_request_failed_is_remarked(settings):
    failed = latency_facts(failed=400, p50_ms=None, p95_ms=None, successes_p95_ms=None)
    assert any(
        "400 of 400 requests failed" in note for note in summarise([case_facts(latency=[failed])], settings).notes
    )


def test_a_usual_case_needs_no_remark(settings):
    assert summarise([case_facts(latency=[latency_facts()], accuracy=accuracy_facts())], settings).notes == []
