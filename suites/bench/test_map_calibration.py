"""How often a verdict on accuracy is wrong, by simulation with known truth.

    RFPERF_SETS=2000 pytest suites/bench/test_map_calibration.py -s

Each set is a small dataset from the same generator as one of 200,000 images, whose figures stand for the truth. A
gate is asked exactly at the boundary, where it errs most: FAIL is wrong where the upper limit lies below the truth,
PASS where the lower one lies above it. The bar: the 99 % binomial interval of either rate reaches 5 % or lies below.
It is asked of differences everywhere, and of single figures but where classes are rare.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from paired_world import World, both
from scipy.stats import beta

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.resampling import resampled_ap, resampled_difference

SETS = int(os.environ.get("RFPERF_SETS", "100"))
SEED = 20261124
RATE, CERTAINTY = 0.05, 0.99
POPULATION = 200_000
WORLDS = {
    "150 images, 3 classes": World(150),
    "60 images, 3 classes": World(60),
    "128 images, 20 rare classes": World(128, categories=20, objects_per_class=0.08),
    "150 images, equal models": World(150, shift=0.0),
    "100 images, one object each, perfect but for 1 %": World(100, categories=1, missed=0.01),
}
BIASED = ("128 images, 20 rare classes",)
"""Where average precision itself is too high, which no redrawing of the same images can show."""


def true_figures(world):
    whole = both(np.random.default_rng([SEED, 0]), world._replace(images=POPULATION))
    first, second = (accumulate(side, max_detections=(100,)).ap() for side in whole)
    return {"difference": second - first, "one AP": second}


def limits(sides, images):
    return {
        "difference": resampled_difference(*sides, images),
        "one AP": resampled_ap(sides[1], images),
    }


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", WORLDS)
def test_wrong_verdicts_at_the_boundary(name, record_property):
    world = WORLDS[name]
    truth = true_figures(world)
    wrong = {figure: np.zeros(2, dtype=int) for figure in truth}
    for number in range(SETS):
        sides = both(np.random.default_rng([SEED, 1, number]), world)
        for figure, found in limits(sides, world.images).items():
            wrong[figure] += [found.high < truth[figure], found.low > truth[figure]]
    print(f"\n{name}, {SETS} sets, seed {SEED}")
    for figure, counts in wrong.items():
        rates = {what: count / SETS for what, count in zip(("FAIL", "PASS"), counts, strict=True)}
        print(f"  {figure:10s}  wrong FAIL {rates['FAIL']:.2%}, wrong PASS {rates['PASS']:.2%}")
        record_property(f"{figure} wrong", rates)
    judged = wrong if name not in BIASED else {"difference": wrong["difference"]}
    assert all(reaches(count) for counts in judged.values() for count in counts)


def reaches(count):
    """Whether the interval of the rate begins at 5 % or below."""
    low = beta.ppf((1 - CERTAINTY) / 2, count, SETS - count + 1) if count else 0.0
    return low <= RATE
