"""`rfperf init`: what it asks, guesses, refuses and writes."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import tomllib

import onnx_models
import pytest
import starters
import yaml
from click.testing import CliRunner

from pytest_rfperf.cli import rfperf
from pytest_rfperf.errors import DatasetError, ModelError, RfperfError, StoreError, UsageError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two models and a dataset, current."""
    folder = tmp_path / "project"
    starters.write_models(folder / "models")
    starters.write_data(folder / "data" / "street")
    monkeypatch.chdir(folder)
    return folder


def init(*arguments):
    """Run the command with nobody at the terminal; its errors are raised."""
    result = CliRunner().invoke(rfperf, ["init", *arguments])
    if isinstance(result.exception, RfperfError):
        raise result.exception
    assert result.exception is None, result.output
    return result.output


def files(folder):
    """Files that the command may have written."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".onnx" and not path.is_relative_to(folder / "data")
    )


WRITTEN = [".github/workflows/rfperf.yml", "rfperf.toml", "test_release.py"]


def run_pytest(folder, *arguments):
    """Run pytest in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.integration
@pytest.mark.parametrize("runner", ["shared", "owned"])
def test_without_a_hand_edit_pytest_ends_with_a_verdict(project, runner):
    # The two tiny models are equally fast: against equals a ratio says nothing that a test could rely on.
    shown = init(f"--runner={runner}")
    assert "next: pytest --target=cpu\n" in shown
    assert files(project) == WRITTEN
    result = run_pytest(project, "--target=cpu")
    for model in ("fast", "accurate"):
        assert f"PASS: min_map: AP 1.0000 >= 0.98 for {model} on cpu/street" in result.stdout
    assert "PASS: model_size_budget: " in result.stdout
    assert ("latency_ratio: median" in result.stdout) == (runner == "shared")
    assert ("latency_budget: p95" in result.stdout) == (runner == "owned")


def test_guesses_are_said(project):
    shown = init("--no-measure")
    for line in (
        "model fast: models/best_n.onnx",
        "model accurate: models/best_m.onnx",
        "guess: fast is the smallest, by the names of the files (else --model NAME=PATH)",
        "dataset street: data/street (4 images, 4 objects, 1 of 2 classes annotated)",
        "guess: datasets.street: format = 'coco'",
        "guess: models.fast: decoder = 'yolo' (Ultralytics metadata)",
        "guess: CI runs on a shared runner",
        "note: nothing was measured, so the limits are loose",
    ):
        assert line in shown


def test_one_model_alone_says_that_no_gate_holds_its_speed(project):
    shown = init("--model=models/best_m.onnx", "--no-measure")
    assert "model fast: models/best_m.onnx" in shown
    assert "on a shared runner it needs a second model to compare with (--model accurate=PATH)" in shown
    assert "latency" not in (project / "test_release.py").read_text()


def test_a_guess_is_of_the_folder_and_not_of_where_the_command_runs(project, tmp_path, monkeypatch):
    other = tmp_path / "other"
    starters.write_models(other / "models")
    starters.write_data(other / "data" / "street")
    monkeypatch.chdir(other)
    init(f"--folder={project}", "--no-measure")
    assert "models/best_n.onnx" in (project / "rfperf.toml").read_text()
    assert files(other) == []
    assert str(other) not in (project / "rfperf.toml").read_text()


def test_flags_name_everything(project):
    init(
        "--model=tiny=models/best_m.onnx", "--model=huge=models/best_n.onnx", "--data=city=data/street", "--no-measure"
    )
    content = tomllib.loads((project / "rfperf.toml").read_text())
    assert {name: model["artifact"] for name, model in content["models"].items()} == {
        "tiny": "models/best_m.onnx",
        "huge": "models/best_n.onnx",
    }
    assert content["datasets"] == {"city": {"path": "data/street"}}


def test_a_folder_of_tests_and_a_pyproject_are_used(project):
    (project / "tests").mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    init("--no-measure")
    assert files(project) == [".github/workflows/rfperf.yml", "pyproject.toml", "tests/test_release.py"]
    steps = yaml.safe_load((project / WRITTEN[0]).read_text())["jobs"]["gates"]["steps"]
    assert steps[-2]["run"].endswith(" tests/test_release.py")


def test_the_next_command_names_a_file_that_pytest_would_not_look_at(project):
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["checks"]\n')
    assert "next: pytest --target=cpu test_release.py\n" in init("--no-measure")


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_that_is_there_is_overwritten_and_nothing_else_written(project, name):
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("# mine\n")
    with pytest.raises(UsageError, match=r"there already.*--force"):
        init("--no-measure")
    assert files(project) == [name]
    assert (project / name).read_text() == "# mine\n"
    init("--no-measure", "--force")
    assert files(project) == WRITTEN
    assert "# mine" not in (project / name).read_text()


def test_where_one_file_cannot_be_written_none_is(project):
    (project / ".github").write_text("a file in the way")
    with pytest.raises(StoreError, match=r"rfperf\.yml cannot be written: .*\.github is no folder"):
        init("--no-measure")
    assert files(project) == [".github"]


