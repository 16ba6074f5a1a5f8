"""One small detector: convolutions down to stride 16, a pyramid back to stride 4, one head without anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rfperf.reference.training.recipe import Size

Value = TypeVar("Value")
_RARE = -4.0
"""Bias of the scores at the start: nearly no place holds an object."""


class Layer(nn.Module):
    """A convolution, normalised and rectified unless it is the last."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, last: bool = False) -> None:
        """Make the layer."""
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=last)
        self.norm = None if last else nn.BatchNorm2d(outputs)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        values = self.convolution(values)
        return values if self.norm is None else functional.relu(self.norm(values))


class Operations(Protocol[Value]):
    """What the network is made of; training applies it to tensors, export writes it into a graph."""

    def layer(self, layer: Layer, value: Value) -> Value:
        """Apply a layer."""

    def add(self, first: Value, second: Value) -> Value:
        """Add."""

    def twice(self, value: Value) -> Value:
        """Repeat each place along both axes."""


class Network(nn.Module):
    """Images [n, 3, s, s] in 0..1 to scores (before the sigmoid) and box sides at stride 4.

    Box sides are the distances from the middle of a place to the left, top, right and lower side, in strides,
    before they are made positive by softplus.
    """

    def __init__(self, size: Size, classes: int) -> None:
        """Make the network of a size."""
        super().__init__()
        first, *widths = size.widths
        self.stem = Layer(3, first, stride=2)
        self.stages = nn.ModuleList()
        inputs = first
        for width in widths:
            further = (Layer(width, width) for _ in range(size.depth))
            self.stages.append(nn.ModuleList([Layer(inputs, width, stride=2), *further]))
            inputs = width
        self.sideways = nn.ModuleList(Layer(width, size.features, 1) for width in widths)
        self.merge = nn.ModuleList(Layer(size.features, size.features) for _ in widths[1:])
        self.head = Layer(size.features, size.features)
        self.scores = Layer(size.features, classes, 1, last=True)
        self.sides = Layer(size.features, 4, 1, last=True)
        nn.init.constant_(self.scores.convolution.bias, _RARE)  # type: ignore[arg-type]

    def walk(self, images: Value, operations: Operations[Value]) -> tuple[Value, Value]:
        """Build scores and sides out of the operations."""
        value = operations.layer(self.stem, images)
        levels = []
        for stage in self.stages:
            down, *further = _layers(stage)
            value = operations.layer(down, value)
            for layer in further:
                value = operations.add(value, operations.layer(layer, value))
            levels.append(value)
        *earlier, last = _layers(self.sideways)
        value = operations.layer(last, levels[-1])
        for sideways, merge, level in zip(earlier[::-1], _layers(self.merge), levels[-2::-1], strict=True):
            value = operations.add(operations.twice(value), operations.layer(sideways, level))
            value = operations.layer(merge, value)
        value = operations.layer(self.head, value)
        return operations.layer(self.scores, value), operations.layer(self.sides, value)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Apply it to tensors."""
        return self.walk(images, _OnTensors())


def _layers(modules: nn.Module) -> list[Layer]:
    """The layers of a list of them."""
    return list(cast("Iterable[Layer]", modules))


class _OnTensors:
    def layer(self, layer: Layer, value: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = layer(value)
        return result

    def add(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return first + second

    def twice(self, value: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(value, scale_factor=2, mode="nearest")
