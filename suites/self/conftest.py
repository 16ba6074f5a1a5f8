"""Fixtures of the project's own tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# pytester forgets modules that a run in this process imports, and numpy cannot be imported twice.
import pytest_rfperf.session.session  # noqa: F401
import pytest_rfperf.targets.onnxruntime  # noqa: F401

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real models and datasets; a test that asks for it is skipped where there is none."""
    place = os.environ.get("RFPERF_ASSETS")
    if not place or not Path(place).is_dir():
        pytest.skip("RFPERF_ASSETS names no folder of real models and datasets")
    return Path(place)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache and from the variables of the run around it."""
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("TARGET", "SIZE", "DATASET", "CAP", "SUITE_CAP", "ALPHA", "ALPHA_SCOPE", "INCONCLUSIVE", "JSON"):
        monkeypatch.delenv(f"RFPERF_{name}", raising=False)
    for name in ("GITHUB_STEP_SUMMARY", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
