"""cold_start_budget, memory_budget and model_size_budget: golden verdicts."""

import pytest
from fakes import MS, FakeBench, S

from pytest_rfperf.data.runs import MemoryUse
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import ModelError
from pytest_rfperf.gates.cold_start_budget import ColdStartBudget
from pytest_rfperf.gates.memory_budget import MemoryBudget
from pytest_rfperf.gates.model_size_budget import ModelSizeBudget


def test_seven_fast_starts_prove_a_median():
    verdict = ColdStartBudget(2).judge(FakeBench(starts=[S, 1_500 * MS]))
    assert (verdict.outcome, verdict.measured, verdict.limit, verdict.unit) == (Outcome.PASS, 1.0, 2, "s")
    assert verdict.message.startswith("median 1 s <= 2 s from spawn to first detections for fast on cpu/street (n=")
    assert verdict.message.endswith(", 0 over, 1..1.5 s)")


def test_slow_starts_fail():
    verdict = ColdStartBudget(0.5).judge(FakeBench(starts=[S]))
    count = verdict.message.partition("(n=")[2].partition(",")[0]
    assert verdict.message == (
        f"median 1 s > 0.5 s from spawn to first detections for fast on cpu/street (n={count}, {count} over, 1..1 s)"
    )
    assert (verdict.outcome, int(count) < 20) == (Outcome.FAIL, True)


def test_starts_on_both_sides_of_the_budget_end_undecided_after_twenty():
    verdict = ColdStartBudget(1).judge(FakeBench(starts=[S // 2, 2 * S]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message == (
        "median 0.5 s against 1 s from spawn to first detections for fast on cpu/street (n=20, 10 over, 0.5..2 s); "
        "undecided after 20 starts: move the budget away from the measured median"
    )


@pytest.mark.parametrize(("budget", "sign", "outcome"), [(100, "<=", Outcome.PASS), (99.9, ">", Outcome.FAIL)])
def test_memory_is_the_highest_peak_less_that_of_the_imports(budget, sign, outcome):
    use = MemoryUse(peak_bytes=(140 * MS, 150 * MS, 145 * MS), bare_bytes=50 * MS)
    verdict = MemoryBudget(budget).judge(FakeBench(memory=use))
    assert (verdict.outcome, verdict.measured, verdict.unit) == (outcome, 100.0, "MB")
    assert verdict.message == (
        f"100.0 MB {sign} {budget} MB for fast on cpu/street (highest of 3 processes with peaks 140.0, 150.0, 145.0 "
        f"MB, less 50.0 MB of imports)"
    )


@pytest.mark.parametrize(("budget", "sign", "outcome"), [(0.003, "<=", Outcome.PASS), (0.0029, ">", Outcome.FAIL)])
def test_the_size_counts_the_weights_beside_the_file_and_nothing_else(tmp_path, budget, sign, outcome):
    for name, size in {"m.onnx": 1000, "m.onnx.data": 2000, "other.onnx": 5000}.items():
        (tmp_path / name).write_bytes(bytes(size))
    named = b"\n\x08location\x12\x0bm.onnx.data"
    (tmp_path / "m.onnx").write_bytes(named + bytes(1000 - len(named)))
    verdict = ModelSizeBudget(budget).judge(FakeBench(artifact=tmp_path / "m.onnx"))
    assert (verdict.outcome, verdict.measured) == (outcome, 0.003)
    assert verdict.message == f"0.003 MB {sign} {budget} MB for fast on cpu/street (m.onnx, m.onnx.data)"


def test_a_file_that_is_not_there_is_an_error_and_no_small_model(tmp_path):
    missing = tmp_path / "m.onnx"
    with pytest.raises(ModelError) as caught:
        ModelSizeBudget(1).judge(FakeBench(artifact=missing))
    assert str(caught.value) == (
        f"model file {missing} cannot be read (No such file or directory); set `artifact` of the model to an ONNX file"
    )
