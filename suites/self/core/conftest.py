"""The metric core's tests run on every tier that is there: a rule that holds on one holds on both."""

from __future__ import annotations

import pytest

from pytest_rfperf.core.tier import available, forced

TIERS = ("numpy", "c") if available() else ("numpy",)
OF_BOTH = {"test_average_precision", "test_matching", "test_nms", "test_records", "test_resampling"}


def pytest_generate_tests(metafunc):
    if metafunc.module.__name__.rpartition(".")[2] in OF_BOTH:
        metafunc.fixturenames.append("on_tier")
        metafunc.parametrize("on_tier", TIERS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def on_tier(request):
    with forced(request.param):
        yield request.param
