"""Where the nodes of a session really run: ONNX Runtime falls back to the CPU with no more than a warning."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.errors import AttestationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime

CPU = "CPUExecutionProvider"
_SHOWN = 5
RECORD_PLACEMENT = "session.record_ep_graph_assignment_info"
_COMPUTE = frozenset(
    {"Attention", "Conv", "ConvInteger", "ConvTranspose", "Einsum", "FusedConv", "FusedGemm", "FusedMatMul"}
    | {"Gemm", "MatMul", "MatMulInteger", "MatMulNBits", "MultiHeadAttention", "NhwcConv", "NhwcFusedConv"}
    | {"DynamicQuantizeMatMul", "GroupQueryAttention", "MatMulIntegerToFloat", "PackedAttention", "QGemm"}
    | {"QAttention", "QLinearConv", "QLinearMatMul", "QOrderedMatMul", "QuickGelu"}
)
_EIGHT_BIT = frozenset(
    {"ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulInteger"}
    | {"MatMulIntegerToFloat", "QAttention", "QGemm", "QLinearConv", "QLinearMatMul", "QuantizeLinear"}
)


class Placement(NamedTuple):
    """Where nodes run.

    Attributes
    ----------
    by_provider : dict of str to int
        Nodes by execution provider.
    off_provider : dict of str to int
        Operators that run off the asked providers, counted.
    operators : frozenset of str
        All that the graph has.
    """

    by_provider: dict[str, int]
    off_provider: dict[str, int]
    operators: frozenset[str] = frozenset()

    @property
    def nodes(self) -> int:
        """All nodes of the optimised graph."""
        return sum(self.by_provider.values())

    def __str__(self) -> str:
        """Count nodes by provider on one line."""
        return ", ".join(f"{count} on {provider}" for provider, count in self.by_provider.items())


def asked_providers(providers: Sequence[str]) -> tuple[str, ...]:
    """The providers that a target really asks for.

    CPUExecutionProvider behind another one is the way out that ONNX Runtime appends anyway: work that ends there
    is not where it was asked to be. It is asked for where it is named first.
    """
    return (providers[0], *(name for name in providers[1:] if name != CPU))


def node_placement(session: onnxruntime.InferenceSession, asked: Sequence[str]) -> Placement | None:
    """Count nodes by provider; None where this version of ONNX Runtime does not tell."""
    read = getattr(session, "get_provider_graph_assignment_info", None)
    if read is None:
        return None
    nodes = [(part.ep_name, node.op_type) for part in read() for node in part.get_nodes()]
    providers = Counter(provider for provider, _ in nodes)
    off = Counter(operator for provider, operator in nodes if provider not in asked)
    operators = frozenset(operator for _, operator in nodes)
    return Placement(dict(providers.most_common()), dict(off.most_common()), operators)


def precision_of(session: onnxruntime.InferenceSession, placement: Placement | None) -> str:
    """The type of number that the model takes, and whether parts of it compute in 8 bits."""
    taken = ", ".join(sorted({tensor.type for tensor in session.get_inputs()}))
    if placement is None:
        return taken
    return f"{taken}, 8-bit operators" if placement.operators & _EIGHT_BIT else taken


def attest(placement: Placement, target: str, asked: Sequence[str], max_fallback: float) -> None:
    """Refuse a session of which a compute node, or more than `max_fallback` % of all nodes, runs elsewhere.

    Shape arithmetic and int64 nodes stay on the CPU on purpose, even where a GPU does all the work.

    Raises
    ------
    AttestationError
        Naming the target, what was asked, and where how many nodes ran.
    """
    compute = [name for name in placement.off_provider if name in _COMPUTE]
    off = sum(placement.off_provider.values())
    on_cpu = tuple(asked) == (CPU,)
    if on_cpu or (placement.nodes and not compute and off <= placement.nodes * max_fallback / 100):
        return
    wanted = ", ".join(asked)
    if not placement.nodes:
        ran = "the optimised graph has no nodes left, so nothing shows where it runs"
    elif len(placement.by_provider) == 1:
        ran = f"all {placement.nodes} nodes ran on {next(iter(placement.by_provider))}"
    else:
        ran = f"of {placement.nodes} nodes {placement}"
    telling = list(dict.fromkeys([*compute, *placement.off_provider]))[:_SHOWN]
    operators = ", ".join(f"{placement.off_provider[name]} {name}" for name in telling) or "no operator"
    msg = (
        f"target '{target}' asked for {wanted}; {ran} ({operators}); "
        f"install the ONNX Runtime build that has {asked[0]}, or change targets.{target}.providers"
    )
    raise AttestationError(msg)
