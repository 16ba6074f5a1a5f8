"""Baselines: what is written comes back, in an order made for diffs, and nothing broken is believed."""

import difflib
import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.errors import StoreError
from pytest_rfperf.store import baseline as module
from pytest_rfperf.store.baseline import (
    Baseline,
    StoredAccuracy,
    StoredLatency,
    StoredRun,
    add_run,
    baseline_path,
    decode_baseline,
    read_baseline,
    shown_path,
)
from pytest_rfperf.store.seal import seal_of

NAMES = ("fast", "cpu", "street")


def stored(recorded="2024-05-01T12:00:00+00:00", samples="AAAA"):
    return StoredRun(
        recorded=recorded,
        artifact="fast.onnx",
        artifact_sha256=hashlib.sha256(b"fast").hexdigest(),
        environment={"threads": "1", "cpu": "fake"},
        verdicts=["min_map: AP 0.5 >= 0.4"],
        latency=[
            StoredLatency(
                shape="end-to-end",
                calls=3,
                failed=1,
                p50_ms=0.1 + 0.2,
                p95_ms=None,
                clean_p50_ms=0.25,
                protocol={"seed": "0"},
                samples=samples,
            )
        ],
        accuracy=StoredAccuracy(
            images=2,
            values={"AP50": 1 / 3, "AP": -1.0},
            protocol={"score floor": "0.01"},
            model={"labels": "square, disc", "classes": "abc"},
            records_sha256=hashlib.sha256(b"records").hexdigest(),
        ),
        others={"memory MB": 100.5},
        recorded_by="Ada",
        commit="0123456789abcdef0123456789abcdef01234567+changes",
        run="20240501T120000-abc123",
    )


def sealed(run):
    """A run as it comes back from a file."""
    return msgspec.structs.replace(run, seal=seal_of(run, NAMES))


GOLDEN = """{
 "dataset": "street",
 "model": "fast",
 "runs": [
  {
   "accuracy": {
    "images": 2,
    "model": {
     "classes": "abc",
     "labels": "square, disc"
    },
    "protocol": {
     "score floor": "0.01"
    },
    "records_bytes": 0,
    "records_sha256": "%s",
    "values": {
     "AP": -1.0,
     "AP50": 0.3333333333333333
    }
   },
   "artifact": "fast.onnx",
   "artifact_sha256": "%s",
   "commit": "0123456789abcdef0123456789abcdef01234567+changes",
   "despite": "",
   "environment": {
    "cpu": "fake",
    "threads": "1"
   },
   "latency": [
    {
     "calls": 3,
     "clean_p50_ms": 0.25,
     "failed": 1,
     "p50_ms": 0.30000000000000004,
     "p95_ms": null,
     "protocol": {
      "seed": "0"
     },
     "samples": "AAAA",
     "shape": "end-to-end"
    }
   ],
   "others": {
    "memory MB": 100.5
   },
   "reason": "",
   "recorded": "2024-05-01T12:00:00+00:00",
   "recorded_by": "Ada",
   "run": "20240501T120000-abc123",
   "seal": "%s",
   "verdicts": [
    "min_map: AP 0.5 >= 0.4"
   ]
  }
 ],
 "schema": 2,
 "target": "cpu"
}
"""


def golden(run, seal):
    return GOLDEN % (run.accuracy.records_sha256, run.artifact_sha256, seal)


@pytest.fixture
def path(tmp_path):
    return baseline_path(tmp_path, "cpu", "street", "fast")


def test_there_is_no_baseline_before_the_first_run(path):
    assert read_baseline(path) is None


def test_what_is_written_comes_back(path):
    add_run(path, NAMES, stored())
    runs = [sealed(stored())]
    assert read_baseline(path) == Baseline(schema=2, model="fast", target="cpu", dataset="street", runs=runs)


def test_a_file_is_indented_with_sorted_keys_for_the_reader_of_a_diff(path):
    add_run(path, NAMES, stored())
    seal = "55de27e34c164f7b66650b71da310f92f04f1e7266af9071a0bcd6cc2acb3c37"
    assert path.read_text() == golden(stored(), seal)


