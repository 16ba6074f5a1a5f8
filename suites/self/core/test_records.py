"""Match records: those of some images merge into those of all, and columns that contradict each other are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import assert_same_records, coco_results, ground_truth

from pytest_rfperf.core.matching import match
from pytest_rfperf.core.records import bit_set, edges_of, merged, only_categories

relaxed = settings(max_examples=50, deadline=None)


def shard(case, images, protocol=strategies.COCO):
    """The records of some images alone."""
    return match(
        case.truth.where(np.isin(case.truth.images, images)),
        case.results.where(np.isin(case.results.images, images)),
        case.category_count,
        iou_thresholds=protocol.iou_thresholds,
        area_ranges=protocol.area_ranges,
        max_detections=max(protocol.max_detections),
    )


def example():
    """Two categories and two images; a detection of each category is a contender."""
    truth = ground_truth([(0, 0, 0, 0, 10, 10), (1, 1, 0, 0, 10, 10)])
    results = coco_results(
        [(0, 0, 0, 0, 10, 10, 0.9), (1, 0, 50, 50, 5, 5, 0.8), (1, 1, 0, 0, 10, 9, 0.7), (0, 1, 50, 50, 5, 5, 0.9)]
    )
    return match(truth, results, 2)


@relaxed
@given(strategies.coco_cases() | strategies.large_coco_cases(), strategies.any_protocols(), st.randoms())
def test_records_of_single_images_merge_in_any_order_into_those_of_the_whole(case, protocol, random):
    images = list(range(case.image_count))
    random.shuffle(images)
    whole = shard(case, images, protocol)
    assert_same_records(merged([shard(case, [image], protocol) for image in images]), whole)


@relaxed
@given(strategies.coco_cases(), st.data())
def test_it_does_not_matter_which_records_merge_first(case, data):
    part = np.array([data.draw(st.integers(0, 3)) for _ in range(case.image_count)])
    a, b, c, d = (shard(case, np.flatnonzero(part == index)) for index in range(4))
    whole = shard(case, np.arange(case.image_count))
    assert_same_records(merged([merged([a, b]), merged([c, d])]), whole)
    assert_same_records(merged([d, merged([merged([c, b]), a])]), whole)


@relaxed
@given(strategies.coco_cases())
def test_records_merge_with_nothing_and_alone_into_themselves(case):
    whole, nothing = shard(case, np.arange(case.image_count)), shard(case, [])
    assert_same_records(merged([whole]), whole)
    assert_same_records(merged([nothing, whole, nothing]), whole)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"iou_thresholds": [0.5]}, r"different iou_thresholds cannot be merged: \(0.5, 0.55.*\) and \(0.5,\)"),
        ({"area_ranges": {"all": (0.0, 1e10)}}, "different area_ranges cannot be merged"),
        ({"max_detections": 10}, "different max_detections cannot be merged: 100 and 10"),
    ],
)
def test_records_of_another_protocol_are_not_merged(protocol, message):
    other = match(ground_truth([(2, 0, 0, 0, 10, 10)]), coco_results([]), 2, **protocol)
    with pytest.raises(ValueError, match=f"^match records of {message}"):
        merged([example(), other])


def test_records_of_other_categories_are_not_merged():
    other = match(ground_truth([(2, 0, 0, 0, 10, 10)]), coco_results([]), 3)
    with pytest.raises(ValueError, match=r"^match records of different category_count cannot be merged: 2 and 3$"):
        merged([example(), other])


@pytest.mark.parametrize("rows", [([], [(1, 0, 0, 0, 9, 9, 0.5)]), ([(1, 0, 0, 0, 9, 9)], [])], ids=["found", "truth"])
def test_records_that_share_an_image_are_not_merged(rows):
    """Were they, a detection of one could have taken an object of the other."""
    other = match(ground_truth(rows[0]), coco_results(rows[1]), 2)
    with pytest.raises(ValueError, match=r"^match records that share image 1 cannot be merged$"):
        merged([example(), other])


@relaxed
@given(strategies.coco_cases(), st.data())
def test_the_records_of_some_categories_are_those_of_their_rows_alone(case, data):
    kept = sorted(data.draw(st.sets(st.integers(0, case.category_count - 1))))
    rank = np.full(case.category_count, -1)
    rank[kept] = np.arange(len(kept))
    truth = case.truth.where(np.isin(case.truth.categories, kept))
    results = case.results.where(np.isin(case.results.categories, kept))
    alone = match(
        replace(truth, categories=rank[truth.categories]),
        replace(results, categories=rank[results.categories]),
        len(kept),
    )
    chosen = only_categories(shard(case, np.arange(case.image_count)), kept)
    assert_same_records(replace(chosen, image_count=alone.image_count), alone)
    chosen.check()


@relaxed
@given(strategies.coco_cases() | strategies.large_coco_cases(), strategies.any_protocols())
def test_what_matching_makes_contradicts_nothing(case, protocol):
    shard(case, np.arange(case.image_count), protocol).check()


def test_contenders_of_a_chosen_category_point_to_its_own_detections():
    """The second contender stands at row 3 of all detections, and at row 1 of its category's."""
    records = example()
    assert (records.contenders.tolist(), records.edges.tolist()) == ([0, 3], [0, 2, 4])
    chosen = only_categories(records, [1])
    assert (chosen.contenders.tolist(), chosen.edges.tolist()) == ([1], [0, 2])
    assert chosen.scores.tolist() == [0.9, 0.7]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda r: {"iou_thresholds": (0.5,) * 65}, "more than 64 thresholds or area ranges"),
        (
            lambda r: {
                "area_ranges": {str(i): (0.0, 1.0) for i in range(65)},
                "matched": np.zeros((len(r.contenders), 65), np.uint64),
                "ignored": np.zeros((len(r.contenders), 65), np.uint64),
            },
            "more than 64 thresholds or area ranges",
        ),
        (lambda r: {"object_edges": r.object_edges[:-1]}, "edges are not of one length"),
        (lambda r: {"contender_edges": np.append(r.contender_edges, 2)}, "edges are not of one length"),
        (lambda r: {"edges": r.edges[:0]}, "edges are not of one length"),
        (lambda r: {"edges": r.edges + np.array([1, 0, 0])}, "edges do not ascend to the end"),
        (lambda r: {"edges": r.edges[[0, 2, 1]]}, "edges do not ascend to the end"),
        (lambda r: {"edges": r.edges - np.array([0, 0, 1])}, "edges do not ascend to the end"),
        (lambda r: {"contender_edges": r.contender_edges + np.array([0, 0, 1])}, "edges do not ascend to the end"),
        (lambda r: {"object_edges": np.array([0, -1, 2])}, "edges do not ascend to the end"),
        (lambda r: {"ranks": r.ranks[:-1]}, "detections are not of one length"),
        (lambda r: {"scores": np.append(r.scores, 0.1)}, "detections are not of one length"),
        (lambda r: {"in_area": r.in_area[:-1]}, "detections are not of one length"),
        (lambda r: {"matched": r.matched[:-1]}, "states are not of one length"),
        (lambda r: {"ignored": r.ignored[:, :-1]}, "states are not of one length"),
        (lambda r: {"counting": r.counting[:-1]}, "objects are not of one length"),
        (lambda r: {"image_count": 1}, "an image is not there"),
        (lambda r: {"images": r.images - 1}, "an image is not there"),
        (lambda r: {"object_images": r.object_images + 1}, "an image is not there"),
        (lambda r: {"ranks": r.ranks - 1}, "a rank is negative"),
        (lambda r: {"scores": np.array([np.inf, 0.8, 0.9, 0.7])}, "a score is not finite"),
        (lambda r: {"scores": np.array([0.9, np.nan, 0.9, 0.7])}, "a score is not finite"),
        (lambda r: {"scores": r.scores[[1, 0, 2, 3]]}, "scores do not fall"),
        (lambda r: {"scores": r.scores[[0, 1, 3, 2]]}, "scores do not fall"),
        (lambda r: {"contenders": r.contenders[::-1]}, "contenders are no ascending rows of their category"),
        (lambda r: {"contenders": np.array([0, 1])}, "contenders are no ascending rows of their category"),
        (lambda r: {"contenders": np.array([0, 4])}, "contenders are no ascending rows of their category"),
        (lambda r: {"contenders": np.array([-1, 3])}, "contenders are no ascending rows of their category"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(change, broken):
    records = example()
    records.check()
    with pytest.raises(ValueError, match=f"^{broken}$"):
        replace(records, **change(records)).check()


def test_equal_scores_and_a_higher_score_of_the_next_category_are_no_contradiction():
    records = example()
    replace(records, scores=np.array([0.5, 0.5, 0.9, 0.9])).check()


def test_records_without_any_edge_are_refused():
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match=r"^edges are not of one length$"):
        replace(example(), edges=none, contender_edges=none, object_edges=none).check()


def test_objects_that_count_are_counted_by_range_and_category():
    """A crowd and an ignored object never count; one of 900 square pixels is small."""
    boxes = [(0, 0, 0, 0, 30, 30), (0, 1, 0, 0, 100, 100), (1, 1, 0, 0, 30, 30), (1, 1, 50, 0, 30, 30)]
    records = match(ground_truth(boxes, crowd=[2], ignore=[3]), coco_results([]), 3)
    assert records.areas == ("all", "small", "medium", "large")
    assert records.object_counts.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert records.object_categories.tolist() == [0, 1, 1, 1]


def test_categories_follow_from_where_they_begin():
    assert edges_of(np.array([0, 0, 2]), 4).tolist() == [0, 2, 2, 3, 3]
    assert example().categories.tolist() == [0, 0, 1, 1]


def test_the_last_bit_of_a_word_can_be_read():
    assert bit_set(np.array([1 << 63, 1], dtype=np.uint64), 63).tolist() == [True, False]
