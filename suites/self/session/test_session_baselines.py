"""The recorded accuracy that a bench is judged against: found, comparable and sound, or an error that says why not."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from fakes import FakeClock, FakeDetector, SlimTarget, write_project
from passes import assert_same_records

from pytest_rfperf.baselines.recording import record
from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.baselines import packed_records
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.recorder import case_facts
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.baseline import add_run, read_baseline
from pytest_rfperf.store.kept_records import keep_records
from pytest_rfperf.store.match_records import pack_records, unpack_records

CASE = Case("fast", "cpu", "street")
NOW = "2024-05-01T12:00:00+00:00"
PLACE = "baselines/cpu/street/fast.json"
ANEW = f" ({PLACE}); undo the change, or where it is intended measure the old artefact again: rfperf baselines refresh"
NOT_COMPARABLE = "the baseline of fast on cpu/street is not comparable: "


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def bench(root, tmp_path):
    """Make the bench of a new session."""

    def make(**options):
        settings = load_settings(root, CommandLine(**options), {})
        return Session(settings, Silent(), clock=SlimTarget.clock, lock=HostLock(tmp_path)).bench(CASE)

    return make


@pytest.fixture
def recorded(bench):
    """The bench that was recorded."""
    one = bench(record=True)
    one.accuracy()
    record([case_facts(one, "test_x", [])], one.session.settings, [], NOW)
    return one


def stored(root):
    return read_baseline(root / PLACE).runs[0]


def rewrite(root, **changes):
    """Put a run with another accuracy in place of the newest one."""
    run = stored(root)
    accuracy = msgspec.structs.replace(run.accuracy, **changes)
    (root / PLACE).unlink()
    add_run(root / PLACE, ("fast", "cpu", "street"), msgspec.structs.replace(run, accuracy=accuracy))


def refusal(bench, error=UsageError):
    with pytest.raises(error) as caught:
        bench.baseline_accuracy()
    return str(caught.value)


def test_the_records_that_were_recorded_come_back_bit_for_bit(recorded, bench):
    found = bench().baseline_accuracy()
    assert_same_records(found.records, recorded.accuracy().records)
    assert found.said == f"the baseline of 2024-05-01 (fast.onnx, sha256 {recorded.model.sha256[:12]})"


def test_the_detections_at_the_best_score_come_back_to_be_drawn(recorded, bench):
    used, results = bench().baseline_accuracy().used, recorded.accuracy_run.results
    assert used.scores.tolist() == results.scores.tolist() == [0.9, 0.9]
    assert used.boxes_xywh.tolist() == results.boxes_xywh.tolist()


def test_detections_below_the_best_score_are_not_kept_to_be_drawn(bench, monkeypatch):
    one = bench()
    detect = one.detector.detect

    def unsure(image):
        detections, timing = detect(image)
        many = np.array([[1.0, 1, 5, 5], [0, 0, 3, 3]])
        return type(detections)(many, np.array([0.6, 0.2]), np.array([0, 1])), timing

    monkeypatch.setattr(one.detector, "detect", unsure)
    _, used = unpack_records(packed_records(one.accuracy()), "a.records")
    assert used.scores.tolist() == [0.6, 0.6]
    assert len(one.accuracy_run.results.scores) == 4


def test_a_baseline_is_read_once(recorded, bench, root):
    one = bench()
    first = one.baseline_accuracy()
    (root / PLACE).unlink()
    assert one.baseline_accuracy() is first


def test_a_case_without_a_baseline_is_an_error_that_names_the_next_command(bench):
    assert refusal(bench(), StoreError) == (
        f"no baseline for fast on cpu/street; run pytest --rfperf-record and commit {PLACE} and the .records beside it"
    )


def test_a_baseline_outside_of_the_project_is_named_by_its_whole_path(bench, root, tmp_path):
    write_project(tmp_path / "other", more=f'baselines = "{(tmp_path / "elsewhere").as_posix()}"')
    (root / "rfperf.toml").write_text((tmp_path / "other" / "rfperf.toml").read_text())
    place = (tmp_path / "elsewhere/cpu/street/fast.json").as_posix()
    assert refusal(bench(), StoreError).endswith(f" and commit {place} and the .records beside it")


def test_there_is_none_yet_where_this_session_records_one(bench):
    assert bench(record=True).baseline_accuracy() is None


def test_a_session_that_records_is_judged_against_what_there_is(recorded, bench):
    assert bench(record=True).baseline_accuracy() is not None


def test_a_run_without_an_accuracy_hides_no_older_one(recorded, bench, root):
    later = msgspec.structs.replace(stored(root), accuracy=None, recorded="2024-06-01T12:00:00+00:00")
    add_run(root / PLACE, ("fast", "cpu", "street"), later)
    assert bench().baseline_accuracy().said.startswith("the baseline of 2024-05-01 ")


def test_the_newest_of_several_runs_is_the_baseline(recorded, bench):
    record([case_facts(recorded, "test_x", [])], recorded.session.settings, [], "2024-07-01T12:00:00+00:00")
    assert bench().baseline_accuracy().said.startswith("the baseline of 2024-07-01 ")


@pytest.mark.parametrize(("record", "is_error"), [(False, True), (True, False)])
def test_a_run_from_before_there_were_records_is_none(recorded, bench, root, record, is_error):
    rewrite(root, records_sha256="")
    if is_error:
        assert refusal(bench(record=record), StoreError).startswith(
            f"{PLACE} holds no match records (an earlier version wrote it) for fast on cpu/street; run pytest"
        )
    else:
        assert bench(record=record).baseline_accuracy() is None


def test_other_annotations_are_named_with_both_hashes(recorded, bench, root):
    file = root / "data" / "annotations.json"
    content = json.loads(file.read_text())
    content["annotations"][0]["bbox"] = [1, 1, 5, 5]
    file.write_text(json.dumps(content))
    now = bench()
    assert refusal(now) == (f"{NOT_COMPARABLE}dataset was {recorded.dataset.sha256}, now {now.dataset.sha256}{ANEW}")


def test_other_pixels_under_the_same_annotations_are_named(recorded, bench, root):
    (root / "data" / "1.png").write_bytes((root / "data" / "2.png").read_bytes())
    now = bench()
    assert refusal(now).startswith(f"{NOT_COMPARABLE}images was {recorded.accuracy_run.images_sha256}, now ")


def test_another_score_floor_is_named_with_both_values(recorded, bench, monkeypatch):
    monkeypatch.setattr(FakeDetector, "score_floor", 0.02)
    assert refusal(bench()) == f"{NOT_COMPARABLE}score floor was 0.01, now 0.02{ANEW}"


def test_another_runtime_is_named_with_both_values(recorded, bench, monkeypatch):
    monkeypatch.setattr(FakeDetector, "protocol", {"runtime": "fake 2.0"})
    assert refusal(bench()) == f"{NOT_COMPARABLE}runtime was fake 1.0, now fake 2.0{ANEW}"


@pytest.mark.parametrize("field", ["threads", "spinning"])
def test_settings_that_change_speed_alone_are_no_reason(recorded, bench, monkeypatch, field):
    monkeypatch.setattr(FakeDetector, "protocol", {"runtime": "fake 1.0", field: "4"})
    assert bench().baseline_accuracy() is not None


OF_THE_FILE = ["decode.nms-iou", "preprocess.resize", "decoder", "labels", "nodes", "precision"]


@pytest.mark.parametrize("field", OF_THE_FILE)
def test_the_same_file_must_be_prepared_and_read_as_it_was(recorded, bench, monkeypatch, field):
    monkeypatch.setattr(FakeDetector, "protocol", {"runtime": "fake 1.0", field: "other"})
    assert refusal(bench()) == f"{NOT_COMPARABLE}{field} was not recorded, now other{ANEW}"


@pytest.mark.parametrize("field", OF_THE_FILE)
def test_another_file_may_bring_its_own_preparation_and_decoder(recorded, bench, monkeypatch, root, field):
    (root / "fast.onnx").write_bytes(b"trained again")
    monkeypatch.setattr(FakeDetector, "protocol", {"runtime": "fake 1.0", field: "other"})
    assert bench().baseline_accuracy() is not None


def test_the_same_file_must_keep_its_label_map(recorded, bench, monkeypatch):
    monkeypatch.setattr(FakeDetector, "labels", ("disc", "square"))
    assert refusal(bench()).startswith(f"{NOT_COMPARABLE}classes was ")


def test_another_score_floor_weighs_more_than_another_map_of_the_same_file(recorded, bench, monkeypatch):
    monkeypatch.setattr(FakeDetector, "labels", ("disc", "square"))
    monkeypatch.setattr(FakeDetector, "score_floor", 0.02)
    assert "score floor was 0.01, now 0.02" in refusal(bench())


def test_records_that_are_gone_are_an_error_that_says_where_they_belong(recorded, bench, root):
    (place,) = (root / PLACE).parent.glob("*.records")
    place.unlink()
    assert "which are neither beside it nor in the cache" in refusal(bench(), StoreError)


def test_records_that_were_edited_are_refused(recorded, bench, root):
    (place,) = (root / PLACE).parent.glob("*.records")
    place.write_bytes(place.read_bytes()[:-1])
    assert f"{place.name} is not what fast.json names" in refusal(bench(), StoreError)
    recording = bench(record=True)
    assert recording.baseline_accuracy() is None
    (note,) = recording.session.notes[-1:]
    assert note.startswith(f"fast on cpu/street: this run is recorded without a comparison: {place.name} is not what ")


def test_records_that_were_cut_before_they_were_committed_are_refused(recorded, bench, root):
    (place,) = (root / PLACE).parent.glob("*.records")
    rewrite(root, records_sha256=keep_records(root / PLACE, place.read_bytes()[:-1])[0])
    assert "holds no match records: it is cut short" in refusal(bench(), StoreError)


@pytest.mark.parametrize(
    "change",
    [
        {"object_images": np.array([1, 1], dtype=np.int32)},
        {"counting": np.array([1, 1], dtype=np.uint64)},
        {"object_edges": np.array([0, 1, 2])},
        {"image_count": 3},
        {"iou_thresholds": (0.3, *(0.5 + 0.05 * i for i in range(9)))},
        {"area_ranges": {"all": (0.0, 1e10), "small": (0.0, 1.0), "medium": (1.0, 2.0), "large": (2.0, 3.0)}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_records_of_other_objects_under_a_right_protocol_are_refused(recorded, bench, root, change):
    """The protocol in the JSON says that they are of this dataset; the file says otherwise."""
    before = bench().baseline_accuracy()
    fields = {name: getattr(before.records, name) for name in before.records.__dataclass_fields__}
    other = type(before.records)(**(fields | change))
    rewrite(root, records_sha256=keep_records(root / PLACE, pack_records(other, before.used))[0])
    message = refusal(bench(), StoreError)
    assert message.endswith(
        ".records is not of the dataset that fast.json names; restore it from version control, or record anew"
    )


def test_a_gate_is_judged_against_what_was_recorded(recorded, bench):
    verdict = make_gate("no_regression", [], {"map": 0.005}).parts[0].judge(bench())
    assert (verdict.outcome, verdict.measured, verdict.limit) == (Outcome.PASS, 0.0, -0.005)


def test_a_change_over_two_images_is_left_open(recorded, bench, monkeypatch):
    one, seen = bench(), []
    detect = one.detector.detect

    def blind_at_first(image):
        detections, timing = detect(image)
        seen.append(image)
        nothing = type(detections)(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))
        return (nothing if len(seen) == 1 else detections), timing

    monkeypatch.setattr(one.detector, "detect", blind_at_first)
    verdict = make_gate("no_regression", [], {"map": 0.005}).parts[0].judge(one)
    assert (verdict.outcome, verdict.measured < -0.4) == (Outcome.INCONCLUSIVE, True)
    assert "undecided: 2 images, or those with objects, are too few for limits" in verdict.message


@pytest.mark.parametrize("content", [None, b"", b"other"], ids=["gone", "empty", "other"])
def test_a_session_that_records_may_replace_records_that_cannot_be_read(recorded, bench, root, content):
    (place,) = (root / PLACE).parent.glob("*.records")
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    assert bench(record=True).baseline_accuracy() is None
    assert refusal(bench(), StoreError)


def test_a_session_that_records_does_not_replace_a_baseline_of_another_protocol(recorded, bench, monkeypatch):
    monkeypatch.setattr(FakeDetector, "score_floor", 0.02)
    assert "score floor was 0.01, now 0.02" in refusal(bench(record=True))


def test_match_records_are_packed_once_for_all_tests_of_a_session(recorded, bench):
    one = bench(record=True)
    first = case_facts(one, "test_x", []) if one.accuracy() else None
    assert case_facts(one, "test_y", []).accuracy.records is first.accuracy.records
    assert first.accuracy.records


def test_a_session_that_does_not_record_packs_no_match_records(bench):
    one = bench()
    one.accuracy()
    assert case_facts(one, "test_x", []).accuracy.records == ""


def test_large_records_are_found_in_the_cache(recorded, bench, root):
    (place,) = (root / PLACE).parent.glob("*.records")
    sha256 = stored(root).accuracy.records_sha256
    (cache_folder() / "records").mkdir(parents=True)
    place.rename(cache_folder() / "records" / f"{sha256}.records")
    assert bench().baseline_accuracy() is not None
