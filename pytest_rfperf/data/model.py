"""A model: an artefact and the way to read it.

`ModelSignature` and `DecoderSettings` are kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Tuple

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rfperf.protocols import Decoder

Shape = Tuple[Optional[int], ...]


@dataclass(frozen=True)
class ModelSignature:
    """What a model file says of itself.

    Attributes
    ----------
    inputs, outputs : dict of str to tuple
        Shape by name, in the order of the file; None for a free dimension.
    metadata : dict of str to str
        Key-value pairs that the exporter wrote.
    """

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Show names and shapes on one line."""
        return f"inputs {_listed(self.inputs)}; outputs {_listed(self.outputs)}"


@dataclass(frozen=True)
class DecoderSettings:
    """What the user says of a model; None and missing keys leave it to the decoder.

    Attributes
    ----------
    labels : tuple of str or None
        Class names by index.
    preprocess : dict
        Keys of `Preparation` that override the decoder's own.
    options : dict
        The decoder's own keys, such as score_floor and nms_iou.
    """

    labels: Optional[Tuple[str, ...]] = None
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model as a target receives it.

    Attributes
    ----------
    name, size : str
        The name in the configuration, and the place in the ordered list of sizes that it stands for.
    artifact : Path
        The ONNX file.
    sha256 : str
        Hash of its bytes.
    settings : DecoderSettings
    bind : callable
        Turns the signature that the target read into a decoder, or raises ModelError.
    """

    name: str
    size: str
    artifact: Path
    sha256: str
    settings: DecoderSettings
    bind: Callable[[ModelSignature], Decoder]


def _listed(shapes: Mapping[str, Shape]) -> str:
    shown = {name: ["?" if n is None else n for n in shape] for name, shape in shapes.items()}
    return ", ".join(f"{name} [{', '.join(map(str, shape))}]" for name, shape in shown.items())
