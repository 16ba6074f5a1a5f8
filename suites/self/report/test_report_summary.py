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


EXPLAINED = case_facts(
    verdicts=[
        verdict_facts("RECORDING", gate="no_regression", message="no baseline yet"),
        verdict_facts("FAIL", gate="min_map", message="AP 0.1 < 0.5", details=["classes: a|b", "images: <1>.jpg"]),
        verdict_facts("PASS"),
    ]
)


def test_what_explains_a_fail_stands_below_it(settings):
    assert terminal_lines(summarise([EXPLAINED], settings))[2:7] == [
        "FAIL: min_map: AP 0.1 < 0.5",
        "  classes: a|b",
        "  images: <1>.jpg",
        "RECORDING: no_regression: no baseline yet",
        "PASS: latency_budget: p95 12.5 ms",
    ]


def test_what_explains_a_fail_is_listed_below_it_in_a_job_summary(settings):
    lines = markdown_lines(summarise([EXPLAINED], settings))
    place = next(i for i, line in enumerate(lines) if line.startswith("- :x: "))
    assert lines[place : place + 3] == [
        r"- :x: **FAIL** min_map: AP 0.1 \< 0.5",
        r"  - classes: a\|b",
        r"  - images: \<1\>.jpg",
    ]
    assert "- :red_circle: **RECORDING** no_regression: no baseline yet" in lines


def test_two_cases_that_fail_alike_keep_each_its_own_explanation(settings):
    """Lines that are equal are shown once; below another verdict the same image may be named again."""
    cases = [
        case_facts(model=model, verdicts=[verdict_facts("FAIL", message=f"{model} lost", details=["images: 1.jpg"])])
        for model in ("fast", "accurate")
    ]
    for lines in (terminal_lines(summarise(cases, settings)), markdown_lines(summarise(cases, settings))):
        assert sum("images: 1.jpg" in line for line in lines) == 2


def test_recording_weighs_less_than_a_doubt_and_more_than_a_pass(settings):
    def shown(*outcomes):
        (row,) = summarise([case_facts(verdicts=[verdict_facts(one) for one in outcomes])], settings).rows
        return row.verdict

    assert shown("PASS", "RECORDING") == "RECORDING"
    assert shown("RECORDING", "INCONCLUSIVE") == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("tiers", "line"), [(["c", "c"], "c tier"), (["numpy", "c"], "c and numpy tier"), ([""], None)]
)
def test_the_tier_that_gave_the_accuracies_is_named(settings, tiers, line):
    cases = [case_facts(model=str(i), accuracy=accuracy_facts(core=core)) for i, core in enumerate(tiers)]
    for lines in (terminal_lines(summarise(cases, settings)), markdown_lines(summarise(cases, settings))):
        said = [one for one in lines if "metric core" in one]
        assert said == ([f"accuracy by the metric core's {line}"] if line else [])
