"""[tool.rfperf] of pyproject.toml, or rfperf.toml, into one frozen `Settings`.

Precedence is decided here and nowhere else: command line over environment over file. (A marker, which is
closer still, names its own arguments.)
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec

from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import bundled_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT_PREFIX = "RFPERF_"
Inconclusive = Literal["fail", "warn", "skip"]
AlphaScope = Literal["gate", "session"]
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*")


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Keys of `models.NAME`.

    Attributes
    ----------
    artifact : str
        The ONNX file.
    decoder : str or None
        Name or dotted path; recognised from the file without it.
    labels : str, tuple of str or None
        A built-in list, a text file of one name a line, or the names.
    size : str or None
        The size that the model stands for; its own name without it.
    training_s : float or None
        Wall seconds that it trained, where its metadata do not say so.
    preprocess, decode : dict
        Keys that override those of the decoder.
    """

    artifact: str
    decoder: str | None = None
    labels: str | tuple[str, ...] | None = None
    size: str | None = None
    training_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    preprocess: dict[str, Any] = {}
    decode: dict[str, Any] = {}


class DatasetSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """Keys of `datasets.NAME`: `path` alone is recognised; `format` brings its own `keys`.

    `rename` maps class names of the dataset to those of the model; `ignore_classes` leaves classes out.
    """

    path: str | None
    format: str | None
    rename: dict[str, str]
    ignore_classes: tuple[str, ...]
    keys: dict[str, Any]


class TargetSettings(msgspec.Struct, frozen=True):
    """Keys of `targets.NAME`: the `kind`, and what that kind asks for."""

    kind: str
    keys: dict[str, Any]


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How to run: keys of the file's top level, RFPERF_* variables and --rfperf-* options."""

    default_target: str = "cpu"
    cap_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 30.0
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=0.5)] = 0.05
    alpha_scope: AlphaScope = "gate"
    inconclusive: Inconclusive = "fail"
    baselines: str = "baselines"
    json: str = ".rfperf/last.json"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0


class Settings(msgspec.Struct, frozen=True):
    """All that a session needs to know.

    Attributes
    ----------
    root : Path
        What relative paths are relative to.
    source : str
        The file, as messages name it; "no configuration" without one.
    models, datasets, targets : dict
        By name, in the order of the file: the models' order is that of their sizes.
    run : Run
    selected_targets, selected_sizes, selected_datasets : tuple of str
        Names; the last two are empty for all.
    record : bool
    save_detections : Path or None
    chosen_by : dict
        Which option, variable or key named the selected target, size and dataset, for messages.
    """

    root: Path
    source: str
    models: dict[str, ModelSettings]
    datasets: dict[str, DatasetSettings]
    targets: dict[str, TargetSettings]
    run: Run
    selected_targets: tuple[str, ...]
    selected_sizes: tuple[str, ...] = ()
    selected_datasets: tuple[str, ...] = ()
    record: bool = False
    save_detections: Path | None = None
    chosen_by: dict[str, str] = {}

    def path(self, text: str) -> Path:
        """A configured path, relative to the root."""
        return self.root / Path(text).expanduser()

    def model_named(self, name: str) -> str:
        """The model of that name, else the one of that size.

        Raises
        ------
        UsageError
            If there is none, or several are of that size.
        """
        if name in self.models:
            return name
        found = [other for other, model in self.models.items() if model.size == name]
        if len(found) == 1:
            return found[0]
        known = ", ".join(self.models) or "none is configured"
        msg = f"{self.source}: {'several models' if found else 'no model'} of the name or size '{name}'; known: {known}"
        raise UsageError(msg)

    @property
    def chosen_models(self) -> tuple[str, ...]:
        """Models of the selected sizes, smallest first."""
        sizes = {name: model.size or name for name, model in self.models.items()}
        _require(self.selected_sizes, set(sizes.values()) | set(sizes), self.chosen_by["size"], "models")
        chosen = self.selected_sizes
        return tuple(name for name, size in sizes.items() if not chosen or size in chosen or name in chosen)

    @property
    def chosen_datasets(self) -> tuple[str, ...]:
        """Selected datasets."""
        _require(self.selected_datasets, self.datasets, self.chosen_by["dataset"], "datasets")
        return tuple(name for name in self.datasets if not self.selected_datasets or name in self.selected_datasets)

    @property
    def chosen_targets(self) -> tuple[str, ...]:
        """Selected targets, in the order in which they were named."""
        _require(self.selected_targets, self.targets, self.chosen_by["target"], "targets")
        return tuple(dict.fromkeys(self.selected_targets))


