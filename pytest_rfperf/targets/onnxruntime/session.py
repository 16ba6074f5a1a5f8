"""Opening an ONNX Runtime session as the options of a target say, and reading what the model says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from pytest_rfperf.data.model import ModelSignature
from pytest_rfperf.errors import AttestationError, ModelError, UsageError
from pytest_rfperf.targets.onnxruntime.attestation import CPU, RECORD_PLACEMENT

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions

_LEVELS = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_ERRORS_ONLY = 3


def open_session(artifact: Path, target: str, options: OnnxruntimeOptions) -> onnxruntime.InferenceSession:
    """Open a session.

    Raises
    ------
    ModelError
        If the file is missing, cut short or no ONNX model.
    AttestationError
        If a provider cannot be loaded at all.
    """
    if not artifact.is_file():
        msg = f"model file {artifact} does not exist; set `artifact` of the model to an ONNX file"
        raise ModelError(msg)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = _LEVELS[options.graph_level]
    settings.log_severity_level = _ERRORS_ONLY
    settings.add_session_config_entry(RECORD_PLACEMENT, "1")
    if not options.spinning:
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    stray = sorted(set(options.provider_options) - set(options.providers))
    if stray:
        msg = f"targets.{target}.provider-options names {stray[0]}, which is not in targets.{target}.providers"
        raise UsageError(msg)
    known = set(onnxruntime.get_available_providers())
    unknown = [name for name in options.providers if name not in known]
    providers = [(name, options.provider_options.get(name, {})) for name in options.providers if name in known]
    try:
        return onnxruntime.InferenceSession(str(artifact), settings, providers=providers or _cpu(), enable_fallback=0)
    except Exception as error:
        if unknown or (options.providers[0] != CPU and _opens_on_cpu(artifact)):
            msg = f"target '{target}' asked for {', '.join(options.providers)}: {error}"
            raise AttestationError(msg) from error
        size = artifact.stat().st_size
        msg = f"{artifact} ({size} bytes) is no ONNX model that this ONNX Runtime can load: {_short(error)}"
        raise ModelError(msg) from error


def signature_of(session: onnxruntime.InferenceSession) -> ModelSignature:
    """Names, shapes and metadata, as the file declares them."""
    return ModelSignature(
        {i.name: _sizes(i.shape) for i in session.get_inputs()},
        {o.name: _sizes(o.shape) for o in session.get_outputs()},
        dict(session.get_modelmeta().custom_metadata_map),
    )


def read_metadata(artifact: Path) -> dict[str, str]:
    """What the exporter wrote into a model file, without preparing it to run.

    Raises
    ------
    ModelError
        If it is no ONNX model.
    """
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = _LEVELS["disabled"]
    settings.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(str(artifact), settings, providers=_cpu())
    except Exception as error:
        msg = f"{artifact} is no ONNX model that this ONNX Runtime can load: {_short(error)}"
        raise ModelError(msg) from error
    return dict(session.get_modelmeta().custom_metadata_map)


def _cpu() -> list[tuple[str, dict[str, str]]]:
    """Where ONNX Runtime would fall back to: opening there lets the attestation say what ran where."""
    return [(CPU, {})]


def _opens_on_cpu(artifact: Path) -> bool:
    """Whether the file itself is well, so that a provider is to blame."""
    try:
        onnxruntime.InferenceSession(str(artifact), providers=_cpu())
    except Exception:  # noqa: BLE001 - ONNX Runtime raises a class of its own for each kind of failure
        return False
    return True


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def _sizes(shape: list[int | str | None]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)