def test_a_second_recording_only_adds_lines_to_the_file(path):
    """So that the diff that is reviewed shows the new run, and nothing of the old one."""
    add_run(path, NAMES, stored())
    before = path.read_text().splitlines()
    add_run(path, NAMES, stored(recorded="2024-06-01T12:00:00+00:00"))
    changes = [line for line in difflib.ndiff(before, path.read_text().splitlines()) if line[0] in "-+?"]
    assert {line[0] for line in changes} == {"+"}
    assert len(changes) == len(before) - 8


def test_the_newest_run_comes_first_and_the_last_twenty_are_kept(path):
    for second in range(25):
        add_run(path, NAMES, stored(recorded=f"{second:02}"))
    assert [run.recorded for run in read_baseline(path).runs] == [f"{second:02}" for second in range(24, 4, -1)]


def test_the_oldest_runs_go_where_the_file_would_pass_its_limit(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 20_000)
    for second in range(6):
        add_run(path, NAMES, stored(recorded=str(second), samples="A" * 5_000))
    assert [run.recorded for run in read_baseline(path).runs] == ["5", "4", "3"]
    assert path.stat().st_size <= 20_000


def test_a_run_of_any_length_can_be_read_after_it_was_written(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 20_000)
    add_run(path, NAMES, stored(samples="A" * 50_000))
    assert read_baseline(path).runs[0].recorded == stored().recorded


def test_a_file_far_above_the_limit_is_refused(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    path.parent.mkdir(parents=True)
    path.write_bytes(b" " * 201)
    with pytest.raises(StoreError) as caught:
        read_baseline(path)
    assert str(caught.value) == f"{path}: 201 bytes; a baseline has at most 100"


@pytest.mark.parametrize(
    ("schema", "what_to_do"),
    [
        (3, "upgrade pytest-rfperf"),
        (
            1,
            "an earlier version wrote it, without seals; delete it and record anew: pytest --rfperf-record",
        ),
    ],
)
def test_a_schema_of_another_version_is_refused(path, schema, what_to_do):
    add_run(path, NAMES, stored())
    path.write_text(path.read_text().replace('"schema": 2', f'"schema": {schema}'))
    for attempt in (lambda: read_baseline(path), lambda: add_run(path, NAMES, stored())):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value) == f"{path} has schema {schema}; this version reads schema 2: {what_to_do}"


