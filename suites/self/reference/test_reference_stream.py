"""Random numbers that are the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_rfperf.reference.tasks.stream import Stream


def test_the_first_numbers_of_a_name_never_change():
    stream = Stream("pinned", 1)
    assert [stream.integer(0, 999) for _ in range(5)] == [344, 842, 605, 236, 433]
    assert stream.uniform() == 0.8865507524626474
    assert stream.noise(4).tolist() == [
        1.8267862734341715,
        -1.5696830201360288,
        -0.7374803844604618,
        2.4221832810719754,
    ]


def test_equal_names_give_equal_numbers_and_others_do_not():
    assert Stream("a", 1).uniforms(8).tolist() == Stream("a", 1).uniforms(8).tolist()
    assert Stream("a", 1).uniforms(8).tolist() != Stream("a", 2).uniforms(8).tolist()


def test_uniforms_lie_in_the_half_open_interval():
    values = Stream("range").uniforms(10_000)
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 0.02


def test_integers_reach_both_ends():
    stream = Stream("ends")
    assert {stream.integer(2, 4) for _ in range(100)} == {2, 3, 4}


def test_directions_are_unit_vectors_all_round():
    stream = Stream("directions")
    found = np.array([stream.direction() for _ in range(400)])
    assert np.hypot(*found.T) == pytest.approx(1.0)
    quarters = {(x > 0, y > 0) for x, y in found.tolist()}
    assert len(quarters) == 4


def test_noise_has_no_mean_and_a_deviation_of_one():
    values = Stream("noise").noise(200, 201)
    assert values.shape == (200, 201)
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
