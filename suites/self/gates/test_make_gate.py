"""Arguments of a marker: what is refused when it is made, and with which words."""

import dataclasses
import inspect

import pytest

from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.catalogue import CLASSES, SIGNATURES
from pytest_rfperf.gates.gate import gate_class, make_gate


@pytest.mark.parametrize(
    ("name", "arguments", "keywords", "message"),
    [
        (
            "min_map",
            [0.5],
            {"confidence": 0.3},
            (
                "min_map: unknown argument 'confidence'; known: ap, iou, certainty, score_floor, max_detections; did you mean "
                "score_floor?"
            ),
        ),
        (
            "min_map",
            [0.5],
            {"iou_thr": 0.5},
            "min_map: unknown argument 'iou_thr'; known: ap, iou, certainty, score_floor, max_detections; did you mean iou?",
        ),
        (
            "min_ap",
            [0.5],
            {"class_name": "car"},
            (
                "min_ap: unknown argument 'class_name'; known: ap, iou, certainty, score_floor, max_detections, category, area; did "
                "you mean category?"
            ),
        ),
        (
            "latency_budget",
            [50],
            {"percntile": 99},
            "latency_budget: unknown argument 'percntile'; known: ms, percentile, scope, pace; did you mean percentile?",
        ),
        (
            "latency_budget",
            [50],
            {"confidence": 0.3},
            "latency_budget: unknown argument 'confidence'; known: ms, percentile, scope, pace",
        ),
        (
            "min_map",
            [],
            {},
            "min_map: argument 'ap' is missing; known: ap, iou, certainty, score_floor, max_detections",
        ),
        ("memory_budget", [], {}, "memory_budget: argument 'mb' is missing; known: mb"),
        ("min_map", [0.5, 0.5], {}, "min_map: takes one positional argument, ap; all others are given by name"),
        ("min_map", [0.5], {"ap": 0.6}, "min_map: takes one positional argument, ap; all others are given by name"),
        ("latency_budget", [50], {"percentile": 0}, "latency_budget: percentile=0: expected a number in (0, 100]"),
        (
            "latency_budget",
            [50],
            {"percentile": 100},
            "latency_budget: percentile=100: no run can show it; ask for 1 to 99.999",
        ),
        (
            "latency_budget",
            [50],
            {"percentile": 0.95},
            "latency_budget: percentile=0.95: a percentile is given in per cent; did you mean 95?",
        ),
        ("latency_budget", [0], {}, "latency_budget: ms=0: expected a number in (0, 1e+09]"),
        ("latency_budget", ["50"], {}, "latency_budget: ms='50': expected a number in (0, 1e+09]"),
        ("latency_budget", [float("nan")], {}, "latency_budget: ms=nan: expected a number in (0, 1e+09]"),
        (
            "latency_budget",
            [50],
            {"pace": "slowly"},
            "latency_budget: pace='slowly': expected 'back-to-back' or a gap such as '200ms'",
        ),
        (
            "latency_budget",
            [50],
            {"pace": "200"},
            "latency_budget: pace='200': expected 'back-to-back' or a gap such as '200ms'",
        ),
        (
            "latency_budget",
            [50],
            {"scope": "inference"},
            "latency_budget: scope='inference': known: end-to-end, model-only",
        ),
        ("min_map", [2], {}, "min_map: ap=2: expected a number in [0, 1]"),
        ("min_map", [0.5], {"iou": 0}, "min_map: iou=0: expected a number in (0, 1]"),
        ("min_map", [0.5], {"certainty": 0.5}, "min_map: certainty=0.5: expected a number in (0.5, 1]"),
        ("min_map", [0.5], {"certainty": 95}, "min_map: certainty=95: expected a number in (0.5, 1]"),
        (
            "min_ap",
            [0.5],
            {"category": "car", "certainty": 1},
            "min_ap: certainty=1: expected at most 0.99: redrawing images says no more; 0.95 is usual",
        ),
        (
            "no_regression",
            [],
            {},
            "no_regression: map=None: say by how much AP may fall, such as map=0.005, or latency=0.025",
        ),
        ("no_regression", [], {"map": -0.01}, "no_regression: map=-0.01: expected a number in [0, 1]"),
        ("no_regression", [], {"map": "0.01"}, "no_regression: map='0.01': expected a number in [0, 1]"),
        ("no_regression", [], {"latency": -0.01}, "no_regression: latency=-0.01: expected a number in [0, 10]"),
        (
            "no_regression",
            [],
            {"ap": 0.01},
            "no_regression: unknown argument 'ap'; known: latency, map; did you mean map?",
        ),
        ("no_regression", [0.01], {}, "no_regression: takes no positional argument; all are given by name"),
        ("min_map", [0.5], {"score_floor": 2}, "min_map: score_floor=2: expected a number in [0, 1]"),
        ("min_map", [0.5], {"max_detections": 0}, "min_map: max_detections=0: expected a number in (0, 100000]"),
        ("min_map", [0.5], {"max_detections": 10.0}, "min_map: max_detections=10.0: expected a whole number"),
        ("min_ap", [0.5], {"area": "tiny"}, "min_ap: area='tiny': known: small, medium, large"),
        (
            "min_ap",
            [0.5],
            {},
            "min_ap: category=None: name a category, an area, or both; min_map is for the whole dataset",
        ),
        ("cold_start_budget", [-1], {}, "cold_start_budget: s=-1: expected a number greater than 0"),
        ("memory_budget", [0], {}, "memory_budget: mb=0: expected a number greater than 0"),
        ("model_size_budget", [None], {}, "model_size_budget: mb=None: expected a number greater than 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(name, arguments, keywords, message):
    with pytest.raises(UsageError) as caught:
        make_gate(name, arguments, keywords)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("latency_budget", {"ms": True}),
        ("latency_budget", {"ms": 50, "percentile": True}),
        ("min_map", {"ap": True}),
        ("min_map", {"ap": 0.5, "iou": True}),
        ("min_map", {"ap": 0.5, "certainty": True}),
        ("no_regression", {"map": False}),
        ("min_map", {"ap": 0.5, "score_floor": False}),
        ("min_map", {"ap": 0.5, "max_detections": True}),
        ("cold_start_budget", {"s": True}),
        ("memory_budget", {"mb": True}),
        ("model_size_budget", {"mb": True}),
    ],
)
def test_a_boolean_is_no_number(name, keywords):
    argument, value = list(keywords.items())[-1]
    with pytest.raises(UsageError, match=rf"^{name}: {argument}={value}: expected a number"):
        make_gate(name, [], keywords)


def test_a_pace_that_is_no_text_is_refused_by_name():
    with pytest.raises(UsageError, match="latency_budget: pace=200: expected 'back-to-back' or a gap such as '200ms'"):
        make_gate("latency_budget", [50], {"pace": 200})


@pytest.mark.parametrize("ap", [0, 1, 0.5])
def test_the_ends_of_a_range_are_allowed_where_they_can_be_meant(ap):
    assert make_gate("min_map", [ap], {"iou": 1, "score_floor": 0}).ap == ap


def test_a_gate_takes_its_first_argument_by_place_or_by_name():
    assert make_gate("latency_budget", [50], {}) == make_gate("latency_budget", [], {"ms": 50})


@pytest.mark.parametrize("tolerance", [0, 0.005, 1])
def test_a_tolerance_of_nothing_can_be_meant(tolerance):
    assert make_gate("no_regression", [], {"map": tolerance}).map == tolerance


def test_a_gate_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_gate("memory_budget", [5], {}).mb = 6


@pytest.mark.parametrize(
    ("first", "second", "replaces"),
    [
        (("latency_budget", {"ms": 50}), ("latency_budget", {"ms": 60}), True),
        (("latency_budget", {"ms": 50}), ("latency_budget", {"ms": 50, "percentile": 99}), False),
        (("latency_budget", {"ms": 50}), ("latency_budget", {"ms": 50, "scope": "model-only"}), False),
        (("latency_budget", {"ms": 50}), ("latency_budget", {"ms": 50, "pace": "200ms"}), False),
        (("min_map", {"ap": 0.5}), ("min_map", {"ap": 0.6, "score_floor": 0.1}), True),
        (("min_map", {"ap": 0.5}), ("min_map", {"ap": 0.6, "certainty": 0.9}), True),
        (("min_map", {"ap": 0.5}), ("min_map", {"ap": 0.5, "iou": 0.5}), False),
        (("no_regression", {"map": 0.01}), ("no_regression", {"map": 0.02}), True),
        (("min_ap", {"ap": 0.5, "area": "small"}), ("min_ap", {"ap": 0.6, "area": "small"}), True),
        (("min_ap", {"ap": 0.5, "area": "small"}), ("min_ap", {"ap": 0.5, "area": "large"}), False),
        (("min_ap", {"ap": 0.5, "category": "car"}), ("min_ap", {"ap": 0.5, "category": "bus"}), False),
        (("memory_budget", {"mb": 5}), ("memory_budget", {"mb": 6}), True),
        (("memory_budget", {"mb": 5}), ("model_size_budget", {"mb": 5}), False),
    ],
)
def test_markers_replace_each_other_where_they_ask_the_same_question(first, second, replaces):
    keys = [make_gate(name, [], keywords).key for name, keywords in (first, second)]
    assert (keys[0] == keys[1]) is replaces


def test_the_catalogue_names_the_same_markers_twice_sorted():
    assert list(SIGNATURES) == sorted(SIGNATURES) == list(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_the_catalogue_loads_under_its_own_name(name):
    assert gate_class(name).name == name


@pytest.mark.parametrize("name", CLASSES)
def test_a_line_of_the_catalogue_lists_the_arguments_and_defaults_of_the_gate(name):
    shown, _, meaning = SIGNATURES[name].partition("): ")
    parameters = list(inspect.signature(gate_class(name)).parameters.values())
    listed = [f"{p.name}" if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    signature = shown.removeprefix(f"{name}(").replace("*, ", "").split(", ")
    assert meaning
    assert (signature[0], sorted(signature)) == (listed[0], sorted(listed))


@pytest.mark.parametrize("name", CLASSES)
def test_a_gate_without_a_dataset_or_a_target_says_so(name):
    kind = gate_class(name)
    needs_nothing = name in {"model_size_budget", "training_ratio"}
    assert (kind.needs_target, kind.needs_dataset) == (not needs_nothing, not needs_nothing)
    assert kind.needs_model == (name != "training_ratio")
