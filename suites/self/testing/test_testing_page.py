"""What docs/testing.md shows is what runs."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from pytest_rfperf import testing
from pytest_rfperf.testing import MapRules, NmsRules, strategies
from pytest_rfperf.testing.map_rules import NAMES

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text()
BLOCKS = re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL)
DETECTOR = """
from pytest_rfperf.core.nms import nms as fast_nms

def batched_nms(boxes, scores, labels, iou_threshold):
    return fast_nms(boxes, scores, iou_threshold, labels)
"""


def block(words):
    (found,) = (text for text in BLOCKS if words in text)
    return found


@pytest.mark.parametrize(
    ("words", "passed", "failed"),
    [
        ("def test_my_nms", 0, 1),
        ("def test_batched_nms", 1, 0),
        ("def test_fast_nms", 1, 0),
        ("def test_evaluate", 1, 0),
        ("def test_the_surest_box", 1, 0),
    ],
)
def test_every_example_runs(pytester, words, passed, failed):
    pytester.makepyfile(my_detector=DETECTOR + block("def my_nms("))
    pytester.syspathinsert()
    quick = block(words).replace("(tolerance=0)", "(tolerance=0), max_examples=5")
    pytester.makepyfile(quick)
    pytester.runpytest("-p", "no:cacheprovider", "-W", "ignore").assert_outcomes(passed=passed, failed=failed)


def test_the_failure_that_is_shown_is_one(capsys):
    shown = block("AssertionError: my_nms breaks")
    names = {}
    exec(block("def my_nms("), names)
    exec(
        "\n".join(line[4:] for line in shown.splitlines() if line.startswith("    ")).replace(
            "my_nms(", "answer = my_nms("
        ),
        names,
    )
    assert f"returned: {names['answer']}\n" in shown
    with pytest.raises(AssertionError) as failure:
        testing.assert_nms_contract(names["my_nms"], seed=1)
    assert str(failure.value).splitlines()[0] in shown
    assert "expected: [0, 1]\n" in shown
    assert testing.assert_nms_contract.__name__ in shown


def test_every_rule_value_and_strategy_is_described():
    for rules in (NmsRules, MapRules):
        assert [field.name for field in fields(rules) if f"| `{field.name}` |" not in PAGE] == []
    assert [name for name in NAMES if f"`{name}`" not in PAGE] == []
    shown = set(re.findall(r"`(\w+_ca?ses|\w+_cells|\w+_cases)`", PAGE))
    assert {
        name for name, _ in inspect.getmembers(strategies, callable) if name.endswith(("_cases", "_cells"))
    } == shown


def test_the_signatures_that_are_shown_have_the_defaults_of_the_functions():
    for function in (testing.assert_nms_contract, testing.assert_map_contract):
        shown = re.search(rf"`{function.__name__}\((.*?)\)`", PAGE, re.DOTALL)[1]
        defaults = {name: p.default for name, p in inspect.signature(function).parameters.items()}
        assert f"max_examples={defaults['max_examples']}, seed=None" in shown
