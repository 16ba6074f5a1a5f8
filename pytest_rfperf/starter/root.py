"""The folder that pytest will take as its root, where the configuration must lie to be found."""

from __future__ import annotations

import configparser
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ALWAYS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def pytest_root(folder: Path) -> Path:
    """The root of `pytest` when it is started in the folder.

    The nearest folder upwards whose files configure pytest; else the nearest with a pyproject.toml, or with a
    setup.py; else the folder itself.
    """
    places = (folder, *folder.parents)
    return next((place for place in places if any(_configures(place))), None) or next(
        (place for name in ("pyproject.toml", "setup.py") for place in places if (place / name).is_file()), folder
    )


def collected_paths(root: Path) -> tuple[str, ...]:
    """Where pytest looks for tests by itself, as pyproject.toml says; empty for everywhere."""
    table: Any = _pyproject(root)
    for key in ("tool", "pytest", "ini_options", "testpaths"):
        table = table.get(key, {}) if isinstance(table, dict) else {}
    return tuple(table.split()) if isinstance(table, str) else tuple(map(str, table))


def _configures(place: Path) -> Iterator[bool]:
    yield from ((place / name).is_file() for name in _ALWAYS)
    yield "pytest" in _pyproject(place).get("tool", {})
    for name, section in _SECTIONS.items():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(place / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        yield parser.has_section(section)


def _pyproject(place: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((place / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
