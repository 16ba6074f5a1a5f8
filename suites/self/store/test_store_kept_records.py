"""Where match records lie: beside the baseline while they are small, else in the cache; older ones go."""

from __future__ import annotations

import hashlib

import pytest

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.kept_records import MOST_BESIDE, drop_older_records, keep_records, read_records

REMEDY = "commit the .records file that was written with it, or record anew: pytest --rfperf-record"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def baseline(tmp_path):
    return tmp_path / "baselines" / "cpu" / "street" / "fast.json"


def beside(baseline):
    return sorted(path.name for path in baseline.parent.glob("*")) if baseline.parent.is_dir() else []


def cached():
    return sorted(path.name for path in (cache_folder() / "records").glob("*"))


def name_of(content, stem="fast"):
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.records"


def test_small_records_lie_beside_the_baseline_under_their_hash(baseline):
    sha256, place = keep_records(baseline, b"small")
    assert (sha256, place) == (hashlib.sha256(b"small").hexdigest(), baseline.parent / name_of(b"small"))
    assert (beside(baseline), cached()) == ([name_of(b"small")], [])
    content, where = read_records(baseline, sha256)
    assert (content, where) == (b"small", name_of(b"small"))


@pytest.mark.parametrize(("size", "is_beside"), [(MOST_BESIDE, True), (MOST_BESIDE + 1, False)])
def test_records_of_more_than_two_megabytes_lie_in_the_cache(baseline, size, is_beside):
    content = bytes(size)
    sha256, _ = keep_records(baseline, content)
    assert (len(beside(baseline)), cached()) == ((1, []) if is_beside else (0, [f"{sha256}.records"]))
    assert read_records(baseline, sha256)[0] == content


def test_two_megabytes_are_meant_in_powers_of_ten():
    assert MOST_BESIDE == 2_000_000


def test_records_that_are_nowhere_name_both_places_and_the_way_out(baseline):
    sha256 = hashlib.sha256(b"gone").hexdigest()
    with pytest.raises(StoreError) as caught:
        read_records(baseline, sha256)
    assert str(caught.value) == (
        f"fast.json names match records {sha256[:12]}, which are neither beside it nor in the cache of this machine (those "
        f"of more than 2 MB stay where they were recorded); {REMEDY}"
    )


@pytest.mark.parametrize("content", [b"small", bytes(MOST_BESIDE + 1)], ids=["beside", "cached"])
def test_records_that_are_not_those_of_their_hash_are_refused(baseline, content):
    sha256, place = keep_records(baseline, content)
    place.write_bytes(b"other")
    with pytest.raises(StoreError) as caught:
        read_records(baseline, sha256)
    assert str(caught.value) == f"{place.name} is not what fast.json names (sha256 {sha256[:12]}); {REMEDY}"


def test_a_hash_that_only_begins_alike_is_another(baseline):
    """The name shows twelve digits; all of them are compared."""
    sha256, _ = keep_records(baseline, b"small")
    with pytest.raises(StoreError, match=r"is not what fast\.json names"):
        read_records(baseline, sha256[:12] + "0" * 52)


def test_older_records_of_the_model_are_dropped_and_the_newest_are_not(baseline):
    for content in (b"one", b"two"):
        keep_records(baseline, content)
    drop_older_records(baseline, keep_records(baseline, b"three")[0])
    assert beside(baseline) == [name_of(b"three")]


@pytest.mark.parametrize(
    "other",
    [
        name_of(b"one", stem="fast.v2"),
        name_of(b"one", stem="faster"),
        name_of(b"one", stem="very.fast"),
        name_of(b"one", stem="fa"),
        "fast.notes.records",
        "fast.0123456789AB.records",
        "fast.0123456789abc.records",
        "fast.records",
        "fast.json",
        "fast.0123456789ab.records.bak",
        "fast.0123456789ab.records.records",
    ],
)
def test_files_of_another_model_or_kind_are_left_alone(baseline, other):
    sha256, _ = keep_records(baseline, b"new")
    (baseline.parent / other).write_bytes(b"")
    drop_older_records(baseline, sha256)
    assert other in beside(baseline)


def test_a_name_with_signs_of_a_pattern_drops_only_its_own(tmp_path):
    baseline, like_it = tmp_path / "a+b.json", tmp_path / "aab.json"
    for path in (baseline, like_it):
        keep_records(path, b"one")
    drop_older_records(baseline, keep_records(baseline, b"two")[0])
    kept = sorted(path.name for path in tmp_path.glob("*.records"))
    assert kept == sorted([name_of(b"two", "a+b"), name_of(b"one", "aab")])


def test_all_older_records_are_dropped_where_the_newest_lie_in_the_cache(baseline):
    keep_records(baseline, b"small")
    sha256, _ = keep_records(baseline, bytes(MOST_BESIDE + 1))
    drop_older_records(baseline, sha256)
    assert beside(baseline) == []
    assert read_records(baseline, sha256)[0] == bytes(MOST_BESIDE + 1)


def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        keep_records(tmp_path / "file" / "fast.json", b"small")
