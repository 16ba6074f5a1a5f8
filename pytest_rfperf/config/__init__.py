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
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from pytest_rfperf.config.settings import (
    DatasetSettings,
    ModelSettings,
    Plan,
    Run,
    Settings,
    TargetSettings,
    UrlArtifact,
    WaiverSettings,
)
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import bundled_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CommandLine",
    "DatasetSettings",
    "ModelSettings",
    "Run",
    "Settings",
    "TargetSettings",
    "UrlArtifact",
    "WaiverSettings",
    "convert_options",
    "load_settings",
    "project_root",
]

ENVIRONMENT_PREFIX = "RFPERF_"
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_ADDRESS = re.compile(r"\s*https?:/", re.IGNORECASE)
_SECRET = ("baseline",)
"""Keys whose values no message shows: an address may carry a user, a password or a token."""
_URL_HINT = 'write an address as { url = "https://...", sha256 = "64 digits from 0 to f" }'


class CommandLine(msgspec.Struct, frozen=True):
    """What the command line says; None leaves it to the environment and the file."""

    targets: tuple[str, ...] = ()
    target_option: str = "--target"
    sizes: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    bundled: bool = False
    cap_s: str | None = None
    suite_cap_s: str | None = None
    alpha: str | None = None
    alpha_scope: str | None = None
    inconclusive: str | None = None
    json: str | None = None
    record: bool = False
    save_detections: str | None = None
    plan: Plan = ""
    fault: str = ""


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
    models = {n: _model(t, f"models.{n}", source) for n, t in _named(content, "models", source)}
    datasets = {n: _dataset(t, f"datasets.{n}", source) for n, t in _named(content, "datasets", source)}
    targets = {n: _target(t, f"targets.{n}", source) for n, t in _named(content, "targets", source)}
    targets.setdefault("cpu", TargetSettings("onnxruntime", {}))
    waivers = tuple(_waivers(content, source))
    run = _struct(content, Run, "", source, known_more=("models", "datasets", "targets", "waivers"))
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
        waivers=waivers,
        plan=command_line.plan,
        fault=command_line.fault,
    )


def project_root(folder: Path) -> Path:
    """The nearest folder upwards that has an rfperf.toml or a pyproject.toml; the folder itself without one."""
    places = [folder, *folder.parents]
    return next((p for p in places if any((p / name).is_file() for name in ("rfperf.toml", "pyproject.toml"))), folder)


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


def _waivers(content: dict[str, Any], source: str) -> list[WaiverSettings]:
    """The rows of `waivers`, taken out of `content`."""
    rows = content.pop("waivers", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(WaiverSettings))
        msg = f"{source}: waivers must be rows: [[waivers]] with {known}"
        raise UsageError(msg)
    return [_struct(row, WaiverSettings, f"waivers[{rank}]", source) for rank, row in enumerate(rows)]


def _model(table: dict[str, Any], path: str, source: str) -> ModelSettings:
    settings: ModelSettings = _struct(table, ModelSettings, path, source)
    if isinstance(settings.baseline, str) and _ADDRESS.match(settings.baseline):
        # The text is not shown: an address may carry a password.
        msg = f"{source}: {path}.baseline is an address without its hash; {_URL_HINT}"
        raise UsageError(msg)
    return settings


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
        top = re.split(r"[.\[]", field)[0]
        value = f" = {table[field]!r}" if field in table and top not in _SECRET else ""
        known = ", ".join(_literals(kind).get(field, ()))
        hint = f"; known: {known}" if known else f"; {_URL_HINT}" if top in _SECRET else ""
        msg = f"{source}: {key}{value}: {problem}{hint}"
        raise UsageError(msg) from error


def _literals(kind: type[Any]) -> dict[str, tuple[str, ...]]:
    """The keys of a struct that take one of a few words, with those words."""
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: get_args(field.type) for field in fields if get_origin(field.type) is Literal}


def _overridden(run: Run, variables: Mapping[str, str], command_line: CommandLine) -> Run:
    """Apply variables, then options, each with its own name in the message."""
    folder = variables.get(f"{ENVIRONMENT_PREFIX}BASELINES")
    run = msgspec.structs.replace(run, baselines=folder) if folder else run
    for name in ("cap_s", "suite_cap_s", "alpha", "alpha_scope", "inconclusive", "json"):
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


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else path or key