def test_pytest_would_look_elsewhere_so_the_other_folder_is_named(project):
    (project.parent / "pytest.ini").write_text("[pytest]\n")
    with pytest.raises(UsageError, match=f"pytest takes {project.parent} as the root of .*; give --folder"):
        init("--no-measure")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=no.onnx"], r"--model no.onnx: no such file or folder"),
        (["--model=models"], r"--model .*models: a folder; name an ONNX file"),
        (["--data=nowhere"], r"--data nowhere: no such file or folder"),
        (["--target=a b"], r"--target a b: a name is made of letters"),
        (["--decoder=huge=yolo"], r"--decoder huge=yolo: no model of that name; known: fast, accurate"),
        (["--labels=nowhere.txt"], r"--labels nowhere.txt: no such file"),
        (["--decoder=none"], r"none"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_named(project, arguments, message):
    with pytest.raises(UsageError, match=message):
        init("--no-measure", *arguments)
    assert files(project) == []


def test_nothing_to_be_found_names_the_flag(tmp_path):
    with pytest.raises(UsageError, match=r"no ONNX file below .*; name one with --model \[NAME=\]PATH"):
        init(f"--folder={tmp_path}")
    starters.write_models(tmp_path)
    with pytest.raises(UsageError, match=r"no COCO, YOLO or VOC folder below .*; name one with --data"):
        init(f"--folder={tmp_path}")


def test_among_several_the_first_guess_is_taken_only_when_asked_to(project):
    onnx_models.write(project / "models" / "best_s.onnx", onnx_models.yolo_model([[16, 16, 16, 16, 0.9, 0.1]]))
    with pytest.raises(UsageError, match=r"several ONNX files: models/best_n.onnx, models/best_s.onnx, .*--yes"):
        init("--no-measure")
    shown = init("--no-measure", "--yes")
    assert "model fast: models/best_n.onnx" in shown
    assert "model accurate: models/best_m.onnx" in shown


def test_a_file_that_no_decoder_knows_ends_before_anything_is_written(project):
    rows = [[16, 16, 16, 16, 0.5, 0.1]]
    onnx_models.write(project / "odd.onnx", onnx_models.yolo_model(rows, metadata=False))
    with pytest.raises(ModelError, match=r"no decoder recognises .*; set models.fast.decoder .*; here: --decoder"):
        init("--model=odd.onnx", "--no-measure")
    assert files(project) == []


def test_classes_that_the_file_does_not_name_are_those_of_the_dataset(project):
    starters.write_data(project / "data" / "three", ("a", "b", "c"))
    onnx_models.write(project / "x.onnx", onnx_models.yolox_model(3))
    shown = init("--model=x.onnx", "--data=data/three", "--no-measure")
    assert "guess: models.fast: labels = the 3 classes of three, in the order of their ids" in shown
    content = tomllib.loads((project / "rfperf.toml").read_text())
    assert content["models"]["fast"]["labels"] == ["a", "b", "c"]


def test_classes_that_the_file_names_are_not_replaced(project):
    """The file names two classes itself, so those of the dataset are no guess, though they are two as well."""
    starters.write_data(project / "data" / "other", ("z", "b"))
    with pytest.raises(DatasetError, match=r"annotates 'z', which model 'fast' does not know .*; here: --decoder"):
        init("--model=models/best_n.onnx", "--data=data/other", "--no-measure")


def test_a_detector_that_finds_nothing_is_warned_of(project):
    onnx_models.write(project / "blind.onnx", onnx_models.yolo_model([[1, 1, 2, 2, 0.9, 0.1]]))
    assert "warning: AP 0.000 of fast is next to nothing: are its decoder" in init("--model=blind.onnx")
    assert "@min_map(0)  # measured: AP 0.000" in (project / "test_release.py").read_text()


@pytest.mark.integration
@pytest.mark.parametrize(("larger", "names"), [("\n", ["fast", "accurate"]), ("-\n", ["fast"])], ids=["pair", "one"])
def test_at_a_terminal_it_asks_and_enter_takes_the_guess(project, larger, names):
    """A path that is not there is asked for again."""
    shown = converse(project, ["nowhere.onnx\n", "\n", larger, "\n", "owned\n"])
    assert "neither here nor in" in shown
    assert "Does CI run on a shared runner" in shown
    assert files(project) == WRITTEN
    assert list(tomllib.loads((project / "rfperf.toml").read_text())["models"]) == names
    assert "latency_budget" in (project / "test_release.py").read_text()


def converse(folder, answers):
    """Run the command at a terminal of its own, and answer each question as it comes."""
    own, its = pty.openpty()
    command = [sys.executable, "-c", "from pytest_rfperf.cli import main; main()", "init", "--no-measure"]
    with subprocess.Popen(command, cwd=folder, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown, asked, end = "", 0, time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([own], [], [], 0.1)
            try:
                shown += os.read(own, 4096).decode() if ready else ""
            except OSError:  # the other side was closed
                break
            if asked < min(shown.count("]: "), len(answers)):
                os.write(own, answers[asked].encode())
                asked += 1
        else:
            process.kill()
    os.close(own)
    assert process.returncode == 0, shown
    return shown
