"""Two models side by side: tables, bars, advice, golden."""

from __future__ import annotations

import math

import msgspec
from fakes import accuracy_facts, case_facts, latency_facts
from fakes import comparison_facts as comparison

from pytest_rfperf.report.comparison import (
    accuracy_grid,
    advice_lines,
    bars,
    comparison_lines,
    comparison_markdown,
    estimate,
    latest,
    sides_of,
    speed_grid,
)
from pytest_rfperf.session.facts import ComparisonFacts, EstimateFacts

END, ALONE = "end-to-end", "model-only"


def case(model, predictions, postprocess_ms):
    return case_facts(
        model=model,
        dataset="bees",
        accuracy=accuracy_facts(predictions_per_image=predictions, objects_per_image=37.25),
        latency=[
            latency_facts(shape=f"{END}, in turns with other", stages_ms={"postprocess": postprocess_ms}, p95_ms=2.5)
        ],
    )


def test_all_tables_bars_and_advice_in_lines():
    lines = comparison_lines([comparison()], [case("accurate", 52.5, 0.61), case("fast", 41, 0.4)])
    assert lines == [
        "",
        "Accuracy",
        "target  dataset  fast AP50     AP  accurate AP50     AP  difference of AP50 in points (95 % interval)  images",
        "cpu     bees         0.640  0.200          0.860  0.350                        +22.0 (+20.0 to +24.0)     100",
        "",
        "Speed, measured in turns",
        "target  dataset  scope       fast p50 ms  p95  accurate p50 ms  p95     accurate takes (95 % interval)  pairs",
        "cpu     bees     end-to-end            2  2.5                4    5  2.00 times (1.90 to 2.10) as long    300",
        "cpu     bees     model-only                                          3.00 times (2.90 to 3.10) as long    200",
        "",
        "Objects and predictions an image, and what post-processing takes (median)",
        "model     target  dataset  objects  predictions  post-processing ms  end-to-end p95 ms",
        "fast      cpu     bees        37.2         41.0                0.40               2.50",
        "accurate  cpu     bees        37.2         52.5                0.61               2.50",
        "",
        "Service time of accurate where fast takes 1 (median over datasets)",
        "cpu end-to-end  #################### 2.00",
        "cpu model-only  ############################## 3.00",
        "",
        "Advice (goal accuracy; a difference below 2 points decides nothing)",
        "bees on cpu: take accurate: its whole interval lies above zero (accurate has +22.0 (+20.0 to +24.0) points more AP50 and takes 2.00 times (1.90 to 2.10) as long)",
        "",
    ]


def test_each_pair_of_models_has_tables_of_its_own():
    lines = comparison_lines([comparison(), comparison(small="nano", small_ap={"AP": 0.1, "AP50": 0.3})], [])
    assert [line.split()[2:4] for line in lines if line.startswith("target  dataset  ") and "AP50" in line] == [
        ["fast", "AP50"],
        ["nano", "AP50"],
    ]
    assert "Service time of accurate where nano takes 1 (median over datasets)" in lines


def test_accuracy_that_differs_by_target_is_shown_for_each():
    worse = comparison(target="jetson", large_ap={"AP": 0.1, "AP50": 0.2})
    rows = accuracy_grid([comparison(), worse]).rows
    assert [(row[0], row[4]) for row in rows] == [("cpu", "0.860"), ("jetson", "0.200")]


def test_nothing_compared_is_nothing_shown():
    assert comparison_lines([], []) == []
    assert comparison_markdown([], []) == []
    assert bars([]) == []


def test_bars_are_medians_over_datasets_and_stand_side_by_side_for_several_targets():
    compared = [
        comparison(dataset=dataset, target=target, slow_downs={END: EstimateFacts(value, 1, 9)})
        for target, values in (("cpu", (2, 3, 7)), ("jetson", (1.0, 1.0, 1.0)))
        for dataset, value in zip("abc", values, strict=True)
    ]
    assert bars(compared)[1:] == [
        "cpu end-to-end     ############################## 3.00",
        "jetson end-to-end  ########## 1.00",
    ]


def test_the_last_of_a_pair_on_a_place_holds_all():
    first, last = comparison(gains={}), comparison()
    assert latest([first, comparison(target="gpu"), last]) == [last, comparison(target="gpu")]


def test_an_open_limit_is_infinite_and_shown_as_such():
    found = estimate(EstimateFacts(2.0, None, None))
    assert (found.low, found.high) == (-math.inf, math.inf)
    rows = speed_grid([comparison(slow_downs={END: EstimateFacts(2.0, None, None)})]).rows
    assert rows[0][-2] == "2.00 times (-inf to inf) as long"


def test_no_advice_without_gain_and_slow_down():
    for missing in ({"gains": {}}, {"slow_downs": {}}, {"small_ms": {}}):
        assert sides_of(comparison(**missing)) is None
        assert advice_lines([comparison(**missing)], "accuracy") == []


def test_the_lint_is_said_aloud():
    facts = comparison(
        gains={"AP50": EstimateFacts(-0.02, -0.03, -0.01)}, slow_downs={END: EstimateFacts(0.9, 0.8, 1.0)}
    )
    lines = advice_lines([facts], "accuracy")
    assert lines[-2:] == [
        "lint: accurate is not more accurate than fast on cpu/bees",
        "lint: fast is not faster than accurate on cpu/bees",
    ]


def test_markdown_escapes_names_from_outside():
    lines = comparison_markdown([comparison(dataset="a|b<script>")], [])
    text = "\n".join(lines)
    assert "a\\|b\\<script\\>" in text
    assert "<script>" not in text.replace("\\<script\\>", "")


def test_facts_survive_json():
    facts = comparison()
    assert msgspec.json.decode(msgspec.json.encode(facts), type=ComparisonFacts) == facts
