"""What the configuration file may say, and what every error about it names."""

import pytest

from pytest_rfperf.config import CommandLine, Settings, convert_options, load_settings
from pytest_rfperf.datasets.coco import CocoOptions
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import TASKS, bundled_tables


def load(root, text="", *, file="rfperf.toml") -> Settings:
    (root / file).write_text(text)
    return load_settings(root, CommandLine(), {})


def test_without_configuration_the_bundled_pair_and_dataset_run_on_the_cpu(tmp_path):
    settings = load_settings(tmp_path, CommandLine(), {})
    tables = bundled_tables()
    assert settings.source == "no configuration"
    assert {n: m.artifact for n, m in settings.models.items()} == {
        n: t["artifact"] for n, t in tables["models"].items()
    }
    assert settings.chosen_models == ("fast", "accurate")
    assert settings.chosen_datasets == TASKS
    assert settings.chosen_targets == ("cpu",)
    assert settings.targets["cpu"].kind == "onnxruntime"


def test_a_pyproject_without_a_table_of_ours_is_no_configuration(tmp_path):
    settings = load(tmp_path, "[project]\nname = 'x'", file="pyproject.toml")
    assert settings.source == "no configuration"
    assert settings.chosen_models == ("fast", "accurate")


def test_keys_of_a_run_alone_leave_the_bundled_tables_in_place(tmp_path):
    settings = load(tmp_path, "cap-s = 5")
    assert settings.run.cap_s == 5
    assert settings.chosen_datasets == TASKS


def test_own_models_replace_the_bundled_ones_and_their_dataset(tmp_path):
    settings = load(tmp_path, "[models.mine]\nartifact = 'm.onnx'")
    assert settings.chosen_models == ("mine",)
    assert settings.chosen_datasets == ()


def test_pyproject_is_read_below_tool_rfperf(tmp_path):
    settings = load(
        tmp_path, "[tool.rfperf]\ncap-s = 7\n[tool.rfperf.targets.jetson]\nkind = 'ssh'", file="pyproject.toml"
    )
    assert (settings.source, settings.run.cap_s) == ("pyproject.toml", 7)
    assert settings.targets["jetson"].kind == "ssh"


def test_rfperf_toml_comes_before_pyproject_toml(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.rfperf]\ncap-s = 7\nalpha = 0.01")
    settings = load(tmp_path, "cap-s = 8")
    assert (settings.source, settings.run.cap_s, settings.run.alpha) == ("rfperf.toml", 8, 0.05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "alhpa = 0.1",
            (
                "rfperf.toml: unknown key 'alhpa'; known: default-target, cap-s, suite-cap-s, alpha, alpha-scope, "
                "inconclusive, baselines, json, seed, models, datasets, targets, waivers; did you mean 'alpha'?"
            ),
        ),
        (
            "[models.fast]\nartefact = 'x'",
            (
                "rfperf.toml: unknown key 'models.fast.artefact'; known: artifact, decoder, labels, size, training-s, preprocess, "
                "decode, baseline, python; did you mean 'artifact'?"
            ),
        ),
        ("[models.fast]\nartifact = 3", "rfperf.toml: models.fast.artifact = 3: Expected `str`, got `int`"),
        ("[models.fast]", "rfperf.toml: models.fast: Object missing required field `artifact`"),
        (
            "[models.fast]\nartifact = 'x'\nlabels = [1]",
            "rfperf.toml: models.fast.labels[0]: Expected `str`, got `int`",
        ),
        (
            "[models.fast]\nartifact = 'x'\ndecode = 3",
            "rfperf.toml: models.fast.decode = 3: Expected `object`, got `int`",
        ),
        ("[datasets.street]", "rfperf.toml: datasets.street needs `path`, or `format` and its keys"),
        ("[datasets.street]\npath = 3", "rfperf.toml: datasets.street.path = 3: Expected `str | null`, got `int`"),
        ("[targets.gpu]", "rfperf.toml: targets.gpu.kind is missing; for example kind = 'onnxruntime'"),
        ("[targets.gpu]\nkind = 3", "rfperf.toml: targets.gpu.kind = 3: Expected `str`, got `int`"),
        ("models = 3", "rfperf.toml: models must be a table of tables, such as [models.NAME]"),
        ("[datasets]\nstreet = 'x'", "rfperf.toml: datasets must be a table of tables, such as [datasets.NAME]"),
        ("cap-s = '30'", "rfperf.toml: cap-s = '30': Expected `float`, got `str`"),
        ("cap-s = 0", "rfperf.toml: cap-s = 0: Expected `float` > 0.0"),
        ("cap-s = inf", "rfperf.toml: cap-s = inf: Expected `float` <= 86400.0"),
        ("alpha = 0.5", "rfperf.toml: alpha = 0.5: Expected `float` < 0.5"),
        ("alpha = nan", "rfperf.toml: alpha = nan: Expected `float` > 0.0"),
        (
            "inconclusive = 'maybe'",
            "rfperf.toml: inconclusive = 'maybe': Invalid enum value 'maybe'; known: fail, warn, skip",
        ),
        ("alpha-scope = 'test'", "rfperf.toml: alpha-scope = 'test': Invalid enum value 'test'; known: gate, session"),
    ],
)
def test_a_wrong_key_is_named_by_its_path(tmp_path, text, message):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == message


