"""The test file that `rfperf init` writes."""

from __future__ import annotations

import starters

from pytest_rfperf.starter.gates_file import gates_file
from pytest_rfperf.starter.limits import limits_of
from pytest_rfperf.starter.measurement import Figures

GOLDEN = '''"""What a release must keep; written by `rfperf init`, yours to change.

Limits leave a margin to what was measured: here.
"""

from pytest_rfperf import latency_ratio, min_map, model_size_budget, sizes


@sizes("fast")
@min_map(0.27)  # measured: AP 0.300
@latency_ratio(max=0.70, against="accurate")  # measured: 0.559 times
@model_size_budget(mb=2.5)  # measured: 2.25 MB
def test_fast(): ...


@sizes("accurate")
@min_map(0.38)  # measured: AP 0.400
@model_size_budget(mb=4.6)  # measured: 4.12 MB
def test_accurate(): ...
'''


def test_a_pair_has_a_test_for_each_size():
    choice = starters.choice()
    limits = {
        "fast": limits_of(choice, "fast", 2_248_408, Figures(0.2997, 17.5, 0.559)),
        "accurate": limits_of(choice, "accurate", 4_116_144, Figures(0.4001, 27.9, None)),
    }
    assert gates_file(limits, "here") == GOLDEN


def test_one_model_needs_no_sizes():
    source = gates_file({"fast": limits_of(starters.choice(), "accurate", 10**6, None)}, "")
    compile(source, "test_release.py", "exec")
    assert "sizes" not in source.partition("import")[2].replace("model_size", "")
    assert "def test_release(): ..." in source
    assert "Limits are loose: nothing was measured." in source


def test_any_name_makes_a_function():
    limits = {name: limits_of(starters.choice(), name, 10**6, None) for name in ("v1.5-n", "accurate")}
    source = gates_file(limits, "")
    compile(source, "test_release.py", "exec")
    assert "def test_v1_5_n(): ..." in source


def test_names_that_differ_in_signs_alone_make_tests_that_do_not_shadow_each_other():
    choice = starters.choice()
    limits = {name: limits_of(choice, "fast", 1, Figures(0.3, 1.0, None)) for name in ("yolo-n", "yolo.n", "yolo+n")}
    source = gates_file(limits, "here")
    titles = [line.partition("(")[0] for line in source.splitlines() if line.startswith("def ")]
    assert titles == ["def test_yolo_n", "def test_yolo_n__2", "def test_yolo_n__3"]
