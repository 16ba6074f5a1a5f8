"""The configuration keys of the kind `onnxruntime`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec


class OnnxruntimeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of a target of this kind.

    Attributes
    ----------
    providers : tuple of str
        Execution providers, best first. CPUExecutionProvider is always appended by ONNX Runtime; nodes that
        land there count as fallback unless it is named first.
    provider_options : dict
        Options by provider name.
    threads : int
        Threads within an operator; 0 lets ONNX Runtime take one a core.
    spinning : bool
        Whether idle threads spin, ONNX Runtime's own default; no effect with one thread.
    graph_level : str
        How far the graph is optimised.
    max_fallback : float
        Largest share of nodes, in percent, that may run off the asked providers.
    """

    providers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("CPUExecutionProvider",)
    provider_options: dict[str, dict[str, Any]] = {}
    threads: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 1
    spinning: bool = True
    graph_level: Literal["all", "extended", "basic", "disabled"] = "all"
    max_fallback: Annotated[float, msgspec.Meta(ge=0, le=100)] = 5.0
