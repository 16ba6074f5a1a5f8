"""The detections of one category, surest first, and what each is at every threshold: what both evaluations follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shorts = NDArray[np.int32]

_ONE = np.uint64(1)


class Course(NamedTuple):
    """D detections in A area ranges at T thresholds; C of them are contenders.

    Attributes
    ----------
    images, ranks : (D,) int32
    scores : (D,) float64
    in_area : (A, D) bool
    places : (C,) int64
        Of the contenders among the detections.
    true : (A, T, C) bool
        Took an object that counts.
    false : (A, T, C) bool
        Took none, and lies in the range itself.
    """

    images: Shorts
    ranks: Shorts
    scores: Floats
    in_area: Bools
    places: Ints
    true: Bools
    false: Bools


def course_of(records: MatchRecords, category: int, areas: Ints) -> Course:
    """The course of a category in some area ranges, given by their places."""
    first, last = records.edges[category : category + 2]
    begin, end = records.contender_edges[category : category + 2]
    bits = np.arange(len(records.iou_thresholds), dtype=np.uint64)[:, None]
    matched, ignored = (states[begin:end, areas].T[:, None, :] for states in (records.matched, records.ignored))
    places = records.contenders[begin:end] - first
    in_area = (records.in_area[first:last] >> areas.astype(np.uint64)[:, None]) & _ONE != 0
    is_matched = (matched >> bits) & _ONE != 0
    return Course(
        records.images[first:last],
        records.ranks[first:last],
        records.scores[first:last],
        in_area,
        places,
        is_matched & ((ignored >> bits) & _ONE == 0),
        ~is_matched & in_area[:, None, places],
    )
