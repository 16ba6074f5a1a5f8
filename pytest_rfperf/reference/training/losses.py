"""What training minimises: focal loss of scores that peak at centres, and 1 - GIoU of the boxes around them.

Sources: the heat map of centres and its loss are those of "Objects as Points" (Zhou et al., 2019); GIoU is that
of Rezatofighi et al. (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from pytest_rfperf.reference.training.recipe import STRIDE_PX

_NARROWEST = 0.5
"""Least spread of a peak, in strides."""
_SPREAD = 8.0
"""A peak's spread is the box's side divided by this."""
_NEAR_PEAK = 0.3
"""Places whose peak is at least so high learn the box."""
_FOCUS, _FORGIVENESS = 2, 4


@dataclass(frozen=True)
class Objects:
    """The objects of a batch, padded: boxes [n, most, 4] xyxy in input pixels, labels [n, most], -1 for none."""

    boxes: torch.Tensor
    labels: torch.Tensor


def losses(scores: torch.Tensor, sides: torch.Tensor, objects: Objects) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of scores and the loss of boxes, each per object.

    Parameters
    ----------
    scores : float [n, classes, h, w]
        Before the sigmoid.
    sides : float [n, 4, h, w]
        Before softplus, in strides.
    objects : Objects
    """
    count, classes, height, width = scores.shape
    there = objects.labels >= 0
    boxes = objects.boxes / STRIDE_PX
    peaks = _peaks(boxes, there, height, width)
    heat = torch.zeros(count * classes, height * width)
    rows = (torch.arange(count)[:, None] * classes + objects.labels.clamp(min=0)).flatten()
    heat.scatter_reduce_(0, rows[:, None].expand(-1, height * width), peaks.flatten(0, 1), "amax")
    objects_count = there.sum().clamp(min=1)
    of_scores = _focal(scores.reshape(count * classes, -1), heat) / objects_count
    highest, owner = peaks.max(dim=1)
    weight = torch.where(highest >= _NEAR_PEAK, highest, 0.0)
    wanted = boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    found = boxes_from_sides(sides)
    picked = weight > 0
    overlap = _giou(found[picked], wanted[picked])
    of_boxes = ((1 - overlap) * weight[picked]).sum() / weight.sum().clamp(min=1)
    return of_scores, of_boxes


def boxes_from_sides(sides: torch.Tensor) -> torch.Tensor:
    """Boxes [n, h * w, 4] xyxy in strides."""
    height, width = sides.shape[2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    middle = torch.stack([x, y], dim=-1).reshape(1, -1, 2)
    positive = functional.softplus(sides).flatten(2).transpose(1, 2)
    return torch.cat([middle - positive[..., :2], middle + positive[..., 2:]], dim=-1)


def _peaks(boxes: torch.Tensor, there: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A bell over each object's centre, one exactly at the place that holds it: [n, most, h * w]."""
    axes = []
    for axis, length in ((0, width), (1, height)):
        low, high = boxes[..., axis], boxes[..., axis + 2]
        centre = ((low + high) / 2).clamp(0, length - 1e-3).floor() + 0.5
        spread = ((high - low) / _SPREAD).clamp(min=_NARROWEST)
        away = (torch.arange(length) + 0.5 - centre[..., None]) / spread[..., None]
        axes.append(torch.exp(-0.5 * away * away))
    across, down = axes
    bells = down[..., :, None] * across[..., None, :]
    return (bells * there[..., None, None]).flatten(2)


def _focal(scores: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """The focal loss that forgives high scores near a peak, summed over all places."""
    likely, unlikely = functional.logsigmoid(scores), functional.logsigmoid(-scores)
    probability = scores.sigmoid()
    missed = -likely * (1 - probability) ** _FOCUS
    imagined = -unlikely * probability**_FOCUS * (1 - heat) ** _FORGIVENESS
    return torch.where(heat == 1, missed, imagined).sum()


def _giou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Generalised intersection over union of pairs of boxes."""
    areas = [(b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=1) for b in (first, second)]
    inside = (torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])).clamp(min=0)
    hull = (torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])).prod(dim=1)
    shared = inside.prod(dim=1)
    union = areas[0] + areas[1] - shared
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
