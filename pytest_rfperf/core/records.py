"""Match records: the one product of matching, from which every figure of accuracy is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bits = NDArray[np.uint64]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shorts = NDArray[np.int32]


MAX_BITS = 64


@dataclass(frozen=True, slots=True)
class MatchRecords:
    """What average precision and recall need to know of a dataset's detections and objects.

    Detections stand in the stable order (category, descending score, image, order made); *contenders* are the few
    of them that overlap some object enough for the lowest threshold. Objects stand in the order (category, image,
    order annotated). Yes and no are kept as bits: bit t of a state belongs to IoU threshold t, bit a of an area
    word to area range a.

    Attributes
    ----------
    iou_thresholds : tuple of float
        T of them, at most 64.
    area_ranges : dict
        Name to (least, greatest) area in square pixels; A of them, at most 64.
    max_detections : int
        The surest detections of an image and category that took part.
    image_count : int
        I; images are 0 to I - 1.
    edges : (K + 1,) int64
        Where the detections of each category begin.
    images, ranks : (D,) int32
        Image, and place among the detections of the same image and category, surest first.
    scores : (D,) float64
    in_area : (D,) uint64
        Area ranges that hold the area of the detection itself.
    contender_edges : (K + 1,) int64
        Where the contenders of each category begin.
    contenders : (C,) int64
        Ascending rows of detections.
    matched, ignored : (C, A) uint64
        Thresholds at which the contender took an object, and those at which that object counts for nothing.
    object_edges : (K + 1,) int64
        Where the objects of each category begin.
    object_images : (G,) int32
    counting : (G,) uint64
        Area ranges in which the object counts: it is neither ignored, nor a crowd, nor outside.
    """

    iou_thresholds: tuple[float, ...]
    area_ranges: dict[str, tuple[float, float]]
    max_detections: int
    image_count: int
    edges: Ints
    images: Shorts
    ranks: Shorts
    scores: Floats
    in_area: Bits
    contender_edges: Ints
    contenders: Ints
    matched: Bits
    ignored: Bits
    object_edges: Ints
    object_images: Shorts
    counting: Bits

    def check(self) -> None:
        """Refuse columns that contradict each other, as those of a file may.

        Raises
        ------
        ValueError
            Saying which.
        """
        k, counts = self.category_count, (len(self.iou_thresholds), len(self.area_ranges))
        sizes = {"images": self.edges, "contenders": self.contender_edges, "object_images": self.object_edges}
        if not all(len(edges) == k + 1 >= 1 for edges in sizes.values()):
            msg = "edges are not of one length"
            raise ValueError(msg)
        rules = {
            "more than 64 thresholds or area ranges": max(counts) <= MAX_BITS,
            "edges do not ascend to the end": all(
                edges[0] == 0 and (edges[1:] >= edges[:-1]).all() and edges[-1] == len(getattr(self, name))
                for name, edges in sizes.items()
            ),
            "detections are not of one length": len(self.images) == len(self.ranks)
            == len(self.scores) == len(self.in_area),
            "states are not of one length": self.matched.shape == self.ignored.shape
            == (len(self.contenders), len(self.area_ranges)),
            "objects are not of one length": len(self.object_images) == len(self.counting),
            "an image is not there": all(
                not len(images) or 0 <= images.min() <= images.max() < self.image_count
                for images in (self.images, self.object_images)
            ),
            "a rank is negative": not len(self.ranks) or int(self.ranks.min()) >= 0,
            "a score is not finite": bool(np.isfinite(self.scores).all()),
        }  # fmt: skip
        for broken, holds in rules.items():
            if not holds:
                raise ValueError(broken)
        self._check_order()

    def _check_order(self) -> None:
        """Refuse detections that do not stand surest first, and contenders outside their category."""
        category = self.categories
        falling = (self.scores[1:] <= self.scores[:-1]) | (category[1:] != category[:-1])
        if not falling.all():
            msg = "scores do not fall"
            raise ValueError(msg)
        inside = np.repeat(np.arange(self.category_count), np.diff(self.contender_edges))
        rows = self.contenders
        if len(rows) and not (
            (rows[1:] > rows[:-1]).all()
            and 0 <= rows[0] <= rows[-1] < len(category)
            and (category[rows] == inside).all()
        ):
            msg = "contenders are no ascending rows of their category"
            raise ValueError(msg)

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the area ranges."""
        return tuple(self.area_ranges)

    @property
    def category_count(self) -> int:
        """K; categories are 0 to K - 1."""
        return len(self.edges) - 1

    @property
    def categories(self) -> Ints:
        """Category of each detection, (D,) int64."""
        return np.repeat(np.arange(self.category_count), np.diff(self.edges))

    @property
    def object_categories(self) -> Ints:
        """Category of each object, (G,) int64."""
        return np.repeat(np.arange(self.category_count), np.diff(self.object_edges))

    @property
    def object_counts(self) -> Ints:
        """Objects that count, (A, K) int64."""
        categories, k = self.object_categories, self.category_count
        counts = [np.bincount(categories[bit_set(self.counting, a)], minlength=k) for a in range(len(self.areas))]
        return np.array(counts, dtype=np.int64).reshape(len(self.areas), k)


