"""Whether two numbers may be compared, and if not, which field forbids it."""

from __future__ import annotations

import hashlib

import pytest

from pytest_rfperf.store.baseline import StoredAccuracy, StoredRun
from pytest_rfperf.store.protocol import AccuracyRunOf, accuracy_difference, difference, latency_difference

SAME, OTHER = (hashlib.sha256(content).hexdigest() for content in (b"same", b"other"))


RAN = {"cpu": "a", "onnxruntime": "1.2", "governor": "performance"}


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
        environment=RAN,
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
    assert accuracy_difference(run(), AccuracyRunOf({"score floor": floor}, {"labels": labels}, RAN, sha256)) == said


def test_where_no_accuracy_was_recorded_nothing_differs():
    assert accuracy_difference(run(accuracy=False), AccuracyRunOf({"score floor": "0.02"}, {}, RAN, SAME)) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"onnxruntime": "1.3"}, "onnxruntime was 1.2, now 1.3"),
        ({"opencv": "5"}, "opencv was not recorded, now 5"),
        ({"cpu": "b", "governor": "powersave", "python": "3.13", "visible cores": "2"}, None),
    ],
)
def test_accuracy_depends_on_the_libraries_and_not_on_what_only_makes_them_quick(change, said):
    now = AccuracyRunOf({"score floor": "0.01"}, {"labels": "a"}, RAN | change, SAME)
    assert accuracy_difference(run(), now) == said


@pytest.mark.parametrize(
    ("change", "same_file", "said"),
    [
        ({"nodes": "9 on CPU"}, True, "nodes was 5 on CPU, now 9 on CPU"),
        ({"nodes": "9 on CPU", "decode.nms-iou": "0.6"}, False, None),
        ({"threads": "2"}, False, "threads was 1, now 2"),
    ],
)
def test_numbers_of_another_file_may_differ_in_what_the_file_brings(change, same_file, said):
    stored = {"nodes": "5 on CPU", "threads": "1"}
    assert latency_difference(stored, stored | change, same_file=same_file) == said
