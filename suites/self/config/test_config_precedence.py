"""Command line over environment over file, and which names are chosen."""

import pytest

from pytest_rfperf.config import CommandLine, load_settings
from pytest_rfperf.errors import UsageError

FILE = """
cap-s = 10
alpha = 0.01
alpha-scope = "session"
inconclusive = "warn"
json = "file.json"
default-target = "jetson"
[models.tiny]
artifact = "t.onnx"
size = "fast"
[models.nano]
artifact = "n.onnx"
size = "fast"
[models.accurate]
artifact = "a.onnx"
[datasets.street]
path = "street"
[datasets.pills]
path = "pills"
[targets.jetson]
kind = "ssh"
[targets.hosted]
kind = "http"
"""
VALUES = {
    "cap": ("cap_s", "20", 20.0, "30", 30.0, 10.0),
    "alpha": ("alpha", "0.02", 0.02, "0.03", 0.03, 0.01),
    "alpha_scope": ("alpha_scope", "gate", "gate", "session", "session", "session"),
    "inconclusive": ("inconclusive", "skip", "skip", "fail", "fail", "warn"),
    "json": ("json", "variable.json", "variable.json", "option.json", "option.json", "file.json"),
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "rfperf.toml").write_text(FILE)

    def load(environment=None, **options):
        return load_settings(tmp_path, CommandLine(**options), environment or {})

    return load


@pytest.mark.parametrize("name", VALUES)
def test_an_option_beats_a_variable_which_beats_the_file(project, name):
    field, variable, in_environment, option, on_command_line, in_file = VALUES[name]
    variables = {f"RFPERF_{name.upper()}": variable}
    assert getattr(project().run, field) == in_file
    assert getattr(project(variables).run, field) == in_environment
    assert getattr(project(variables, **{field: option}).run, field) == on_command_line


def test_variables_are_those_of_the_process_unless_given(project, tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CAP", "3")
    assert load_settings(tmp_path, CommandLine()).run.cap_s == 3


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("cap", "0", "Expected `float` > 0.0"),
        ("cap", "inf", "Expected `float` <= 86400.0"),
        ("cap", "soon", "Expected `float`, got `str`"),
        ("alpha", "0.5", "Expected `float` < 0.5"),
        ("alpha", "nan", "Expected `float` > 0.0"),
        ("inconclusive", "maybe", "Invalid enum value 'maybe'; known: fail, warn, skip"),
        ("alpha_scope", "test", "Invalid enum value 'test'; known: gate, session"),
    ],
)
def test_a_bad_value_is_named_with_the_variable_or_the_option_that_set_it(project, name, text, problem):
    field = VALUES[name][0]
    with pytest.raises(UsageError) as by_variable:
        project({f"RFPERF_{name.upper()}": text})
    with pytest.raises(UsageError) as by_option:
        project(**{field: text})
    assert str(by_variable.value) == f"RFPERF_{name.upper()}={text}: {problem}"
    assert str(by_option.value) == f"--rfperf-{name.replace('_', '-')}={text}: {problem}"


def test_a_bad_variable_is_an_error_even_where_an_option_overrides_it(project):
    with pytest.raises(UsageError, match="RFPERF_ALPHA=2"):
        project({"RFPERF_ALPHA": "2"}, alpha="0.1")


def test_targets_come_from_the_options_then_the_variable_then_the_default(project):
    variables = {"RFPERF_TARGET": "hosted, cpu"}
    assert project().chosen_targets == ("jetson",)
    assert project(variables).chosen_targets == ("hosted", "cpu")
    assert project(variables, targets=("cpu", "jetson", "cpu")).chosen_targets == ("cpu", "jetson")


def test_the_cpu_is_a_target_without_being_configured(project):
    assert project().targets["cpu"].kind == "onnxruntime"


def test_models_keep_the_order_of_the_file_whatever_the_order_asked_for(project):
    assert project().chosen_models == ("tiny", "nano", "accurate")
    assert project(sizes=("accurate", "fast")).chosen_models == ("tiny", "nano", "accurate")


@pytest.mark.parametrize(
    ("sizes", "models"),
    [
        (("fast",), ("tiny", "nano")),
        (("nano",), ("nano",)),
        (("accurate",), ("accurate",)),
        (("nano", "accurate"), ("nano", "accurate")),
    ],
)
def test_a_size_or_the_name_of_a_model_selects(project, sizes, models):
    assert project(sizes=sizes).chosen_models == models
    assert project({"RFPERF_SIZE": ",".join(sizes)}).chosen_models == models
    assert project({"RFPERF_SIZE": "tiny"}, sizes=sizes).chosen_models == models


def test_datasets_are_selected_by_name(project):
    assert project().chosen_datasets == ("street", "pills")
    assert project({"RFPERF_DATASET": "pills"}).chosen_datasets == ("pills",)
    assert project({"RFPERF_DATASET": "pills"}, datasets=("street",)).chosen_datasets == ("street",)


@pytest.mark.parametrize(
    ("options", "chosen", "message"),
    [
        (
            {"targets": ("jetsno",)},
            "chosen_targets",
            "--target=jetsno: no such name in [targets]; known: cpu, hosted, jetson",
        ),
        (
            {"sizes": ("huge",)},
            "chosen_models",
            "--rfperf-size=huge: no such name in [models]; known: accurate, fast, nano, tiny",
        ),
        (
            {"datasets": ("x",)},
            "chosen_datasets",
            "--rfperf-dataset=x: no such name in [datasets]; known: pills, street",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(project, options, chosen, message):
    with pytest.raises(UsageError) as caught:
        getattr(project(**options), chosen)
    assert str(caught.value) == message


def test_an_unknown_target_is_named_with_the_variable_that_chose_it(project):
    with pytest.raises(UsageError, match=r"^RFPERF_TARGET=gpu: "):
        _ = project({"RFPERF_TARGET": "gpu"}).chosen_targets


def test_recording_and_saving_are_off_unless_asked_for(project):
    assert (project().record, project().save_detections) == (False, None)
    asked = project(record=True, save_detections="out")
    assert asked.record
    assert str(asked.save_detections) == "out"
