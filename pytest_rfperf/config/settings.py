"""What a configuration comes to: models, datasets, targets and how to run, frozen."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import bundled_tables

Inconclusive = Literal["fail", "warn", "skip"]
AlphaScope = Literal["gate", "session"]
Plan = Literal["", "static", "probe"]


class UrlArtifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model file to be fetched: its address, and the hash that its bytes must have."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


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
    baseline : str, UrlArtifact or None
        The old artefact that latency is measured against: "git:REF:path", a path, or an address with its hash. Without
        it, the copy that recording kept.
    python : str or None
        Interpreter that runs this model where two are measured in turns; pytest's own without it.
    """

    artifact: str
    decoder: str | None = None
    labels: str | tuple[str, ...] | None = None
    size: str | None = None
    training_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    preprocess: dict[str, Any] = {}
    decode: dict[str, Any] = {}
    baseline: str | UrlArtifact | None = None
    python: str | None = None


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


class WaiverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A row of `waivers`: a marker `waiver` that is written in the configuration.

    Attributes
    ----------
    test : str
        Node id of the test, or a pattern with * and ?, such as "test_release.py::test_release[fast-*]".
    metric : str
        The gate, as its marker is called; "no_regression.latency" and "no_regression.map" for the parts of that one.
    ceiling : float
        What is tolerated meanwhile in place of the gate's own limit, in the unit of the marker.
    expires : date
        The last day on which it holds.
    owner, issue, reason : str
    """

    test: Annotated[str, msgspec.Meta(min_length=1)]
    metric: str
    ceiling: float
    expires: date
    owner: str
    issue: str
    reason: str


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How to run: keys of the file's top level, RFPERF_* variables and --rfperf-* options."""

    default_target: str = "cpu"
    cap_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 30.0
    suite_cap_s: Annotated[float, msgspec.Meta(gt=0, le=604_800)] | None = None
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
    waivers : tuple of WaiverSettings
    plan : str
        "static" or "probe" where the session only says what it would measure; empty where it measures.
    fault : str
        What `rfperf mutate` makes the detectors do wrong; empty usually.
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
    waivers: tuple[WaiverSettings, ...] = ()
    plan: Plan = ""
    fault: str = ""

    @property
    def is_bundled(self) -> bool:
        """Whether the models are the bundled ones."""
        return {name: model.artifact for name, model in self.models.items()} == {
            name: table["artifact"] for name, table in bundled_tables()["models"].items()
        }

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


def _require(chosen: tuple[str, ...], known: Any, option: str, table: str) -> None:  # noqa: ANN401 - any container of names
    for name in chosen:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none is configured"
            msg = f"{option}={name}: no such name in [{table}]; known: {listed}"
            raise UsageError(msg)
