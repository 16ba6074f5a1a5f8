"""What training looks at: the pool of images of all tasks, and the batches drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_rfperf.data.preparation import Preparation
from pytest_rfperf.preprocess import decode_image, prepare
from pytest_rfperf.reference.training.losses import Objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_TINT = 0.12
_SMALLEST_PX = 1.0


@dataclass(frozen=True)
class Annotated:
    """One image as it lies on disk, with the index of each object's class among all classes."""

    image: bytes
    labels: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]


class Pool:
    """All training images at a model's input size, made by the product's own preparation."""

    def __init__(self, images: Iterable[Annotated], input_px: int) -> None:
        """Decode and resize every image once."""
        preparation = Preparation(input_px, input_px)
        self.input_px = input_px
        self._pixels: list[NDArray[np.uint8]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._boxes: list[NDArray[np.float32]] = []
        for annotated in images:
            tensor, placement = prepare(decode_image(annotated.image), preparation)
            scale = np.array([placement.scale_x, placement.scale_y] * 2)
            self._pixels.append(np.rint(tensor[0] * 255).astype(np.uint8))
            self._labels.append(annotated.labels)
            self._boxes.append((annotated.boxes_xyxy * scale).astype(np.float32))

    def batch(self, seed: int, step: int, size: int) -> tuple[torch.Tensor, Objects]:
        """The batch of a step: the pool in a new random order every time round, mirrored and tinted at random."""
        count = len(self._pixels)
        pixels, labels, boxes = [], [], []
        for view in range(step * size, (step + 1) * size):
            order = np.random.default_rng((seed, 0, view // count)).permutation(count)
            random = np.random.default_rng((seed, 1, view))
            chosen = int(order[view % count])
            image, found = self._pixels[chosen], self._boxes[chosen]
            if random.random() < 0.5:  # noqa: PLR2004 - one in two
                image = image[:, :, ::-1]
                found = found[:, [2, 1, 0, 3]]
                found[:, [0, 2]] = self.input_px - found[:, [0, 2]]
            pixels.append(_tinted(image, random))
            labels.append(self._labels[chosen])
            boxes.append(found)
        tensor = torch.from_numpy(np.stack(pixels)).contiguous(memory_format=torch.channels_last)
        return tensor, _padded(labels, boxes)


def _tinted(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    """Another gain a channel, the same for all a little, and another brightness."""
    gain = 1 + random.uniform(-_TINT, _TINT) + random.uniform(-_TINT, _TINT, size=(3, 1, 1)) / 2
    shift = random.uniform(-_TINT, _TINT) / 2
    tinted: NDArray[np.float32] = image * (gain / 255).astype(np.float32) + np.float32(shift)
    return tinted.clip(0, 1)


def _padded(labels: list[NDArray[np.int64]], boxes: list[NDArray[np.float32]]) -> Objects:
    most = max(1, *map(len, labels))
    all_labels: NDArray[Any] = np.full((len(labels), most), -1, dtype=np.int64)
    nowhere = np.array([0, 0, _SMALLEST_PX, _SMALLEST_PX], dtype=np.float32)
    all_boxes = np.tile(nowhere, (len(labels), most, 1))
    for row, (some, found) in enumerate(zip(labels, boxes, strict=True)):
        all_labels[row, : len(some)] = some
        all_boxes[row, : len(some)] = found
    return Objects(torch.from_numpy(all_boxes), torch.from_numpy(all_labels))