def test_a_wrong_key_is_named_as_the_file_spells_it(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "[datasets.street]\npath = 'x'\nignore-classes = 3")
    assert str(caught.value) == "rfperf.toml: datasets.street.ignore-classes = 3: Expected `array`, got `int`"


@pytest.mark.parametrize("known", ["fail", "warn", "skip"])
def test_a_wrong_policy_is_answered_with_the_known_ones(tmp_path, known):
    with pytest.raises(UsageError, match=known):
        load(tmp_path, "inconclusive = 'maybe'")


def test_a_negative_seed_is_refused_where_it_is_set(tmp_path):
    with pytest.raises(UsageError, match="seed"):
        load(tmp_path, "seed = -1")


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nrfperf = 3"])
def test_a_pyproject_without_tables_is_refused_in_our_words(tmp_path, text):
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        load(tmp_path, text, file="pyproject.toml")


@pytest.mark.parametrize("content", [b"alpha = ", b"alpha = '\xff'"])
def test_a_file_that_is_no_toml_is_named(tmp_path, content):
    (tmp_path / "rfperf.toml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path, CommandLine(), {})
    assert str(caught.value).startswith(f"{tmp_path / 'rfperf.toml'}: ")


def test_keys_of_an_adapter_are_checked_against_its_own():
    with pytest.raises(UsageError) as caught:
        convert_options({"annotation": "a.json"}, CocoOptions, "datasets.street", "rfperf.toml")
    assert str(caught.value) == (
        "rfperf.toml: unknown key 'datasets.street.annotation'; known: annotations, images; did you mean 'annotations'?"
    )


def test_a_dataset_keeps_the_keys_of_its_format_apart(tmp_path):
    text = """
    [datasets.street]
    path = "data"
    rename = { auto = "car" }
    ignore-classes = ["tree"]
    split = "val"
    """
    street = load(tmp_path, text).datasets["street"]
    assert (street.rename, street.ignore_classes, street.keys) == ({"auto": "car"}, ("tree",), {"split": "val"})


def test_settings_and_their_parts_are_frozen(tmp_path):
    settings = load(tmp_path)
    for part, field in ((settings, "root"), (settings.run, "alpha"), (settings.models["fast"], "artifact")):
        with pytest.raises(AttributeError):
            setattr(part, field, None)


def test_relative_paths_start_at_the_root_and_absolute_ones_stay(tmp_path):
    settings = load(tmp_path)
    assert settings.path("a/b.onnx") == tmp_path / "a" / "b.onnx"
    assert settings.path(str(tmp_path / "c")) == tmp_path / "c"


@pytest.mark.parametrize(
    "value",
    [
        "{ url = 'https://user:TOKEN@host/m.onnx' }",
        "{ url = 'https://user:TOKEN@host/m.onnx', sha256 = 'TOKEN' }",
        "{ url = 'ftp://user:TOKEN@host/m.onnx', sha256 = '' }",
        "['https://user:TOKEN@host/m.onnx']",
        "'https://user:TOKEN@host/m.onnx'",
        "'HTTP://user:TOKEN@host/m.onnx'",
        "' https://host/m.onnx?key=TOKEN'",
        "'https:/user:TOKEN@host/m.onnx'",
    ],
)
def test_a_baseline_that_is_refused_never_shows_its_address(tmp_path, value):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, f"[models.fast]\nartifact = 'x'\nbaseline = {value}")
    said = str(caught.value)
    assert "TOKEN" not in said
    assert said.startswith("rfperf.toml: models.fast.baseline")
    assert said.endswith('; write an address as { url = "https://...", sha256 = "64 digits from 0 to f" }')


@pytest.mark.parametrize("text", ["old/https.onnx", "git:v1:m.onnx", "https_models/m.onnx"])
def test_a_path_and_a_commit_are_no_address(tmp_path, text):
    settings = load(tmp_path, f"[models.fast]\nartifact = 'x'\nbaseline = '{text}'")
    assert settings.models["fast"].baseline == text
