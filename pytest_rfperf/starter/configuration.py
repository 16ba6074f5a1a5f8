"""The tables of the configuration as TOML, and where they go."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

from pytest_rfperf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_rfperf.starter.choice import Choice

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def configuration_file(choice: Choice, *, force: bool) -> tuple[Path, bytes]:
    """The file that holds the configuration, and all that it will hold.

    The tables are appended to a pyproject.toml, of which no byte changes; without one they make an rfperf.toml.

    Raises
    ------
    UsageError
        If there is a configuration already and `force` is not given, or pyproject.toml is no TOML.
    """
    alone, project = choice.folder / "rfperf.toml", choice.folder / "pyproject.toml"
    if alone.exists() and not force:
        msg = f"{alone} is there already; remove it, or overwrite it with --force"
        raise UsageError(msg)
    if not project.is_file():
        return alone, _text(choice, prefix="").encode()
    before = project.read_bytes()
    if alone.exists() or _is_configured(before, project):
        if not force:
            msg = f"{project} has a table [tool.rfperf] already; remove it, or give --force, which writes rfperf.toml"
            raise UsageError(msg)
        return alone, _text(choice, prefix="").encode()
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before else newline if before.endswith(b"\n") else newline * 2
    after = before + gap + _text(choice, prefix="tool.rfperf").encode().replace(b"\n", newline)
    try:
        tomllib.loads(after.decode())
    except tomllib.TOMLDecodeError as error:
        msg = f"{project}: tables cannot be appended ({error}); give --folder another folder, or write rfperf.toml"
        raise UsageError(msg) from error
    return project, after


def _is_configured(content: bytes, path: Path) -> bool:
    try:
        return "rfperf" in tomllib.loads(content.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from error


def _text(choice: Choice, prefix: str) -> str:
    return "\n".join(line for table in _tables(choice, prefix) for line in (*table, ""))


def _tables(choice: Choice, prefix: str) -> Iterator[list[str]]:
    """Each table as lines; the top level of rfperf.toml has no header."""
    top = [f"[{prefix}]"] if prefix else []
    yield [*top, f"default-target = {_string(choice.target)}"]
    for name, model in choice.models.items():
        lines = [f"artifact = {_string(model.artifact)}"]
        lines += [f"decoder = {_string(model.decoder)}"] if model.decoder else []
        if isinstance(model.labels, str):
            lines.append(f"labels = {_string(model.labels)}")
        elif model.labels:
            lines.append(f"labels = {_strings(model.labels)}")
        yield [_header(prefix, "models", name), *lines]
    yield [_header(prefix, "datasets", choice.dataset), f"path = {_string(choice.data)}"]
    if choice.target != "cpu":
        keys = [f"{key} = {_strings(values)}" for key, values in choice.target_keys.items()]
        yield [_header(prefix, "targets", choice.target), 'kind = "onnxruntime"', *keys]


def _header(prefix: str, kind: str, name: str) -> str:
    path = ".".join(part for part in (prefix, kind) if part)
    return f"[{path}.{name if _BARE.fullmatch(name) else _string(name)}]"


def _strings(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_string, values))}]"


def _string(text: str) -> str:
    """A basic string; JSON escapes what TOML escapes, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