def test_a_schema_of_another_version_is_named_even_where_its_fields_are_others(path):
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"schema": 3, "reference": {}}))
    with pytest.raises(StoreError, match="has schema 3; this version reads schema 2: upgrade pytest-rfperf"):
        read_baseline(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-40],
        lambda text: "",
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"calls": 3', '"calls": "three"'),
        lambda text: text.replace('"recorded"', '"recorded_at"'),
        lambda text: text.replace("<<<<", "").replace("{", "<<<<<<< HEAD\n{", 1),
        lambda text: text.replace(hashlib.sha256(b"fast").hexdigest(), "../../evil"),
        lambda text: text.replace('"p50_ms": 0.30000000000000004', '"p50_ms": NaN'),
    ],
    ids=["cut", "empty", "list", "deep", "type", "key", "merge", "hash", "nan"],
)
def test_a_file_broken_by_hand_is_refused_and_left_as_it_is(path, change):
    add_run(path, NAMES, stored())
    broken = change(path.read_text())
    path.write_text(broken)
    for attempt in (lambda: read_baseline(path), lambda: add_run(path, NAMES, stored())):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value).startswith(f"{path} is no baseline: ")
        assert str(caught.value).endswith("; restore it from version control, or delete it and record anew")
    assert path.read_text() == broken


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'{"schema": 2, "model": "\xff"}'])
def test_a_file_that_is_no_text_is_refused(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is no baseline"):
        read_baseline(path)


def recorded_of(content):
    run = stored(recorded=content)
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return msgspec.structs.replace(run, accuracy=msgspec.structs.replace(run.accuracy, records_sha256=sha256))


def test_the_match_records_in_use_are_those_of_the_newest_run(path):
    for content in ("one", "two"):
        add_run(path, NAMES, recorded_of(content))
    baseline = read_baseline(path)
    assert baseline.records_sha256 == hashlib.sha256(b"two").hexdigest()
    assert baseline.run_of_records is baseline.runs[0]


@pytest.mark.parametrize("accuracy", [None, stored().accuracy], ids=["latency", "no records"])
def test_a_run_without_match_records_leaves_those_of_an_older_one_in_use(path, accuracy):
    add_run(path, NAMES, recorded_of("one"))
    if accuracy is not None:
        accuracy = msgspec.structs.replace(accuracy, records_sha256="")
    add_run(path, NAMES, msgspec.structs.replace(stored(), accuracy=accuracy))
    baseline = read_baseline(path)
    assert baseline.records_sha256 == hashlib.sha256(b"one").hexdigest()
    assert baseline.run_of_records is baseline.runs[1]


def test_a_baseline_without_match_records_uses_none(path):
    add_run(path, NAMES, msgspec.structs.replace(stored(), accuracy=None))
    assert read_baseline(path).records_sha256 == ""


@pytest.mark.parametrize("sha256", ["../../evil", "0" * 63, "G" * 64, "0" * 65])
def test_a_hash_of_match_records_that_is_none_is_refused(path, sha256):
    add_run(path, NAMES, stored())
    path.write_text(path.read_text().replace(stored().accuracy.records_sha256, sha256))
    with pytest.raises(StoreError, match="is no baseline"):
        read_baseline(path)


def test_a_path_is_shown_from_the_root_of_the_project_where_it_lies_in_there(tmp_path):
    assert shown_path(tmp_path / "baselines" / "a.json", tmp_path) == "baselines/a.json"
    assert shown_path(tmp_path / "a.json", tmp_path / "project") == str(tmp_path / "a.json")


def test_keys_that_a_later_version_may_add_are_no_error(path):
    add_run(path, NAMES, stored())
    content = json.loads(path.read_text()) | {"comment": "accepted by hand"}
    path.write_text(json.dumps(content))
    assert read_baseline(path).runs == [sealed(stored())]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"AP50": 0.3333333333333333', '"AP50": 0.4'),
        ('"calls": 3', '"calls": 4'),
        ('"recorded_by": "Ada"', '"recorded_by": "Bob"'),
        ('"reason": ""', '"reason": "fine"'),
        ('"seed": "0"', '"seed": "1"'),
        ('"seal": "', '"seal": "", "was": "'),
        (hashlib.sha256(b"fast").hexdigest(), hashlib.sha256(b"other").hexdigest()),
        ('"model": "fast"', '"model": "accurate"'),
    ],
)
def test_an_edit_by_hand_is_refused_and_nothing_is_written_over_it(path, old, new):
    add_run(path, NAMES, stored())
    edited = path.read_text().replace(old, new)
    assert edited != path.read_text()
    path.write_text(edited)
    for attempt in (lambda: read_baseline(path), lambda: add_run(path, NAMES, stored())):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(caught.value).startswith(f"{path}: the run of 2024-05-01T12:00:00+00:00 was edited by hand: ")
        assert str(caught.value).endswith(
            "; restore the file from version control, measure the old artefact again with rfperf baselines refresh, or "
            "delete the file and record anew: pytest --rfperf-record"
        )
    assert path.read_text() == edited
    assert decode_baseline(path).model


def test_line_ends_and_indentation_are_no_edit(path):
    add_run(path, NAMES, stored())
    path.write_bytes(json.dumps(json.loads(path.read_text()), indent=4).replace("\n", "\r\n").encode())
    assert read_baseline(path).runs == [sealed(stored())]


def test_whole_numbers_are_sealed_as_the_floats_that_come_back(path):
    add_run(path, NAMES, msgspec.structs.replace(stored(), others={"memory MB": 100}))
    assert read_baseline(path).runs[0].others == {"memory MB": 100.0}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("fast", "fast"),
        ("yolo11n-1.2+b_3", "yolo11n-1.2+b_3"),
        ("a b", "a_b"),
        ("a/b\\c", "a_b_c"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        (".hidden", "hidden"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("nul\0", "nul_"),
        ("größe", "größe"),
        ('a<b>:"|?*', "a_b______"),
    ],
)
def test_a_name_becomes_a_file_name(tmp_path, name, file):
    assert baseline_path(tmp_path, name, name, name) == tmp_path / file / file / f"{file}.json"


