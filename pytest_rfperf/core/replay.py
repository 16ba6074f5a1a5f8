"""Which recorded detections a later pass makes again, as far as match records tell.

They hold no boxes. Two detections are taken for one where image and class are the same, the scores nearly, and so are
the IoU thresholds at which each took an object in each area range; which object that was is not compared. So a box
that moves counts as another one only where it crosses a threshold, and a false detection may lie anywhere in its image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

_ROUNDING = 1e-9


class _Column(NamedTuple):
    """Detections of one pass by group, the surest of each first."""

    groups: list[int]
    scores: list[float]


class Replay(NamedTuple):
    """What two passes over the same images have in common.

    Attributes
    ----------
    found : (D,) bool
        Whether each detection of the earlier records is made again, in their order.
    added : int
        Detections of the later records that repeat none.
    lost_by_image : (I,) int64
        Detections of the earlier records that are not made again, by image.
    """

    found: Bools
    added: int
    lost_by_image: Ints


def replay(before: MatchRecords, now: MatchRecords, *, score: float) -> Replay:
    """Pair detections of two passes one to one, as many as can be.

    Two may pair where they are of one image and category, took an object, one that counts for nothing, or none at the
    same thresholds and area ranges, and their scores differ by at most `score`. Neither boxes nor which object it was
    are compared.

    Parameters
    ----------
    before, now : MatchRecords
        Of the same thresholds, area ranges and categories.
    score : float
        In [0, 1].
    """
    groups = _groups(before, now)
    orders = [np.lexsort((-one.scores, group)) for one, group in zip((before, now), groups, strict=True)]
    first, second = (
        _Column(group[order].tolist(), one.scores[order].tolist())
        for one, group, order in zip((before, now), groups, orders, strict=True)
    )
    paired = _paired(first, second, score + _ROUNDING)
    found = np.zeros(len(before.scores), dtype=np.bool_)
    found[orders[0][paired]] = True
    images = max(before.image_count, now.image_count)
    lost = np.bincount(before.images[~found], minlength=images).astype(np.int64)
    return Replay(found, len(now.scores) - len(paired), lost)


def _keys(records: MatchRecords) -> Ints:
    """What two detections must have in common to be one: (D, 2 + 2 A) int64, a row each."""
    states = np.zeros((len(records.scores), 2 * len(records.areas)), dtype=np.uint64)
    states[records.contenders] = np.concatenate([records.matched, records.ignored], axis=1)
    place = np.stack([records.categories, records.images.astype(np.int64)], axis=1)
    return np.concatenate([place, states.view(np.int64)], axis=1)


def _groups(before: MatchRecords, now: MatchRecords) -> tuple[Ints, Ints]:
    """The number of what each detection must have in common with its partner, (D,) int64 for each pass."""
    keys = np.concatenate([_keys(before), _keys(now)])
    order = np.lexsort(keys.T)
    other = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    numbers = np.zeros(len(keys), dtype=np.int64)
    numbers[order[1:]] = np.cumsum(other)
    return numbers[: len(before.scores)], numbers[len(before.scores) :]


def _paired(first: _Column, second: _Column, most: float) -> list[int]:
    """Rows of the first that have a partner: the surest take the surest that is near enough, which pairs the most."""
    rows, i, j = [], 0, 0
    while i < len(first.groups) and j < len(second.groups):
        apart = first.scores[i] - second.scores[j]
        if first.groups[i] != second.groups[j]:
            apart = (second.groups[j] - first.groups[i]) * np.inf
        if abs(apart) <= most:
            rows.append(i)
        i, j = i + (apart >= -most), j + (apart <= most)
    return rows
