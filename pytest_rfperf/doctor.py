"""`rfperf doctor`: facts of this installation and host, each with a hint where something is amiss."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.config import CommandLine, load_settings, project_root
from pytest_rfperf.core.tier import VARIABLE, tier
from pytest_rfperf.errors import RfperfError
from pytest_rfperf.registry import find, known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

State = Literal["good", "note", "bad"]
_PACKAGES = ("pytest", "numpy", "scipy", "pytest-benchmark", "pytest-xdist")
_OPTIONAL = ("pytest-benchmark", "pytest-xdist")
_MARKS = {"good": "ok  ", "note": "note", "bad": "BAD "}
_COLOURS = {"good": "\x1b[32m", "note": "\x1b[33m", "bad": "\x1b[31m"}
_GROUPS = ("rfperf.targets", "rfperf.decoders", "rfperf.datasets")


class Check(msgspec.Struct, frozen=True):
    """One fact: whether it is well, what it is about, its value, and what to do."""

    state: State
    subject: str
    value: str
    hint: str = ""


def examine() -> list[Check]:
    """Look at everything."""
    return [*_software(), *_providers(), *_adapters(), *_host(), *_configuration()]


def doctor_lines(checks: Sequence[Check], *, colour: bool) -> list[str]:
    """A line a check, its hint behind an arrow."""
    width = max(len(check.subject) for check in checks)
    lines = []
    for check in checks:
        mark = f"{_COLOURS[check.state]}{_MARKS[check.state]}\x1b[0m" if colour else _MARKS[check.state]
        hint = f"  -> {check.hint}" if check.hint else ""
        lines.append(f"{mark} {check.subject:<{width}}  {check.value}{hint}")
    return lines


def doctor_json(checks: Sequence[Check]) -> str:
    """The same for programs."""
    return msgspec.json.format(msgspec.json.encode(list(checks)), indent=1).decode()


def _software() -> Iterator[Check]:
    yield Check("good", "python", f"{platform.python_version()} at {sys.executable}")
    yield Check("good", "pytest-rfperf", importlib.metadata.version("pytest-rfperf"))
    for package in _PACKAGES:
        try:
            yield Check("good", package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            optional = package in _OPTIONAL
            hint = f"pip install {package}" + (", if you want gates on its tests" if optional else "")
            yield Check("note" if optional else "bad", package, "not installed", hint)
    yield _opencv()
    yield _metric_core()


def _metric_core() -> Check:
    """Both tiers give the same bits; C gives them sooner."""
    try:
        name = tier()
    except RfperfError as error:
        return Check("bad", "metric core", str(error))
    if name == "c":
        return Check("good", "metric core", "C tier")
    forced = f"{VARIABLE}={os.environ[VARIABLE]}" if os.environ.get(VARIABLE) else ""
    hint = "same figures, slower; install a C compiler, then pip install --force-reinstall pytest-rfperf"
    return Check("good" if forced else "note", "metric core", f"numpy tier {forced}".strip(), "" if forced else hint)


def _opencv() -> Check:
    """OpenCV comes in several packages; the module is what counts."""
    try:
        import cv2  # noqa: PLC0415 - --help stays quick
    except ImportError as error:
        return Check("bad", "opencv", f"cannot be imported: {error}", "pip install opencv-python-headless")
    return Check("good", "opencv", cv2.__version__)


def _providers() -> Iterator[Check]:
    import onnxruntime  # noqa: PLC0415 - --help stays quick

    yield Check("good", "onnxruntime", onnxruntime.__version__)
    providers = [name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"]
    only_cpu = providers == ["CPUExecutionProvider"]
    hint = "a GPU needs another build, such as onnxruntime-gpu; placement is attested at open" if only_cpu else ""
    yield Check("good", "execution providers", ", ".join(providers), hint)


def _adapters() -> Iterator[Check]:
    for group in _GROUPS:
        adapters = known(group)
        hint = "" if adapters else "the package is not installed properly: pip install pytest-rfperf"
        yield Check("good" if adapters else "bad", group, ", ".join(adapters) or "none", hint)


def _host() -> Iterator[Check]:
    import psutil  # noqa: PLC0415 - --help stays quick

    cores = os.cpu_count() or 1
    yield Check("good", "host", f"{platform.system()} {platform.machine()}, {cores} cores")
    memory = psutil.virtual_memory()
    yield Check("good", "memory", f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free")
    load = psutil.getloadavg()[0]
    busy = load > cores / 2
    hint = "latency verdicts may end INCONCLUSIVE; measure on a calmer host" if busy else ""
    yield Check("note" if busy else "good", "load", f"{load:.2f} over the last minute", hint)
    seen = Path("/proc/pressure/cpu").exists()
    value = "CPU pressure is observable" if seen else "CPU pressure is not observable"
    yield Check("good" if seen else "note", "contention", value, "" if seen else "CPU share of each call still is")
    yield Check("good", "cache", str(cache_folder()))


def _configuration() -> Iterator[Check]:
    try:
        settings = load_settings(project_root(Path.cwd()), CommandLine())
    except RfperfError as error:
        yield Check("bad", "configuration", str(error), "see docs/configuration.md")
        return
    configured = settings.source != "no configuration"
    hint = "" if configured else "the bundled pair is used; add [tool.rfperf.models.NAME] to pyproject.toml"
    yield Check("good" if configured else "note", "configuration", settings.source, hint)
    for name, model in settings.models.items():
        there = settings.path(model.artifact).is_file()
        hint = "" if there else f"set models.{name}.artifact to an ONNX file"
        yield Check("good" if there else "bad", f"model {name}", model.artifact if there else "file is missing", hint)
        if model.decoder:
            yield _adapter(f"decoder of {name}", "rfperf.decoders", model.decoder)
    for name, dataset in settings.datasets.items():
        there = dataset.path is None or settings.path(dataset.path).exists()
        hint = "" if there else f"set datasets.{name}.path to a folder"
        value = str(dataset.path or dataset.format)
        yield Check("good" if there else "bad", f"dataset {name}", value if there else f"{value} is missing", hint)
    for name, target in settings.targets.items():
        yield _adapter(f"target {name}", "rfperf.targets", target.kind)


def _adapter(subject: str, group: str, name: str) -> Check:
    """Whether an adapter that is named can be found and imported."""
    try:
        find(group, name).load()
    except RfperfError as error:
        return Check("bad", subject, name, str(error))
    return Check("good", subject, name)
