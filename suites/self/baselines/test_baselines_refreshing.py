"""A refresh measures all that the sealed runs hold, of the artefact that they are of, and writes once or not at all."""

from __future__ import annotations

import functools
import hashlib

import msgspec
import pytest
from fakes import FakeClock, SlimTarget, write_project
from recorded_cases import sound_case

from pytest_rfperf.baselines import refreshing
from pytest_rfperf.baselines.recording import record
from pytest_rfperf.baselines.refreshing import refresh
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import StoreError
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.artifacts import kept_copy
from pytest_rfperf.store.baseline import decode_baseline, read_baseline

PLACE = "baselines/cpu/street/fast.json"
NOW = "2024-06-01T12:00:00+00:00"
OLD = hashlib.sha256(b"old").hexdigest()


class Project:
    """A project on a fake target, and what is done with it."""

    def __init__(self, root):
        self.root = root

    def settings(self, more=""):
        toml = self.root / "rfperf.toml"
        if more:
            toml.write_text(toml.read_text().replace('"fast.onnx"', f'"fast.onnx"\n{more}', 1))
        return load_settings(self.root, CommandLine(record=True), {})

    def record(self, now, **changes):
        record([sound_case(**changes)], self.settings(), [], now)

    def edit(self, count=1):
        """Edit the newest runs by hand."""
        path = self.root / PLACE
        path.write_text(path.read_text().replace('"images": 50', '"images": 51', count))

    def refresh(self, more=""):
        return refresh(decode_baseline(self.root / PLACE), self.settings(more), Silent(), NOW)

    @property
    def runs(self):
        return read_baseline(self.root / PLACE).runs


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setattr(SlimTarget, "latencies", {})
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path / "project")
    made = functools.partial(Session, clock=SlimTarget.clock, lock=HostLock(tmp_path))
    monkeypatch.setattr(refreshing, "Session", made)
    return Project(tmp_path / "project")


def in_turns(case, other="baseline"):
    """The case as one that was only measured in turns."""
    run = case.latency[0]
    protocol = run.protocol | {"in turns with": OLD}
    return [msgspec.structs.replace(run, shape=f"{run.shape}, in turns with {other}", protocol=protocol)]


def test_the_newest_accuracy_and_the_newest_latency_are_measured_whatever_run_holds_them(project):
    project.record("1", latency=[])
    project.record("2", accuracy=None)
    project.refresh()
    newest = project.runs[0]
    assert (newest.accuracy.images, [one.shape for one in newest.latency]) == (2, ["end-to-end"])
    assert [run.recorded for run in project.runs] == [NOW, "2", "1"]


def test_what_was_measured_in_turns_is_measured_alone(project):
    project.record("1", latency=in_turns(sound_case()), accuracy=None)
    lines = project.refresh()
    (latency,) = project.runs[0].latency
    assert latency.shape == "end-to-end"
    assert not [line for line in lines if "in turns with" in line]


def test_the_artefact_and_the_figures_of_an_edited_run_are_not_believed(project):
    project.record("1")
    project.record("2", accuracy=None)
    path = project.root / PLACE
    path.write_text(path.read_text().replace(sound_case().artifact_sha256, OLD, 1))
    lines = project.refresh()
    assert "  dropped the run of 2, which was edited by hand" in lines
    assert [run.recorded for run in project.runs] == [NOW, "1"]
    assert project.runs[0].artifact_sha256 == sound_case().artifact_sha256
    assert project.runs[0].accuracy is not None


def test_without_a_run_to_believe_the_configured_artefact_is_asked_for(project):
    project.record("1")
    project.edit()
    before = (project.root / PLACE).read_bytes()
    with pytest.raises(StoreError) as caught:
        project.refresh()
    assert str(caught.value) == (
        "every run was edited by hand, so that none tells which artefact it was; set models.fast.baseline to "
        "'git:REF:path', a path or {url, sha256}"
    )
    assert (project.root / PLACE).read_bytes() == before
    (project.root / "old.onnx").write_bytes(b"old")
    project.refresh('baseline = "old.onnx"')
    assert [(run.recorded, run.artifact_sha256) for run in project.runs] == [(NOW, OLD)]


def test_a_run_without_figures_is_never_written(project):
    project.record("1", accuracy=None, latency=[msgspec.structs.replace(sound_case().latency[0], shape="other")])
    before = (project.root / PLACE).read_bytes()
    with pytest.raises(StoreError, match="holds nothing to measure again; delete it and record anew"):
        project.refresh()
    assert (project.root / PLACE).read_bytes() == before


def test_where_the_new_file_cannot_be_written_the_old_one_stays_whole(project, monkeypatch):
    project.record("1")
    project.record("2", seed=1)
    project.edit()
    before = (project.root / PLACE).read_bytes()

    def full(*_, **__):
        msg = "no space left"
        raise StoreError(msg)

    monkeypatch.setattr("pytest_rfperf.baselines.storing.add_run", full)
    with pytest.raises(StoreError, match="no space left"):
        project.refresh()
    assert (project.root / PLACE).read_bytes() == before


def test_a_configured_artefact_is_kept_under_its_own_name(project):
    project.record("1")
    (project.root / "files").mkdir()
    (project.root / "files" / "old.onnx").write_bytes(b"old")
    (project.root / "fast.onnx").write_bytes(b"newer")
    written = project.refresh('baseline = "files/old.onnx"')[0]
    assert "is gone" not in written
    assert project.runs[0].artifact == "old.onnx"
    assert kept_copy(OLD).read_bytes() == b"old"


def test_a_configured_artefact_of_recorded_bytes_keeps_the_recorded_name(project):
    project.record("1")
    (project.root / "fast.onnx").rename(project.root / "other.onnx")
    (project.root / "fast.onnx").write_bytes(b"newer")
    assert "is gone" not in project.refresh('baseline = "other.onnx"')[0]
    assert project.runs[0].artifact == "fast.onnx"


def test_a_run_without_an_average_precision_can_be_refreshed(project):
    accuracy = msgspec.structs.replace(sound_case().accuracy, values={}, records="")
    project.record("1", accuracy=accuracy)
    assert any(line.startswith("  AP was not recorded, now ") for line in project.refresh())
