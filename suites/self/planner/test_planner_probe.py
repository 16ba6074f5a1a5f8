"""Probes that meet an error or an end: a gate costs its own row, and no other one."""

from __future__ import annotations

import json

import pytest
from fakes import MS, FakeClock, FakeDetector, SlimTarget, write_project

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import AttestationError, TargetError
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.measure.host_lock import HostLock
from pytest_rfperf.planner.plan import Planner, Selected
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.bench import CaseBench
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.session import Session

GATES = [("min_map", (0.5,)), ("latency_budget", (10,)), ("model_size_budget", (1,))]
SCRIPT = """
import pytest
from pytest_rfperf import *

@latency_budget(ms=1000)
def test_a(): ...
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project on the fake target, whose calls take 5 ms."""
    monkeypatch.setattr(SlimTarget, "clock", FakeClock())
    monkeypatch.setattr(SlimTarget, "events", [])
    monkeypatch.setattr(SlimTarget, "latencies", {"fast": [5 * MS]})
    write_project(tmp_path / "project")
    return tmp_path / "project"


def probed(project):
    """The rows of three gates of one test, and the session that probed."""
    session = Session(
        load_settings(project, CommandLine(), {}), Silent(), clock=SlimTarget.clock, lock=HostLock(project)
    )
    made = [make_gate(name, limit, {}) for name, limit in GATES]
    one = Selected("test_a.py::test_a", Case("fast", "cpu", "street"), made)
    return Planner(session.settings, 0.05, session).plan([one]).gates


def test_images_that_cannot_be_evaluated_are_the_reason_of_a_row(project):
    place = project / "data" / "annotations.json"
    content = json.loads(place.read_text())
    content["annotations"][0]["bbox"] = [1, 1, 1e200, 1e200]
    place.write_text(json.dumps(content))
    accuracy, latency, _ = probed(project)
    assert accuracy.never
    assert accuracy.remark.startswith("fast on cpu/street cannot be evaluated: match: an object of image 0")
    assert (latency.never, latency.basis.partition(",")[0]) == (False, "probe")


def test_an_error_of_a_call_is_the_reason_of_that_row_alone(project, monkeypatch):
    def hung(self, image):
        msg = "models.fast: no answer within 60 s"
        raise TargetError(msg)

    monkeypatch.setattr(FakeDetector, "detect", hung)
    accuracy, latency, size = probed(project)
    for row in (accuracy, latency):
        assert (row.never, row.remark) == (True, "models.fast: no answer within 60 s")
    assert not size.never


def test_a_model_that_does_not_open_is_the_reason_of_each_row_that_opens_it(project, monkeypatch):
    def refused(self, model):
        msg = "target 'cpu' asked for another provider"
        raise AttestationError(msg)

    monkeypatch.setattr(SlimTarget, "open", refused)
    accuracy, latency, size = probed(project)
    assert {row.remark for row in (accuracy, latency)} == {"target 'cpu' asked for another provider"}
    assert not size.never


def test_an_interrupt_leaves_the_lock_free(project, monkeypatch):
    def interrupted(self, image):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FakeDetector, "detect", interrupted)
        with pytest.raises(KeyboardInterrupt):
            probed(project)
    assert not any(row.never for row in probed(project)), "who waits for the lock would wait for ever"


def test_an_interrupted_probe_ends_the_session_as_any_other(pytester, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(CaseBench, "latency", interrupted)
    pytester.makepyfile(SCRIPT)
    result = pytester.runpytest(
        "--rfperf-plan-probe",
        "--target=cpu",
        "--rfperf-size=fast",
        "--rfperf-dataset=pieces",
        no_reraise_ctrlc=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    shown = result.stdout.str() + result.stderr.str()
    assert "KeyboardInterrupt" in shown
    for word in ("INTERNALERROR", "measuring in all", "plan: "):
        assert word not in shown
    assert not (pytester.path / ".rfperf" / "plan.json").exists()
