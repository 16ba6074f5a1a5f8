"""rfperf baselines: what each command prints, how it ends, and the way from a regression to an accepted baseline."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from fakes import write_project
from recorded_cases import RUN, left_facts, regressed, sound_case

from pytest_rfperf.baselines.recording import FailedTest, record
from pytest_rfperf.cli import baselines, rfperf
from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import UsageError
from pytest_rfperf.store.baseline import read_baseline

NOW = "2024-05-01T12:00:00+00:00"
PLACE = "baselines/cpu/street/fast.json"
NOTHING = "no baseline in baselines; record some: pytest --rfperf-record\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project that nothing was recorded of, and the folder that commands start in."""
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pytest_rfperf.baselines.recording.person", lambda _: "Ada")
    write_project(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def recorded(root):
    settings = load_settings(root, CommandLine(record=True), {})
    record([sound_case(), sound_case(model="accurate", seed=1)], settings, [], NOW)
    return root


def invoke(*arguments):
    result = CliRunner().invoke(rfperf, ["baselines", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def edit(root, old='"images": 50', new='"images": 51'):
    path = root / PLACE
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_list_has_a_row_for_each_file(recorded):
    code, shown = invoke("list")
    assert code == 0
    rows = [line.split() for line in shown.splitlines()]
    assert [row[:5] for row in rows[1:]] == [
        ["cpu", "street", "accurate", "2024-05-01", "Ada"],
        ["cpu", "street", "fast", "2024-05-01", "Ada"],
    ]


def test_list_as_json_is_for_programs(recorded):
    code, shown = invoke("list", "--json")
    assert code == 0
    rows = json.loads(shown)
    assert [(row["model"], row["runs"], row["sealed"]) for row in rows] == [("accurate", 1, "ok"), ("fast", 1, "ok")]


def test_without_baselines_the_next_command_is_named(root):
    assert invoke("list") == (0, NOTHING)
    assert invoke("list", "--json") == (0, "[]\n")
    assert invoke("verify") == (1, NOTHING)
    assert invoke("prune") == (0, "nothing to prune\n")


@pytest.mark.parametrize("name", ["cpu/street/fast", PLACE, f"./{PLACE}"])
def test_show_takes_a_name_or_a_path(recorded, name):
    code, shown = invoke("show", name)
    assert code == 0
    assert shown.startswith(f"{PLACE}: fast on cpu/street, 1 run\n")


def test_show_works_from_a_folder_of_the_project(recorded, monkeypatch):
    monkeypatch.chdir(recorded / "data")
    assert invoke("show", "cpu/street/fast")[0] == 0


def test_show_as_json_leaves_only_raw_samples_out(recorded):
    code, shown = invoke("show", "cpu/street/fast", "--json")
    content = json.loads(shown)
    stored = json.loads((recorded / PLACE).read_text())
    del stored["runs"][0]["latency"][0]["samples"]
    assert (code, content) == (0, stored | {"path": PLACE})


@pytest.mark.parametrize("name", ["cpu/street/slow", "fast", "../../etc/passwd", ""])
def test_a_name_that_is_none_names_those_that_are(recorded, name):
    with pytest.raises(UsageError) as caught:
        invoke("show", name)
    assert str(caught.value) == f"no baseline '{name}'; known: cpu/street/accurate, cpu/street/fast"


def test_show_shows_an_edited_file_too_and_ends_with_1(recorded):
    edit(recorded)
    code, shown = invoke("show", "cpu/street/fast")
    assert code == 1
    assert "edited by hand: its seal was " in shown
    assert invoke("show", "cpu/street/fast", "--json")[0] == 1


def test_verify_says_what_was_checked_and_what_could_not_be(recorded, tmp_path):
    counts = "files 2, runs 2, latencies from samples 2, accuracies from match records 2"
    assert invoke("verify") == (0, f"checked: {counts}, copies of artefacts 1: all as recorded\n")
    shutil.rmtree(tmp_path / "cache")
    missing = "not checked: the artefact of sha256 115dc3606fbf: no copy in the cache of this machine\n"
    assert invoke("verify") == (0, f"{missing}checked: {counts}: all as recorded\n")


def test_verify_ends_with_1_where_something_is_wrong(recorded):
    edit(recorded)
    code, shown = invoke("verify")
    assert code == 1
    assert shown.startswith(f"wrong: {PLACE}: the run of {NOW} was edited by hand: its seal was ")
    assert shown.endswith(": 1 wrong\n")


def test_verify_of_nothing_but_a_broken_file_ends_with_1(root):
    (root / PLACE).parent.mkdir(parents=True)
    (root / PLACE).write_text("{}")
    code, shown = invoke("verify")
    assert code == 1
    assert shown.startswith(f"wrong: {PLACE} is no baseline: ")


def test_prune_says_what_it_did(recorded):
    orphan = (recorded / PLACE).with_name("fast.0123456789ab.records")
    orphan.write_bytes(b"old")
    shown = "deleted: baselines/cpu/street/fast.0123456789ab.records\n"
    assert invoke("prune", "--dry-run") == (0, f"would be {shown}")
    assert orphan.exists()
    assert invoke("prune") == (0, shown)
    assert not orphan.exists()
    assert invoke("prune", "--keep=0")[0] == 2


def test_accept_records_and_says_so(root):
    failed = [FailedTest("test_release.py::test_release", ("fast", "cpu", "street"), by_gates=True)]
    left_facts(root / ".rfperf" / "last.json", regressed(), failed=failed)
    code, shown = invoke("accept", ".rfperf/last.json")
    assert (code, shown) == (1, "not recorded: fast on cpu/street: no_regression did not pass\n")
    code, shown = invoke("accept", ".rfperf/last.json", "--despite=no_regression", "--reason=half the size")
    assert code == 0, shown
    assert shown.startswith(f"recorded: fast on cpu/street in {PLACE} and the .records beside it; ")
    (run,) = read_baseline(root / PLACE).runs
    assert (run.run, run.despite, run.reason) == (RUN, "no_regression.map", "half the size")
    assert invoke("verify")[0] == 0


def test_help_names_every_command(root):
    shown = invoke("--help")[1]
    assert [name for name in ("list", "show", "verify", "prune", "accept") if f"\n  {name} " not in shown] == []


def test_accept_needs_a_file(root):
    assert invoke("accept", "none.json")[0] == 2


@pytest.mark.parametrize("arguments", [("verify",), ("prune",)])
def test_ctrl_c_ends_with_130(recorded, monkeypatch, arguments):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(baselines, arguments[0], stopped)
    assert invoke(*arguments)[0] == 130


SHADES = """
import cv2
import numpy as np
from fakes import FakeClock, FakeDetector, FakeTarget, found
from pytest_rfperf.data.timing import Timing


class ShadeDetector(FakeDetector):
    '''Finds the square of each image but those whose shades the model file lists, and a disc where it does not.'''

    def detect(self, image):
        shade = int(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)[0, 0, 0])
        if shade in self.missed:
            return found([(0.0, 0.0, 3.0, 3.0)], [0.5 + shade / 100], [1]), Timing()
        return found([(1.0, 1.0, 5.0, 5.0)], [0.5 + shade / 100], [0]), Timing()


class ShadeTarget(FakeTarget):
    clock, events = FakeClock(), []

    def open(self, model):
        detector = ShadeDetector(self.clock)
        detector.missed = {int(word) for word in model.artifact.read_text().split()}
        return detector
"""
IMAGES = 24


@pytest.fixture
def project(pytester, monkeypatch):
    """A project of one model, recorded while it found everything, that misses half of the images now."""
    import cv2
    import numpy as np

    monkeypatch.setenv("RFPERF_CACHE", str(pytester.path / "cache"))
    write_project(pytester.path, kind="shades:ShadeTarget")
    for shade in range(IMAGES):
        image = np.full((8, 8, 3), shade, dtype=np.uint8)
        (pytester.path / "data" / f"{shade}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    content = {
        "images": [{"id": i + 1, "file_name": f"{i}.png", "width": 8, "height": 8} for i in range(IMAGES)],
        "categories": [{"id": 7, "name": "square"}, {"id": 9, "name": "disc"}],
        "annotations": [
            {"id": i + 1, "image_id": i + 1, "category_id": 7, "bbox": [1, 1, 4, 4], "area": 16} for i in range(IMAGES)
        ],
    }
    (pytester.path / "data" / "annotations.json").write_text(json.dumps(content))
    pytester.makepyfile(shades=SHADES)
    pytester.syspathinsert()
    write_test(pytester)
    (pytester.path / "fast.onnx").write_text("")
    pytester.runpytest("--rfperf-record", "--rfperf-size=fast").assert_outcomes(passed=1)
    (pytester.path / "fast.onnx").write_text(" ".join(map(str, range(IMAGES // 2))))
    monkeypatch.chdir(pytester.path)
    return pytester


def write_test(pytester, least=0.1, more=""):
    gates = f"@min_map({least})\n@no_regression(map=0.005)\ndef test_release(): ...\n"
    pytester.makepyfile(test_release=f"from pytest_rfperf import *\n{gates}{more}")


def run(project, *options):
    return project.runpytest("--rfperf-record", "--rfperf-size=fast", *options)


ACCEPT = ("accept", ".rfperf/last.json", "--despite=no_regression.map", "--reason=half the size")


def test_from_a_regression_to_an_accepted_baseline(project):
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not recorded: fast on cpu/street: no_regression did not pass",
            (
                "to take a regression into the baseline all the same: rfperf baselines accept .rfperf/last.json "
                '--despite no_regression --reason "..."'
            ),
        ]
    )
    code, shown = invoke(*ACCEPT)
    assert code == 0, shown
    newest = read_baseline(project.path / PLACE).runs[0]
    assert (newest.despite, newest.reason) == ("no_regression.map", "half the size")
    assert newest.verdicts[-1].endswith("FAIL") or newest.verdicts[0].endswith("FAIL")
    assert invoke("verify")[0] == 0
    project.runpytest("--rfperf-size=fast").assert_outcomes(passed=1)
    assert [line.split()[-2:] for line in invoke("list")[1].splitlines()[1:2]] == [["2", "ok"]]


def test_workers_leave_all_that_accepting_needs(project):
    run(project, "-n2").assert_outcomes(failed=1)
    assert invoke(*ACCEPT)[0] == 0


@pytest.mark.parametrize(
    ("least", "more", "why"),
    [
        (0.9, "", "min_map did not pass"),
        (0.1, "def test_own(detector): assert not 'mine'\n", "test_release.py::test_own[[]fast-cpu[]] failed"),
        (0.1, "@latency_budget(ms=0.001)\ndef test_b(): ...\n", "latency_budget did not pass"),
    ],
)
def test_nothing_else_may_have_failed(project, least, more, why):
    write_test(project, least, more)
    run(project)
    code, shown = invoke(*ACCEPT)
    assert code == 1
    assert shown == f"not recorded: fast on cpu/street: {why.replace('[[]', '[').replace('[]]', ']')}\n"
    assert len(read_baseline(project.path / PLACE).runs) == 1


def test_a_teardown_that_fails_is_not_accepted_with_its_test(project):
    more = "import pytest\n@pytest.fixture(autouse=True)\ndef own():\n    yield\n    assert not 'mine'\n"
    write_test(project, more=more)
    run(project)
    code, shown = invoke(*ACCEPT)
    assert (code, shown.endswith(" failed\n")) == (1, True)


def test_a_session_that_does_not_record_leaves_nothing_to_accept(project):
    project.runpytest("--rfperf-size=fast").assert_outcomes(failed=1)
    with pytest.raises(UsageError, match="is of a session that did not record"):
        invoke(*ACCEPT)


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("git") is None, reason="not there on this system: git")
def test_a_second_recording_is_a_diff_of_added_lines_alone(project):
    """Reviewed with the very git that the ledger is."""
    git = ["git", "-C", str(project.path), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    run(project)
    assert invoke(*ACCEPT)[0] == 0
    done = subprocess.run([*git, "diff", "--numstat", "--", PLACE], check=True, capture_output=True, text=True)
    added, removed, _ = done.stdout.split()
    assert (int(added) > 30, removed) == (True, "0")
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert read_baseline(project.path / PLACE).runs[0].commit.removesuffix("+changes") == head


def test_a_name_of_refresh_that_is_none_is_an_error_before_anything_is_measured(recorded):
    before = (recorded / PLACE).read_bytes()
    with pytest.raises(UsageError) as caught:
        invoke("refresh", "cpu/street/fast", "cpu/stret")
    assert str(caught.value) == "no baseline 'cpu/stret' in baselines; known: cpu/street/accurate, cpu/street/fast"
    assert (recorded / PLACE).read_bytes() == before


def test_refresh_without_any_baseline_names_the_next_command(root):
    assert invoke("refresh") == (1, NOTHING)


def test_refresh_refuses_a_file_that_was_copied(recorded):
    copy = (recorded / PLACE).with_name("other.json")
    copy.write_bytes((recorded / PLACE).read_bytes())
    before = (recorded / PLACE).read_bytes()
    code, shown = invoke("refresh", "cpu/street/other")
    assert code == 1
    assert shown.startswith("not refreshed: baselines/cpu/street/other.json: ")
    assert "holds the baseline of fast on cpu/street, whose place is cpu/street/fast.json" in shown
    assert (recorded / PLACE).read_bytes() == before


def test_prune_of_artefacts_without_any_baseline_is_refused(root):
    with pytest.raises(UsageError, match="so the whole cache would go"):
        invoke("prune", "--artifacts")
