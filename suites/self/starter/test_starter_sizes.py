"""Which file is the small one, and what models are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_rfperf.errors import UsageError
from pytest_rfperf.starter.sizes import fit_name, hinted_rank, named, size_bytes, smallest_first


def files(tmp_path, **sizes):
    """Files of so many bytes, by stem."""
    paths = []
    for stem, count in sizes.items():
        path = tmp_path / f"{stem}.onnx"
        path.write_bytes(b"x" * count)
        paths.append(path)
    return paths


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("yolo11n", "yolo11m"),
        ("yolov8s", "yolov8l"),
        ("yolox_nano_416", "yolox_s"),
        ("rtdetr-l", "rtdetr-x"),
        ("deimv2_atto_320", "deimv2_femto_416"),
        ("best_n", "best_m"),
        ("RF-DETR-Nano", "RF-DETR-Base"),
        ("fast", "accurate"),
    ],
)
def test_the_usual_names_of_sizes_are_in_order(small, large):
    assert hinted_rank(Path(f"{small}.onnx")) < hinted_rank(Path(f"{large}.onnx"))


@pytest.mark.parametrize("stem", ["best", "fastestdet_352", "model_int8", "small_to_large"])
def test_a_name_that_says_nothing_or_two_things_is_no_hint(stem):
    assert hinted_rank(Path(f"{stem}.onnx")) is None


def test_names_come_before_the_sizes_of_files(tmp_path):
    large, small = files(tmp_path, best_l=10, best_n=20)
    assert smallest_first([large, small]) == ([small, large], "the names of the files")


@pytest.mark.parametrize("stems", [("a", "b"), ("v1_n", "v2_n"), ("best_n", "other")])
def test_without_two_hints_the_sizes_of_files_decide(tmp_path, stems):
    large, small = files(tmp_path, **{stems[0]: 20, stems[1]: 10})
    assert smallest_first([large, small]) == ([small, large], "the sizes of the files")


def test_external_weights_count(tmp_path):
    (path,) = files(tmp_path, best=0)
    path.write_bytes(b"\n\x08location\x12\x07weights")
    (tmp_path / "weights").write_bytes(b"x" * 100)
    assert size_bytes(path) == path.stat().st_size + 100


def names(given):
    """Names alone."""
    return [name for name, _ in named(given)[0]]


def test_a_pair_is_called_fast_and_accurate_and_one_alone_fast(tmp_path):
    large, small = files(tmp_path, b=20, a=10)
    assert named([("", large), ("", small)]) == (
        [("fast", small), ("accurate", large)],
        "the sizes of the files",
    )
    assert names([("", large)]) == ["fast"]


def test_given_names_and_their_order_are_kept(tmp_path):
    large, small = files(tmp_path, b=20, a=10)
    assert named([("big", large), ("little", small)]) == ([("big", large), ("little", small)], "")
    assert names([("accurate", large), ("", small)]) == ["accurate", "fast"]


def test_three_models_are_called_after_their_files(tmp_path):
    paths = files(tmp_path, best_l=3, best_n=2, best_m=1)
    assert names([("", path) for path in paths]) == ["best_n", "best_m", "best_l"]


def test_two_models_of_one_name_are_refused(tmp_path):
    (path,) = files(tmp_path, a=1)
    with pytest.raises(UsageError, match="two models are called 'x'; give each a name of its own"):
        named([("x", path), ("x", path)])


@pytest.mark.parametrize(
    ("text", "name"), [("best n (1)", "best-n-1"), (".hidden", "hidden"), ("été", "t"), ("--", "data"), ("a.b", "a.b")]
)
def test_any_file_name_makes_a_name(text, name):
    assert fit_name(text, "data") == name
