"""The study of the bundled pair: both sizes over five tasks, and what the post of 2022 claims, as tests.

    pytest --target=cpu suites/release

`rfperf study` runs the same tests. The claims are about the bundled pair; for models of your own copy test_release.py.
"""

from __future__ import annotations

from pytest_rfperf.reference.study.test_claims import (
    test_fast_trains_in_less_time,
    test_where_fast_is_middling_accurate_is_better,
    test_where_fast_is_saturated_the_sizes_differ_little,
)
from pytest_rfperf.reference.study.test_sizes import test_sizes

__all__ = [
    "test_fast_trains_in_less_time",
    "test_sizes",
    "test_where_fast_is_middling_accurate_is_better",
    "test_where_fast_is_saturated_the_sizes_differ_little",
]
