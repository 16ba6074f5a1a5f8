"""Markdown tables: printed, and kept in the file that RFPERF_BENCH_TABLE names, a section a table."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np


def publish(title, header, rows, notes):
    """Print a table, and put it in the place of the section of its title."""
    lines = [
        f"### {title}",
        "",
        _row(header),
        _row("---" for _ in header),
        *map(_row, rows),
        "",
        *(f"* {note}" for note in notes),
        "",
    ]
    section = "\n".join(lines)
    print(f"\n{section}")
    if "RFPERF_BENCH_TABLE" in os.environ:
        path = Path(os.environ["RFPERF_BENCH_TABLE"])
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(_replaced(text, title, section), encoding="utf-8")


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _replaced(text, title, section):
    old = re.compile(rf"^### {re.escape(title)}\n.*?(?=^#{{1,3}} |\Z)", re.MULTILINE | re.DOTALL)
    replaced, count = old.subn(lambda _: f"{section}\n", text)
    return replaced if count else f"{text}{section}\n"


def milliseconds(seconds):
    """Three digits, whatever the size."""
    return f"{seconds * 1e3:,.0f}" if seconds >= 0.1 else f"{seconds * 1e3:.3g}"


def with_version(name, distribution=None):
    try:
        return f"{name} {version(distribution or name)}"
    except PackageNotFoundError:
        return name


def machine():
    """The processor and what the figures depend on besides."""
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, numpy {np.__version__}."


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
