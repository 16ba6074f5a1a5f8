"""Whether two numbers may be compared, and if not, which field forbids it."""

from __future__ import annotations

import hashlib

import pytest

from pytest_rfperf.store.baseline import StoredAccuracy, StoredRun
from pytest_rfperf.store.protocol import accuracy_difference, difference

SAME, OTHER = (hashlib.sha256(content).hexdigest() for content in (b"same", b"other"))


def test_equal_protocols_differ_in_nothing():
    assert difference({"a": "1", "b": "2"}, {"b": "2", "a": "1"}) is None


@pytest.mark.parametrize(
    ("stored", "current", "said"),
    [
        ({"a": "1", "b": "2"}, {"a": "3", "b": "4"}, "a was 1, now 3"),
        ({"b": "2"}, {"a": "1", "b": "2"}, "a was not recorded, now 1"),
        ({"a": "1", "b": "2"}, {"b": "2"}, "a was 1, now not recorded"),
    ],
)
def test_the_first_field_that_differs_is_named_with_both_values(stored, current, said):
    assert difference(stored, current) == said


def run(*, accuracy=True):
    passed = StoredAccuracy(images=2, values={}, protocol={"score floor": "0.01"}, model={"labels": "a"})
    return StoredRun(
        recorded="2024-05-01",
        artifact="fast.onnx",
        artifact_sha256=SAME,
        environment={},
        verdicts=[],
        accuracy=passed if accuracy else None,
    )


@pytest.mark.parametrize(
    ("floor", "labels", "sha256", "said"),
    [
        ("0.01", "a", SAME, None),
        ("0.01", "b", SAME, "labels was a, now b"),
        ("0.01", "b", OTHER, None),
        ("0.02", "a", OTHER, "score floor was 0.01, now 0.02"),
        ("0.02", "b", SAME, "score floor was 0.01, now 0.02"),
    ],
)
def test_another_file_may_be_prepared_and_read_otherwise_but_not_evaluated_otherwise(floor, labels, sha256, said):
    assert accuracy_difference(run(), {"score floor": floor}, {"labels": labels}, sha256) == said


def test_where_no_accuracy_was_recorded_nothing_differs():
    assert accuracy_difference(run(accuracy=False), {"score floor": "0.02"}, {}, SAME) is None
