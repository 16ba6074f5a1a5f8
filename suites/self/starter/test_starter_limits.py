"""From figures to limits."""

from __future__ import annotations

import pytest
import starters

from pytest_rfperf.starter.limits import limits_of, rounded_up
from pytest_rfperf.starter.measurement import Figures


def written(runner="shared", name="fast", figures=None):
    """The gates as source."""
    choice = starters.choice(runner=runner)
    return [f"{gate.marker}({gate.arguments})" for gate in limits_of(choice, name, 2_248_408, figures)]


def test_on_a_shared_runner_the_small_size_is_held_to_a_ratio():
    assert written(figures=Figures(0.2997, 17.5, 0.559)) == [
        "min_map(0.27)",
        'latency_ratio(max=0.70, against="accurate")',
        "model_size_budget(mb=2.5)",
    ]


def test_the_largest_size_has_nothing_to_be_compared_with():
    assert written(name="accurate", figures=Figures(0.4001, 27.9, None)) == [
        "min_map(0.38)",
        "model_size_budget(mb=2.5)",
    ]


def test_on_a_machine_of_ones_own_there_is_a_budget():
    gates = written(runner="owned", figures=Figures(0.2997, 17.5, 0.559))
    assert gates[1] == "latency_budget(ms=27, percentile=95)"


@pytest.mark.parametrize("runner", ["shared", "owned"])
@pytest.mark.parametrize("ap", [0.0, 0.004, 0.0425, 0.1, 0.12, 0.5, 0.9999])
def test_a_limit_is_kept_by_what_was_measured(runner, ap):
    gates = limits_of(starters.choice(runner=runner), "fast", 1234, Figures(ap, 3.21, 1.07))
    limits = [float(gate.arguments.partition(",")[0].rpartition("=")[2]) for gate in gates]
    assert 0 <= limits[0] <= ap
    assert limits[0] >= ap - 0.031
    assert limits[1] > (3.21 if runner == "owned" else 1.07)
    assert limits[2] >= 1234 / 1e6


def test_without_figures_limits_are_loose():
    assert written()[:2] == ["min_map(0.05)", 'latency_ratio(max=1.0, against="accurate")']
    assert written(runner="owned")[1] == "latency_budget(ms=1000, percentile=95)"


def test_failed_calls_give_no_budget():
    assert written(runner="owned", figures=Figures(0.5, None, None))[1] == "latency_budget(ms=1000, percentile=95)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123, "0.013"),
        (0.559, "0.56"),
        (0.7, "0.70"),
        (2.0, "2.0"),
        (2.01, "2.1"),
        (9.99, "10"),
        (17.2, "18"),
        (123, "130"),
        (1.7e-4, "0.00017"),
    ],
)
def test_rounding_up_keeps_two_digits(value, text):
    assert rounded_up(value).rstrip("0").rstrip(".") in (text, text.rstrip("0").rstrip("."))
    assert value <= float(rounded_up(value)) < value * 1.11
