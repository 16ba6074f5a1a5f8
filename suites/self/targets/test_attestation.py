"""The rule, on placements written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_rfperf.errors import AttestationError, TargetError
from pytest_rfperf.targets.onnxruntime.attestation import Placement, attest, node_placement, precision_of

GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def placed(on_gpu: int, **off: int) -> Placement:
    by_provider = {GPU: on_gpu, CPU: sum(off.values())}
    return Placement({name: count for name, count in by_provider.items() if count}, off)


def test_a_session_that_is_where_it_was_asked_to_be_passes():
    attest(placed(100), "gpu", [GPU], 0.0)


@pytest.mark.parametrize("off", [{"Shape": 5}, {"Shape": 2, "Gather": 3}])
def test_shape_nodes_up_to_the_limit_are_tolerated(off):
    attest(placed(95, **off), "gpu", [GPU], 5.0)


def test_one_node_above_the_limit_is_an_error():
    with pytest.raises(AttestationError):
        attest(placed(94, Shape=6), "gpu", [GPU], 5.0)


def test_the_limit_is_that_of_the_target():
    attest(placed(80, Shape=20), "gpu", [GPU], 20.0)
    with pytest.raises(AttestationError):
        attest(placed(99, Shape=1), "gpu", [GPU], 0.0)


@pytest.mark.parametrize(
    "operator", ["Conv", "FusedConv", "MatMul", "Gemm", "Attention", "MultiHeadAttention", "QLinearConv", "ConvInteger"]
)
def test_one_compute_node_elsewhere_is_an_error_however_small_its_share(operator):
    with pytest.raises(AttestationError, match=rf"of 1000 nodes 999 on {GPU}, 1 on {CPU} \(1 {operator}\)"):
        attest(placed(999, **{operator: 1}), "gpu", [GPU], 5.0)


def test_any_of_several_asked_providers_will_do():
    attest(Placement({"TensorrtExecutionProvider": 60, GPU: 40}, {}), "gpu", ["TensorrtExecutionProvider", GPU], 0.0)


def test_the_message_says_where_how_many_nodes_ran_and_what_to_do():
    remedy = f"install the ONNX Runtime build that has {GPU}, or change targets.gpu.providers"
    message = f"target 'gpu' asked for {GPU}; all 127 nodes ran on {CPU} (100 Conv, 27 Add); {remedy}"
    with pytest.raises(AttestationError) as caught:
        attest(placed(0, Conv=100, Add=27), "gpu", [GPU], 5.0)
    assert str(caught.value) == message
    assert isinstance(caught.value, TargetError)


def test_the_message_lists_five_operators_at_most():
    off = {f"Op{i}": 9 - i for i in range(8)}
    with pytest.raises(AttestationError, match=r"\(9 Op0, 8 Op1, 7 Op2, 6 Op3, 5 Op4\)"):
        attest(placed(1, **off), "gpu", [GPU], 5.0)


def test_the_message_names_the_compute_node_among_many_others():
    off = {f"Op{i}": 9 for i in range(8)} | {"Conv": 1}
    with pytest.raises(AttestationError, match=r"1 Conv"):
        attest(placed(10_000, **off), "gpu", [GPU], 5.0)


def session(*parts: tuple[str, list[str]], inputs: tuple[str, ...] = ("tensor(float)",)) -> SimpleNamespace:
    """A session that tells its inputs and its placement as ONNX Runtime does."""
    told = [
        SimpleNamespace(
            ep_name=provider,
            get_nodes=lambda operators=operators: [SimpleNamespace(op_type=operator) for operator in operators],
        )
        for provider, operators in parts
    ]
    taken = [SimpleNamespace(type=kind) for kind in inputs]
    return SimpleNamespace(get_provider_graph_assignment_info=lambda: told, get_inputs=lambda: taken)


def test_nodes_are_counted_by_provider_and_operator():
    told = session((CPU, ["Shape"]), (GPU, ["Conv", "Conv", "Add"]), (CPU, ["Gather", "Shape"]))
    placement = node_placement(told, [GPU])
    assert placement.by_provider == {GPU: 3, CPU: 3}
    assert placement.off_provider == {"Shape": 2, "Gather": 1}
    assert placement.nodes == 6
    assert str(placement) == f"3 on {CPU}, 3 on {GPU}"


def test_a_runtime_that_does_not_tell_gives_no_placement():
    assert node_placement(SimpleNamespace(), [GPU]) is None


def precision(operators: list[str], **more: tuple[str, ...]) -> str:
    one = session((CPU, operators), **more)
    return precision_of(one, node_placement(one, [CPU]))


def test_the_precision_is_the_type_of_number_that_the_model_takes():
    assert precision(["Conv", "Cast"]) == "tensor(float)"
    assert precision(["Conv"], inputs=("tensor(float16)",)) == "tensor(float16)"


def test_types_of_several_inputs_are_named_once_in_one_order():
    kinds = ("tensor(int64)", "tensor(float)", "tensor(int64)")
    assert (
        precision(["Conv"], inputs=kinds) == precision(["Conv"], inputs=kinds[::-1]) == "tensor(float), tensor(int64)"
    )


@pytest.mark.parametrize(
    "operator", ["QLinearConv", "ConvInteger", "MatMulInteger", "QuantizeLinear", "DequantizeLinear", "QGemm"]
)
def test_operators_of_eight_bits_are_told(operator):
    assert precision(["Conv", operator]) == "tensor(float), 8-bit operators"


def test_eight_bits_are_told_wherever_they_run():
    one = session((GPU, ["Conv"]), (CPU, ["QLinearConv"]))
    assert precision_of(one, node_placement(one, [GPU])).endswith(", 8-bit operators")


def test_a_runtime_that_does_not_tell_its_placement_shows_the_type_alone():
    assert precision_of(session((CPU, ["QLinearConv"])), None) == "tensor(float)"
