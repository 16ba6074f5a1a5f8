"""The bundled pair as a new user meets it: demo, study, advice, from an empty folder and without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from pytest_rfperf.reference import TASKS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

OFFLINE = """
import socket, sys

def refuse(*_arguments, **_keywords):
    raise AssertionError("a connection was opened")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from pytest_rfperf.cli import main
try:
    main()
finally:
    heavy = sorted({"torch", "onnx", "pycocotools", "matplotlib"} & set(sys.modules))
    print("HEAVY", heavy, file=sys.stderr)
"""


def run(folder, *arguments, code=0):
    """Run rfperf in a process of its own."""
    made = subprocess.run(
        [sys.executable, "-c", OFFLINE, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert made.returncode == code, made.stdout + made.stderr
    assert "HEAVY []" in made.stderr
    return made.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder, and a cache of its own beside it."""
    return tmp_path_factory.mktemp("new_user")


@pytest.fixture(scope="module")
def cache(place):
    """Where the pictures of this module are kept."""
    return place / "cache"


@pytest.fixture(autouse=True)
def _cached(cache, monkeypatch, _own_cache):
    monkeypatch.setenv("RFPERF_CACHE", str(cache))


@pytest.fixture(scope="module")
def study(place, cache):
    """The study's output, and the facts that it left."""
    before = os.environ.get("RFPERF_CACHE")
    os.environ["RFPERF_CACHE"] = str(cache)
    try:
        shown = run(place, "study", "--markdown=study.md")
    finally:
        os.environ.pop("RFPERF_CACHE") if before is None else os.environ.update(RFPERF_CACHE=before)
    return shown, json.loads((place / ".rfperf/last.json").read_text())


def ap_of(facts):
    return {(case["model"], case["dataset"]): case["accuracy"]["values"] for case in facts["cases"] if case["accuracy"]}


def test_the_demo_shows_each_outcome_with_its_evidence(place):
    shown = run(place, "demo")
    starts = [line.split(" ")[0] for line in shown.splitlines() if line.startswith(("PASS ", "FAIL ", "INC"))]
    assert starts[:3] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert "next: rfperf study" in shown


def test_the_study_covers_both_sizes_and_all_tasks(study):
    shown, facts = study
    assert set(ap_of(facts)) == {(size, task) for size in ("fast", "accurate") for task in TASKS}
    for heading in (
        "Accuracy",
        "Speed, measured in turns",
        "Objects and predictions an image",
        "Advice (goal accuracy",
    ):
        assert heading in shown
    assert "PASS: training_ratio: " in shown
    assert "Service time of accurate where fast takes 1" in shown


def test_two_tasks_are_saturated_and_two_are_not_with_a_margin(study):
    ap50 = {task: ap_of(study[1])["fast", task]["AP50"] for task in TASKS}
    assert sum(value > 0.96 for value in ap50.values()) >= 2, ap50
    assert sum(0.55 <= value <= 0.75 for value in ap50.values()) >= 2, ap50


def test_both_claims_hold_where_they_apply(study):
    for comparison in study[1]["comparisons"]:
        gain, stands = comparison["gains"]["AP50"], comparison["small_ap"]["AP50"]
        if stands > 0.95:
            assert -0.02 < gain["low"] <= gain["high"] < 0.02
        elif 0.4 <= stands <= 0.8:
            assert gain["low"] > 0


def test_accurate_takes_longer_by_what_the_bars_show(study):
    """The medians over the tasks; on a shared host a single one may be off."""
    ratios = {
        scope: sorted(c["slow_downs"][scope]["value"] for c in study[1]["comparisons"])[2]
        for scope in ("end-to-end", "model-only")
    }
    assert ratios["model-only"] > 2.5
    assert ratios["end-to-end"] > 1.8


def test_the_tables_are_written_as_markdown_too(study, place):
    text = (place / "study.md").read_text()
    assert text.startswith("# rfperf study\n")
    assert "| dataset | fast AP50 |" in text


def test_pictures_that_were_deleted_come_back_the_same(study, place, cache):
    """The same average precision to the last digit."""
    shutil.rmtree(cache / "reference")
    run(place, "study", "--dataset=pieces")
    again = ap_of(json.loads((place / ".rfperf/last.json").read_text()))
    for size in ("fast", "accurate"):
        assert again[size, "pieces"] == ap_of(study[1])[size, "pieces"]


def test_advice_can_be_taken_from_what_was_stored(study, place):
    (place / "stored.json").write_text(json.dumps(study[1]))
    shown = run(place, "advise", "--from=stored.json", "--goal=realtime", "--per-s=30")
    lines = shown.splitlines()
    assert lines[0].startswith("Advice (goal realtime, 30 a second; ")
    assert len([line for line in lines if " on cpu: " in line]) == len(TASKS)
    for line in lines[1:]:
        assert "points more AP50 and takes" in line


def test_the_socket_is_really_refused():
    """The test's own tripwire works: otherwise `offline` would mean nothing."""
    made = subprocess.run(
        [sys.executable, "-c", OFFLINE.replace("main()\n", "socket.create_connection(('127.0.0.1', 1))\n")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "a connection was opened" in made.stderr