@given(st.tuples(*[st.text(max_size=20)] * 3))
@settings(max_examples=200, deadline=None)
def test_no_name_leaves_the_folder(names):
    folder = baseline_path(Path("/base"), *names)
    parts = folder.relative_to("/base").parts
    assert len(parts) == 3
    assert not {"..", ".", ""} & set(parts)
    assert not any(character in part for part in parts for character in "/\\\0:")


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
    st.text(max_size=20).filter(lambda text: text.isprintable()),
)
@settings(max_examples=50, deadline=None)
def test_figures_and_texts_come_back_exactly(tmp_path_factory, figures, text):
    path = baseline_path(tmp_path_factory.mktemp("baseline"), "cpu", "street", "fast")
    run = msgspec.structs.replace(stored(), others={text: figures[0]}, environment={text: text})
    run = msgspec.structs.replace(
        run, latency=[msgspec.structs.replace(run.latency[0], p50_ms=figures[0], p95_ms=figures[1])]
    )
    add_run(path, NAMES, run)
    assert read_baseline(path).runs == [sealed(run)]


@pytest.mark.parametrize(
    "place", [("cpu", "street", "accurate"), ("jetson", "street", "fast"), ("cpu", "pills", "fast")]
)
def test_a_baseline_that_was_moved_or_copied_is_not_believed(path, place):
    """It would be taken for what another model measured."""
    add_run(path, NAMES, stored())
    copy = path.parents[2] / place[0] / place[1] / f"{place[2]}.json"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(path.read_bytes())
    names = (place[2], place[0], place[1])
    for attempt in (lambda: read_baseline(copy), lambda: add_run(copy, names, stored())):
        with pytest.raises(StoreError, match="holds the baseline of fast on cpu/street, ") as caught:
            attempt()
        assert str(caught.value).startswith(f"{copy} ")
        assert "delete" in str(caught.value)
    assert copy.read_bytes() == path.read_bytes()


def test_a_run_is_written_only_where_its_names_are_looked_for(path):
    with pytest.raises(StoreError, match="holds the baseline of accurate on cpu/street, whose place is cpu/street/acc"):
        add_run(path, ("accurate", "cpu", "street"), stored())
    assert not path.exists()


def test_two_names_that_share_a_file_do_not_share_its_runs(tmp_path):
    path = baseline_path(tmp_path, "cpu", "street", "a b")
    add_run(path, ("a b", "cpu", "street"), stored())
    with pytest.raises(
        StoreError, match="holds the baseline of a b on cpu/street, not of a_b on cpu/street; rename one"
    ):
        add_run(path, ("a_b", "cpu", "street"), stored())


def of_latency(recorded, **changes):
    """A run without accuracy."""
    return msgspec.structs.replace(stored(recorded=recorded), accuracy=None, **changes)


def test_the_newest_run_with_records_and_the_newest_with_a_latency_outlive_twenty_others(path):
    add_run(path, NAMES, msgspec.structs.replace(stored(recorded="records"), latency=[]))
    add_run(path, NAMES, of_latency("latency"))
    for second in range(25):
        add_run(path, NAMES, of_latency(f"{second:02}", latency=[]))
    kept = [run.recorded for run in read_baseline(path).runs]
    assert (len(kept), kept[0], kept[-2:]) == (20, "24", ["latency", "records"])


def test_they_outlive_the_limit_of_bytes_too(path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 20_000)
    add_run(path, NAMES, msgspec.structs.replace(stored(recorded="records"), latency=[]))
    for second in range(6):
        add_run(path, NAMES, of_latency(str(second), latency=stored(samples="A" * 5_000).latency))
    kept = [run.recorded for run in read_baseline(path).runs]
    assert (kept[:2], kept[-1]) == (["5", "4"], "records")
    add_run(path, NAMES, of_latency("long", latency=stored(samples="A" * 50_000).latency))
    newest, *older = read_baseline(path).runs
    assert (newest.recorded, newest.latency[0].samples, older[-1].recorded) == ("long", "", "records")


def test_runs_that_go_are_taken_out_with_the_same_write(path):
    add_run(path, NAMES, stored(recorded="1"))
    add_run(path, NAMES, stored(recorded="2"))
    path.write_text(path.read_text().replace('"calls": 3', '"calls": 4', 1))
    edited = decode_baseline(path).runs[0]
    add_run(path, NAMES, stored(recorded="3"), without=[edited])
    assert [run.recorded for run in read_baseline(path).runs] == ["3", "1"]