def bit_set(words: Bits, bit: int) -> NDArray[np.bool_]:
    """Whether a bit is set in each word."""
    chosen: NDArray[np.bool_] = (words >> np.uint64(bit)) & np.uint64(1) != 0
    return chosen


def edges_of(categories: Ints, category_count: int) -> Ints:
    """Where each category begins among ascending categories, (K + 1,) int64."""
    return np.searchsorted(categories, np.arange(category_count + 1)).astype(np.int64)


def only_categories(records: MatchRecords, ranks: Sequence[int] | Ints) -> MatchRecords:
    """The records of some categories, given by ascending ranks, which become 0 to len(ranks) - 1."""
    kept = np.asarray(ranks, dtype=np.int64)
    rows, detections = _rows_of(records.edges, kept)
    contender_rows, contenders = _rows_of(records.contender_edges, kept)
    object_rows, objects = _rows_of(records.object_edges, kept)
    moved = np.repeat(detections[:-1] - records.edges[kept], np.diff(contenders))
    return replace(
        records,
        edges=detections,
        images=records.images[rows],
        ranks=records.ranks[rows],
        scores=records.scores[rows],
        in_area=records.in_area[rows],
        contender_edges=contenders,
        contenders=records.contenders[contender_rows] + moved,
        matched=records.matched[contender_rows],
        ignored=records.ignored[contender_rows],
        object_edges=objects,
        object_images=records.object_images[object_rows],
        counting=records.counting[object_rows],
    )


def _rows_of(edges: Ints, kept: Ints) -> tuple[Ints, Ints]:
    """Rows of some categories, and where each begins among them."""
    sizes = edges[kept + 1] - edges[kept]
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.arange(begins[-1]) + np.repeat(edges[kept] - begins[:-1], sizes), begins


def merged(shards: Sequence[MatchRecords]) -> MatchRecords:
    """The records of all images of some records, whatever the order in which they are given.

    Matching never looks beyond one image, so records of disjoint images merge into those of the whole, bit for bit.

    Parameters
    ----------
    shards : sequence of MatchRecords
        At least one; of one protocol and the same categories, each image in one of them only.

    Raises
    ------
    ValueError
        If they differ in a threshold, an area range, a limit or the number of categories, or share an image.
    """
    _check_mergeable(shards)
    first = shards[0]
    images = np.concatenate([shard.images for shard in shards])
    scores = np.concatenate([shard.scores for shard in shards])
    categories = np.concatenate([shard.categories for shard in shards])
    order = np.lexsort((images, -scores, categories))
    slots = np.concatenate([_slots(shard, begin) for shard, begin in zip(shards, _begins(shards), strict=True)])[order]
    contenders = np.flatnonzero(slots >= 0)
    object_images = np.concatenate([shard.object_images for shard in shards])
    object_categories = np.concatenate([shard.object_categories for shard in shards])
    by_object = np.lexsort((object_images, object_categories))
    k = first.category_count
    return MatchRecords(
        iou_thresholds=first.iou_thresholds,
        area_ranges=first.area_ranges,
        max_detections=first.max_detections,
        image_count=max(shard.image_count for shard in shards),
        edges=edges_of(categories[order], k),
        images=images[order],
        ranks=np.concatenate([shard.ranks for shard in shards])[order],
        scores=scores[order],
        in_area=np.concatenate([shard.in_area for shard in shards])[order],
        contender_edges=edges_of(categories[order][contenders], k),
        contenders=contenders,
        matched=np.concatenate([shard.matched for shard in shards])[slots[contenders]],
        ignored=np.concatenate([shard.ignored for shard in shards])[slots[contenders]],
        object_edges=edges_of(object_categories[by_object], k),
        object_images=object_images[by_object],
        counting=np.concatenate([shard.counting for shard in shards])[by_object],
    )


def _begins(shards: Sequence[MatchRecords]) -> list[int]:
    """Contenders before each of the shards."""
    sizes = [len(shard.contenders) for shard in shards]
    return [sum(sizes[:i]) for i in range(len(sizes))]


def _slots(shard: MatchRecords, begin: int) -> Ints:
    """Place of each detection among all contenders; -1 for one that is none."""
    slots = np.full(len(shard.images), -1, dtype=np.int64)
    slots[shard.contenders] = begin + np.arange(len(shard.contenders))
    return slots


def _check_mergeable(shards: Sequence[MatchRecords]) -> None:
    for field in ("iou_thresholds", "area_ranges", "max_detections", "category_count"):
        values = [getattr(shard, field) for shard in shards]
        for value in values:
            if value != values[0]:
                msg = f"match records of different {field} cannot be merged: {values[0]} and {value}"
                raise ValueError(msg)
    seen = [np.unique(np.concatenate([shard.images, shard.object_images])) for shard in shards]
    images, times = np.unique(np.concatenate(seen), return_counts=True)
    if (times > 1).any():
        msg = f"match records that share image {images[np.argmax(times > 1)]} cannot be merged"
        raise ValueError(msg)
