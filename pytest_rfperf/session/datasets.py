"""From the keys of a dataset to annotated images, and from a model's labels to the dataset's categories."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.config import convert_options
from pytest_rfperf.errors import DatasetError, UsageError
from pytest_rfperf.measure.accuracy import LEFT_OUT
from pytest_rfperf.registry import find, known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.config import DatasetSettings, Settings
    from pytest_rfperf.data.coco import GroundTruth
    from pytest_rfperf.protocols import Dataset
    from pytest_rfperf.session.inventory import Progress

GROUP = "rfperf.datasets"
_PATH_KEYS = frozenset({"annotations", "images", "labels", "split", "names", "path"})


def load_dataset(name: str, settings: Settings, note: Callable[[str], None], progress: Progress) -> Dataset:
    """Read the annotations of a dataset; `note` is told each guess, and `progress` how far fetching it has come.

    Raises
    ------
    DatasetError
        If the folder is not recognised, or the annotations contradict themselves.
    """
    keys = settings.datasets[name]
    kind, options = _format(name, keys, settings, note)
    try:
        adapter = find(GROUP, kind).load()
    except UsageError as error:
        msg = f"{settings.source}: datasets.{name}.format: {error}"
        raise UsageError(msg) from None
    struct = convert_options(options, adapter.options, f"datasets.{name}", settings.source)
    if hasattr(adapter, "fetch"):
        try:
            adapter.fetch(struct, lambda done, of: progress.show(f"dataset {name}: {done}/{of} images"))
        finally:
            progress.done()
    dataset: Dataset = adapter.load(name, struct)
    return _without(dataset, keys, name)


@dataclass(frozen=True)
class AnnotatedSubset:
    """A dataset without the objects of some classes."""

    whole: Dataset
    truth: GroundTruth
    sha256: str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the whole dataset has
        """Take the rest from the whole."""
        return getattr(self.whole, name)


def category_of_label(
    labels: Sequence[str], dataset: Dataset, keys: DatasetSettings, names: tuple[str, str]
) -> list[int]:
    """Rank of the dataset's category for each label of the model, matched by name.

    Parameters
    ----------
    labels : sequence of str
        Of the model, by index.
    dataset : Dataset
    keys : DatasetSettings
        Their `rename` says what a class of the dataset is called by the model.
    names : (str, str)
        Of the model and the dataset, for messages.

    Raises
    ------
    DatasetError
        If the dataset annotates objects of a class that the model does not know.
    """
    annotated = np.unique(dataset.truth.categories)
    called = [_folded(keys.rename.get(category.name, category.name)) for category in dataset.categories]
    doubled = [label for label, count in Counter(called[rank] for rank in annotated).items() if count > 1]
    if doubled:
        msg = (
            f"dataset '{names[1]}' annotates two classes that the model calls '{doubled[0]}'; merge them in the "
            f"annotations, or leave one out with datasets.{names[1]}.ignore-classes"
        )
        raise DatasetError(msg)
    folded = {label: rank for rank, label in enumerate(called)} | {called[rank]: int(rank) for rank in annotated}
    found = [folded.get(_folded(label), LEFT_OUT) for label in labels]
    missing = [dataset.categories[rank].name for rank in annotated if rank not in found]
    if missing:
        model, place = names
        msg = (
            f"dataset '{place}' annotates {', '.join(map(repr, missing[:5]))}"
            f"{f' and {len(missing) - 5} more' if len(missing) > 5 else ''}, which model '{model}' does not know "  # noqa: PLR2004 - five shown
            f"(it knows {', '.join(map(repr, labels[:5]))}{', ...' if len(labels) > 5 else ''}); "  # noqa: PLR2004 - five shown
            f"set models.{model}.labels, or datasets.{place}.rename or ignore-classes"
        )
        raise DatasetError(msg)
    return found


def _format(
    name: str, keys: DatasetSettings, settings: Settings, note: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    beside = settings.root if keys.path is None else settings.path(keys.path)
    given = {
        key: str(beside / Path(value).expanduser()) if key in _PATH_KEYS and isinstance(value, str) else value
        for key, value in keys.keys.items()
    }
    adapters = {keys.format: find(GROUP, keys.format)} if keys.format else known(GROUP)
    if keys.path is None:
        return keys.format or "", given
    folder = settings.path(keys.path)
    if not folder.exists():
        msg = f"datasets.{name}.path = '{keys.path}': {folder} does not exist"
        raise DatasetError(msg)
    formats = {kind: adapter.load() for kind, adapter in adapters.items()}
    exports = {kind: adapter for kind, adapter in formats.items() if not hasattr(adapter, "fetch")}
    for kind, adapter in exports.items():
        recognised = adapter.recognises(folder)
        if recognised is not None:
            shown = ", ".join(f"{key} = '{_relative(value, folder)}'" for key, value in recognised.items())
            note(f"datasets.{name}: format = '{kind}', {shown}")
            return kind or "", {**recognised, **given}
    if keys.format and given:
        return keys.format, given
    msg = (
        f"datasets.{name}.path = '{keys.path}': no {', '.join(filter(None, exports))} export is recognised in "
        f"{folder}; set datasets.{name}.format and its keys"
    )
    raise DatasetError(msg)


def _relative(value: str, folder: Any) -> str:  # noqa: ANN401 - a path
    return value.removeprefix(str(folder)).lstrip("/\\") or "."


def _without(dataset: Dataset, keys: DatasetSettings, name: str) -> Dataset:
    """Leave out the objects of ignored classes, and check the names in `rename` and `ignore-classes`."""
    names = [category.name for category in dataset.categories]
    for key, given in (("ignore-classes", keys.ignore_classes), ("rename", tuple(keys.rename))):
        unknown = sorted(set(given) - set(names))
        if unknown:
            msg = f"datasets.{name}.{key}: no class '{unknown[0]}'; the dataset has {', '.join(names)}"
            raise UsageError(msg)
    if not keys.ignore_classes:
        return dataset
    ignored = [rank for rank, label in enumerate(names) if label in keys.ignore_classes]
    kept = ~np.isin(dataset.truth.categories, ignored)
    if not kept.any():
        msg = f"datasets.{name}.ignore-classes leaves no annotated object; nothing can be evaluated"
        raise DatasetError(msg)
    digest = hashlib.sha256(f"{dataset.sha256} without {sorted(ignored)}".encode()).hexdigest()
    return AnnotatedSubset(dataset, dataset.truth.where(kept), digest)


def _folded(label: str) -> str:
    """Names match whatever their case and spaces: "Cell Phone" is "cell phone"."""
    return " ".join(label.replace("_", " ").casefold().split())
