"""The score at which a detector is best used: where F1 is highest over the whole dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.core.average_precision import chosen_thresholds
from pytest_rfperf.core.records import bit_set

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.core.records import MatchRecords

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

IOU = 0.5


class OperatingPoint(NamedTuple):
    """Detections of at least `score` are used; what they then come to."""

    score: float
    f1: float
    precision: float
    recall: float


def best_f1(records: MatchRecords, *, iou: float = IOU, area: str = "all") -> OperatingPoint:
    """The score with the highest F1 of all detections and objects together, the highest such score.

    Parameters
    ----------
    records : MatchRecords
        Detections that took an object that counts for nothing take no part.
    iou : float
        One of the thresholds of the records.
    area : str
        The name of an area range.

    Returns
    -------
    OperatingPoint
        Without a true detection: an infinite score, at which nothing is used.
    """
    true, false, counting = _judged(records, iou, area)
    objects = int(counting.sum())
    order = np.argsort(-records.scores, kind="stable")
    scores, right, wrong = records.scores[order], np.cumsum(true[order]), np.cumsum(false[order])
    if not objects or not len(scores) or not right[-1]:
        return OperatingPoint(float("inf"), 0.0, 0.0, 0.0)
    last = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    f1 = 2 * right[last] / (right[last] + wrong[last] + objects)
    best = last[np.argmax(f1)]
    precision, recall = right[best] / (right[best] + wrong[best]), right[best] / objects
    return OperatingPoint(float(scores[best]), float(f1.max()), float(precision), float(recall))


def image_errors(records: MatchRecords, images: int, score: float, *, iou: float = IOU, area: str = "all") -> Ints:
    """Objects missed and false detections of each image, (I,) int64, when those of at least `score` are used."""
    true, false, counting = _judged(records, iou, area)
    used = records.scores >= score
    objects = np.bincount(records.object_images[counting], minlength=images)
    found = np.bincount(records.images[true & used], minlength=images)
    return objects - found + np.bincount(records.images[false & used], minlength=images)


def _judged(records: MatchRecords, iou: float, area: str) -> tuple[Bools, Bools, Bools]:
    """Whether each detection is true, whether it is false, and whether each object counts."""
    bit, at = int(chosen_thresholds(records.iou_thresholds, iou)[0]), records.areas.index(area)
    matched, true = np.zeros(len(records.scores), dtype=np.bool_), np.zeros(len(records.scores), dtype=np.bool_)
    matched[records.contenders] = bit_set(records.matched[:, at], bit)
    true[records.contenders] = bit_set(records.matched[:, at] & ~records.ignored[:, at], bit)
    return true, ~matched & bit_set(records.in_area, at), bit_set(records.counting, at)