class CommandLine(msgspec.Struct, frozen=True):
    """What the command line says; None leaves it to the environment and the file."""

    targets: tuple[str, ...] = ()
    target_option: str = "--target"
    sizes: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    bundled: bool = False
    cap_s: str | None = None
    alpha: str | None = None
    alpha_scope: str | None = None
    inconclusive: str | None = None
    json: str | None = None
    record: bool = False
    save_detections: str | None = None


def load_settings(root: Path, command_line: CommandLine, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration of a project.

    Parameters
    ----------
    root : Path
        The folder of pyproject.toml or rfperf.toml.
    command_line : CommandLine
    environment : mapping, optional
        `os.environ` unless given.

    Raises
    ------
    UsageError
        Naming the file, the key's path and the known keys.
    """
    variables = os.environ if environment is None else environment
    table, source = _table(root)
    content = dict(table)
    if command_line.bundled or ("models" not in content and "datasets" not in content):
        content |= bundled_tables()
    models = {n: _struct(t, ModelSettings, f"models.{n}", source) for n, t in _named(content, "models", source)}
    datasets = {n: _dataset(t, f"datasets.{n}", source) for n, t in _named(content, "datasets", source)}
    targets = {n: _target(t, f"targets.{n}", source) for n, t in _named(content, "targets", source)}
    targets.setdefault("cpu", TargetSettings("onnxruntime", {}))
    run = _struct(content, Run, "", source, known_more=("models", "datasets", "targets"))
    run = _overridden(run, variables, command_line)
    targets_chosen, target_by = _chosen(command_line.targets, variables, "TARGET", command_line.target_option)
    sizes_chosen, size_by = _chosen(command_line.sizes, variables, "SIZE", "--rfperf-size")
    datasets_chosen, dataset_by = _chosen(command_line.datasets, variables, "DATASET", "--rfperf-dataset")
    return Settings(
        root=root,
        source=source,
        models=models,
        datasets=datasets,
        targets=targets,
        run=run,
        selected_targets=targets_chosen or (run.default_target,),
        selected_sizes=sizes_chosen,
        selected_datasets=datasets_chosen,
        record=command_line.record,
        save_detections=Path(command_line.save_detections) if command_line.save_detections else None,
        chosen_by={"target": target_by or "default-target", "size": size_by, "dataset": dataset_by},
    )


def convert_options(keys: Mapping[str, Any], kind: type[Any], path: str, source: str) -> Any:  # noqa: ANN401 - a struct of the adapter's own
    """Turn the keys of an adapter into its frozen options; errors name the key's path and the known keys."""
    return _struct(dict(keys), kind, path, source)


def _table(root: Path) -> tuple[dict[str, Any], str]:
    """The rfperf table and the name of its file; rfperf.toml comes before pyproject.toml."""
    for file, keys in (("rfperf.toml", ()), ("pyproject.toml", ("tool", "rfperf"))):
        path = root / file
        if not path.is_file():
            continue
        try:
            content: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"{path}: {error}"
            raise UsageError(msg) from error
        for key in keys:
            content = content.get(key, {})
            if not isinstance(content, dict):
                msg = f"{path}: {key} must be a table"
                raise UsageError(msg)
        if content or not keys:
            return content, file
    return {}, "no configuration"


def _named(content: dict[str, Any], key: str, source: str) -> list[tuple[str, dict[str, Any]]]:
    """The sub-tables of a table of names, taken out of `content`."""
    table = content.pop(key, {})
    if not isinstance(table, dict) or not all(isinstance(value, dict) for value in table.values()):
        msg = f"{source}: {key} must be a table of tables, such as [{key}.NAME]"
        raise UsageError(msg)
    for name in table:
        if not _NAME.fullmatch(name):
            msg = f"{source}: {key}.{name!r}: a name is made of letters, digits and _ . + -, and names files and tests"
            raise UsageError(msg)
    return list(table.items())


def _dataset(table: dict[str, Any], path: str, source: str) -> DatasetSettings:
    keys = dict(table)
    location, kind = keys.pop("path", None), keys.pop("format", None)
    rename, ignored = keys.pop("rename", {}), keys.pop("ignore-classes", ())
    if location is None and kind is None:
        msg = f"{source}: {path} needs `path`, or `format` and its keys"
        raise UsageError(msg)
    fields = {"path": location, "format": kind, "rename": rename, "ignore-classes": ignored, "keys": keys}
    settings: DatasetSettings = _converted(fields, DatasetSettings, path, source)
    return settings


def _target(table: dict[str, Any], path: str, source: str) -> TargetSettings:
    keys = dict(table)
    if "kind" not in keys:
        msg = f"{source}: {path}.kind is missing; for example kind = 'onnxruntime'"
        raise UsageError(msg)
    settings: TargetSettings = _converted({"kind": keys.pop("kind"), "keys": keys}, TargetSettings, path, source)
    return settings


def _struct(table: dict[str, Any], kind: type[Any], path: str, source: str, known_more: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - a value of `kind`
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            near = get_close_matches(key, [*known, *known_more], n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            msg = f"{source}: unknown key '{_dotted(path, key)}'; known: {', '.join([*known, *known_more])}{hint}"
            raise UsageError(msg)
    return _converted(table, kind, path, source)


def _converted(table: dict[str, Any], kind: type[Any], path: str, source: str) -> Any:  # noqa: ANN401 - a value of `kind`
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        key = _dotted(path, place.rstrip("`").lstrip("."))
        field = place.rstrip("`").lstrip(".")
        value = f" = {table[field]!r}" if field in table else ""
        known = ", ".join(_literals(kind).get(field, ()))
        msg = f"{source}: {key}{value}: {problem}{f'; known: {known}' if known else ''}"
        raise UsageError(msg) from error


def _literals(kind: type[Any]) -> dict[str, tuple[str, ...]]:
    """The keys of a struct that take one of a few words, with those words."""
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: get_args(field.type) for field in fields if get_origin(field.type) is Literal}


def _overridden(run: Run, variables: Mapping[str, str], command_line: CommandLine) -> Run:
    """Apply variables, then options, each with its own name in the message."""
    for name in ("cap_s", "alpha", "alpha_scope", "inconclusive", "json"):
        short = name.removesuffix("_s")
        given = {
            f"{ENVIRONMENT_PREFIX}{short.upper()}": variables.get(f"{ENVIRONMENT_PREFIX}{short.upper()}") or None,
            f"--rfperf-{short.replace('_', '-')}": getattr(command_line, name),
        }
        for where, text in given.items():
            if text is not None:
                run = _with(run, name, text, where)
    return run


def _with(run: Run, name: str, text: str, where: str) -> Run:
    table = msgspec.structs.asdict(run) | {name: text}
    kebab = {key.replace("_", "-"): value for key, value in table.items()}
    try:
        return msgspec.convert(kebab, Run, strict=False)
    except msgspec.ValidationError as error:
        problem = str(error).partition(" - at `$")[0]
        known = ", ".join(_literals(Run).get(name.replace("_", "-"), ()))
        msg = f"{where}={text}: {problem}{f'; known: {known}' if known else ''}"
        raise UsageError(msg) from error


def _chosen(
    given: tuple[str, ...], variables: Mapping[str, str], name: str, option: str
) -> tuple[tuple[str, ...], str]:
    """Names of the command line, else of the variable, with what they were given by; empty where by neither."""
    if given:
        return given, option
    variable = f"{ENVIRONMENT_PREFIX}{name}"
    listed = tuple(part.strip() for part in variables.get(variable, "").split(",") if part.strip())
    return listed, variable if listed else ""


def _require(chosen: tuple[str, ...], known: Any, option: str, table: str) -> None:  # noqa: ANN401 - any container of names
    for name in chosen:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none is configured"
            msg = f"{option}={name}: no such name in [{table}]; known: {listed}"
            raise UsageError(msg)


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else path or key
