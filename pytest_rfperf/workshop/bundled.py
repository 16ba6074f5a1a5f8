"""A session on the five tasks with model files of one's own choosing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_rfperf.config import CommandLine, ModelSettings, load_settings
from pytest_rfperf.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.session.inventory import Progress

TARGET = "cpu"


def session_on_tasks(artifacts: Mapping[str, Path], progress: Progress, **keys: Any) -> Session:  # noqa: ANN401 - keys of the datasets
    """A session with these models by name, on the target `cpu`.

    Parameters
    ----------
    artifacts : mapping of str to Path
    progress : Progress
    **keys
        Of every dataset, such as part="test" and images=300.
    """
    settings = load_settings(Path.cwd(), CommandLine(bundled=True), {})
    models = {name: ModelSettings(str(path.absolute())) for name, path in artifacts.items()}
    datasets = {
        name: msgspec.structs.replace(dataset, keys={**dataset.keys, **keys})
        for name, dataset in settings.datasets.items()
    }
    return Session(msgspec.structs.replace(settings, models=models, datasets=datasets), progress)
