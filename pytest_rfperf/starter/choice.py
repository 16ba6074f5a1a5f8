"""What was chosen, as the settings that a session needs and the configuration will hold."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from pytest_rfperf.config import DatasetSettings, ModelSettings, Run, Settings, TargetSettings

Runner = Literal["shared", "owned"]
RUNNERS: tuple[Runner, ...] = get_args(Runner)
_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "gpu": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}


class Choice(msgspec.Struct, frozen=True):
    """Models, smallest first, a dataset, a target, and whose machine CI runs on.

    Attributes
    ----------
    folder : Path
        Where the configuration goes; what its paths are relative to.
    repository : Path
        The folder that CI checks out; the same folder where there is no repository around it.
    models : dict
        By name; their artefacts as the configuration writes them.
    dataset, data : str
        Its name, and its path as the configuration writes it.
    target : str
    runner : str
        "shared", where milliseconds mean little, or "owned".
    """

    folder: Path
    repository: Path
    models: dict[str, ModelSettings]
    dataset: str
    data: str
    target: str
    runner: Runner

    @property
    def settings(self) -> Settings:
        """What a session measures with."""
        return Settings(
            root=self.folder,
            source="rfperf init",
            models=self.models,
            datasets={self.dataset: DatasetSettings(self.data, None, {}, (), {})},
            targets={self.target: TargetSettings("onnxruntime", dict(self.target_keys))},
            run=Run(default_target=self.target),
            selected_targets=(self.target,),
            chosen_by={"target": "--target", "size": "", "dataset": ""},
        )

    @property
    def target_keys(self) -> dict[str, list[str]]:
        """Keys of the target: a provider where its name is that of one."""
        provider = _PROVIDERS.get(self.target)
        return {"providers": [provider]} if provider else {}

    def artifact(self, name: str) -> Path:
        """The file of a model."""
        return self.settings.path(self.models[name].artifact)
