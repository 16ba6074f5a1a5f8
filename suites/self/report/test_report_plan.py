"""How a plan is shown and written."""

from __future__ import annotations

import json

import msgspec

from pytest_rfperf.planner.rows import GatePlan, MarginPlan, Plan
from pytest_rfperf.report.plan import plan_lines, write_plan

BUDGET = GatePlan(
    test="gates/test_a.py::test_release[fast-cpu-street]",
    model="fast",
    target="cpu",
    dataset="street",
    gate="latency_budget",
    asked="latency_budget(ms=50)",
    unit="calls",
    least=82,
    most=3000,
    margins=[MarginPlan(0.05, None, 30.0, 0.31), MarginPlan(0.2, 95, 0.95, 1.0)],
    cap_s=30.0,
    basis="probe, 99 calls",
    remark="decides at 5% in 31% of runs",
)
VALUE = GatePlan(
    test="gates/test_a.py::test_release[fast-cpu-street]",
    model="fast",
    target="cpu",
    dataset="street",
    gate="min_map",
    asked="min_map(ap=0.5)",
    unit="images",
    images=None,
    margins=[MarginPlan(0.05, None, None, None), MarginPlan(0.2, None, None, None)],
    remark="decided by the value: all images",
)
NEVER = GatePlan(
    test="gates/test_b.py::test_size[fast]",
    model="fast",
    target="",
    dataset="",
    gate="no_regression.map",
    asked="no_regression(map=0.01)",
    unit="images",
    least=10,
    images=4,
    never=True,
    basis="assumed",
    remark="4 images are too few",
)


def plan(*rows, **changes):
    total = [MarginPlan(0.05, None, 30.0, None), MarginPlan(0.2, None, 0.95, None)]
    usual = {"mode": "static", "cap_s": 30.0, "suite_cap_s": None, "gates": list(rows), "total": total, "unknown": 1}
    return Plan(**(usual | changes))


def test_a_plan_is_a_table_then_what_never_decides_then_remarks_and_seconds():
    assert plan_lines(plan(BUDGET, VALUE, NEVER, notes=["a guess"], suite_cap_s=60.0)) == [
        "test                           case                gate                     least    5 %   20 %  of      images  s 5 %  s 20 %  cap s  power 5 %   20 %  by",
        "gates/test_a.py::test_release  fast on cpu/street  latency_budget(ms=50)       82  >3000     95  calls              30    0.95     30        31%   100%  probe, 99 calls",
        "gates/test_a.py::test_release  fast on cpu/street  min_map(ap=0.5)                     ?      ?  images       ?      ?       ?             value  value",
        "gates/test_b.py::test_size     fast                no_regression(map=0.01)     10  never  never  images       4",
        "never decided: no_regression(map=0.01) for fast: 4 images are too few",
        "latency_budget(ms=50) for fast on cpu/street: decides at 5% in 31% of runs",
        "min_map(ap=0.5) for fast on cpu/street: decided by the value: all images",
        "note: a guess",
        "measuring in all: 30 s where figures lie 5 % from their limits, 0.95 s where 20 % and 1 measurement of unknown length; opening and warming up come on top; the suite's cap is 60 s",
    ]


def test_tests_of_one_file_are_named_without_it():
    assert plan_lines(plan(BUDGET))[1].startswith("test_release  fast on cpu/street")


def test_a_remark_that_many_gates_share_is_said_once():
    lines = plan_lines(
        plan(
            *(BUDGET for _ in range(2)),
            *(msgspec.structs.replace(BUDGET, asked=f"latency_budget(ms={n})") for n in range(3)),
        )
    )
    (shared,) = [line for line in lines if "decides at" in line]
    assert shared == "latency_budget(ms=50) for fast on cpu/street and 3 more: decides at 5% in 31% of runs"


def test_no_gate_is_no_table():
    assert plan_lines(plan()) == ["no gate is selected"]


def test_a_plan_for_programs_has_its_own_schema_and_stays_out_of_version_control(tmp_path):
    write_plan(plan(BUDGET), tmp_path / ".rfperf" / "plan.json")
    content = json.loads((tmp_path / ".rfperf" / "plan.json").read_text())
    assert (content["schema"], content["kind"]) == (1, "plan")
    assert content["gates"][0]["margins"][0] == {"margin": 0.05, "needed": None, "seconds": 30.0, "power": 0.31}
    assert (tmp_path / ".rfperf" / ".gitignore").read_text() == "*\n"
