"""What a model file says of itself, and what its user says of it.

Kept to Python 3.8: devices import this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

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


def _listed(shapes: Mapping[str, Shape]) -> str:
    shown = {name: ["?" if n is None else n for n in shape] for name, shape in shapes.items()}
    return ", ".join(f"{name} [{', '.join(map(str, shape))}]" for name, shape in shown.items())
