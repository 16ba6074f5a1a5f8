"""The house rules that linters cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pytest_rfperf
from pytest_rfperf.registry import known

PACKAGE = Path(pytest_rfperf.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ON_DEVICES = [
    "core/boxes.py",
    "core/native/__init__.py",
    "core/native/library.py",
    "core/native/suppression.py",
    "core/nms.py",
    "core/tier.py",
    "data/detections.py",
    "data/model.py",
    "data/preparation.py",
    "errors.py",
    "preprocess.py",
    *(f"decoders/{path.name}" for path in (PACKAGE / "decoders").glob("*.py")),
]


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "common", "misc", "base", "tools"}
    assert [path.name for path in MODULES if path.stem in drawers or path.parent.name in drawers] == []


def test_modules_are_short_enough_to_read_in_one_go():
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) > 350] == []


@pytest.mark.parametrize("name", ON_DEVICES)
def test_files_for_devices_parse_on_python_3_8(name):
    assert ast.parse((PACKAGE / name).read_text(), feature_version=(3, 8)).body


@pytest.mark.parametrize("name", ON_DEVICES)
def test_files_for_devices_import_only_one_another_numpy_and_opencv(name):
    """Imports for type checkers alone do not count: they never run."""
    allowed = {"pytest_rfperf." + path.removesuffix(".py").replace("/", ".") for path in ON_DEVICES}
    allowed |= {"numpy", "cv2", "typing", "dataclasses", "__future__", "ast", "hashlib", "json"}
    allowed |= {"contextlib", "ctypes", "functools", "importlib.util", "os"}
    for node in ast.parse((PACKAGE / name).read_text()).body:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert set(modules) <= allowed


@pytest.mark.parametrize("group", ["rfperf.targets", "rfperf.decoders", "rfperf.datasets"])
def test_every_entry_point_loads(group):
    adapters = known(group)
    assert adapters
    for adapter in adapters.values():
        assert callable(adapter.load())
