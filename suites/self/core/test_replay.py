"""Replay: which recorded detections a later pass makes again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import coco_results, ground_truth

from pytest_rfperf.core.matching import match
from pytest_rfperf.core.replay import replay

TRUTH = ground_truth([(0, 0, 0, 0, 40, 40), (1, 1, 0, 0, 40, 40)])
ROWS = [(0, 0, 0, 0, 40, 40, 0.9), (0, 0, 90, 90, 40, 40, 0.5), (1, 1, 0, 0, 40, 40, 0.8), (1, 1, 90, 0, 40, 40, 0.3)]


def records(rows):
    return match(TRUTH, coco_results(rows), 2)


def changed(rank, **columns):
    """The rows with one changed; columns are those of a row by name."""
    names = ("image", "category", "left", "top", "width", "height", "score")
    row = [columns.get(name, value) for name, value in zip(names, ROWS[rank], strict=True)]
    return [*ROWS[:rank], row, *ROWS[rank + 1 :]]


def test_the_same_pass_is_found_whole():
    found = replay(records(ROWS), records(ROWS), score=0)
    assert found.found.all()
    assert (found.added, found.lost_by_image.tolist()) == (0, [0, 0])


def test_a_missing_box_is_lost_in_its_image_and_its_neighbours_are_not():
    found = replay(records(ROWS), records(ROWS[1:]), score=0.05)
    assert found.found.tolist() == [False, True, True, True]
    assert found.lost_by_image.tolist() == [1, 0]


def test_another_class_another_image_and_another_match_are_another_detection():
    for other in (changed(1, category=1), changed(1, image=1), changed(0, width=30)):
        found = replay(records(ROWS), records(other), score=0.05)
        assert (int(found.found.sum()), found.added) == (3, 1), other


def test_a_score_may_differ_by_just_the_tolerance():
    before = records(ROWS)
    assert replay(before, records(changed(2, score=0.75)), score=0.05).found.all()
    assert not replay(before, records(changed(2, score=0.7499)), score=0.05).found.all()


def test_one_new_detection_stands_for_one_recorded_one_only():
    twice = [*ROWS, (0, 0, 90, 0, 40, 40, 0.52)]
    assert int(replay(records(twice), records(ROWS), score=0.05).found.sum()) == 4
    assert replay(records(ROWS), records(twice), score=0.05).added == 1


def most_pairs(before, now, most):
    """The largest number of pairs of one key, by augmenting paths: slow, and known to be right."""
    partner: dict[int, int] = {}

    def finds(row, seen):
        for other, (key, score) in enumerate(now):
            if other in seen or key != before[row][0] or abs(score - before[row][1]) > most + 1e-9:
                continue
            seen.add(other)
            if other not in partner or finds(partner[other], seen):
                partner[other] = row
                return True
        return False

    return sum(finds(row, set()) for row in range(len(before)))


def keyed(one):
    """Image, category and states of each detection, with its score."""
    states = np.zeros((len(one.scores), 2 * len(one.areas)), dtype=np.uint64)
    states[one.contenders] = np.hstack([one.matched, one.ignored])
    places = zip(one.images.tolist(), one.categories.tolist(), states.tolist(), strict=True)
    return [(place, score) for place, score in zip(places, one.scores.tolist(), strict=True)]


@settings(max_examples=60, deadline=None)
@given(case=strategies.coco_cases(), seed=st.integers(0, 99), most=st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_as_many_are_paired_as_can_be(case, seed, most):
    """On the same detections with other scores, some of them gone."""
    random, truth, k = np.random.default_rng(seed), case.truth, case.category_count
    scores = np.clip(case.results.scores + random.normal(0, 0.1, len(case.results.scores)), 0, 1)
    later = replace(case.results, scores=scores).where(random.random(len(scores)) < 0.9)
    before, now = match(truth, case.results, k), match(truth, later, k)
    assert int(replay(before, now, score=most).found.sum()) == most_pairs(keyed(before), keyed(now), most)


def test_nothing_recorded_or_nothing_made_is_no_error():
    assert replay(records([]), records(ROWS), score=0.05).added == 4
    assert replay(records(ROWS), records([]), score=0.05).found.tolist() == [False] * 4
