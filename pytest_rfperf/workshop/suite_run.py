"""A run of a suite by pytest, in a process of its own that tells what it collected and what each test found."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

REPORT, KEPT = "RFPERF_MUTANT_REPORT", "RFPERF_MUTANT_KEEP"
"""Variables of the child: where it writes its lines, and whether its facts reach files as usual."""
_LISTENER = "pytest_rfperf.cli.mutant"
_EVERY_S, _POLITE_S = 0.2, 10.0
_SHOWN_LINES = 15
_RAN = b'"type":"ran"'


class Verdict(msgspec.Struct, frozen=True):
    """What one gate of one test said."""

    metric: str
    outcome: str
    message: str


class Test(msgspec.Struct, frozen=True, tag="collected"):
    """A test that has gates, or asks for a detector; `baseline` says what its gates need: "", "there" or "missing"."""

    name: str
    metrics: list[str]
    baseline: str = ""


class Result(msgspec.Struct, frozen=True, tag="ran"):
    """How a test ended; `asserted` where an assertion of its own body failed it."""

    name: str
    failed: bool
    asserted: bool = False
    message: str = ""
    verdicts: list[Verdict] = []


@dataclass
class SuiteRun:
    """What a run told: pytest's exit status, the last lines that it printed, and what it collected and ran."""

    status: int
    said: str
    tests: list[Test] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def verdicts(self) -> list[tuple[Result, Verdict]]:
        """Each verdict and its test."""
        return [(result, verdict) for result in self.results for verdict in result.verdicts]


def run_suite(
    options: Sequence[str],
    folder: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    show: Callable[[int], None],
) -> SuiteRun:
    """Run pytest; no child is left, however this ends.

    Parameters
    ----------
    options : sequence of str
        What pytest is given.
    folder : Path
        An empty one, for what the run writes.
    cwd : Path
    environment : mapping
    show : callable
        Told a few times a second how many tests have ended.
    """
    folder.mkdir(parents=True)
    report, output = folder / "report.jsonl", folder / "output.txt"
    report.touch()
    command = [sys.executable, "-P", "-m", "pytest", "-p", _LISTENER, *options, "-o", f"cache_dir={folder / 'cache'}"]
    with output.open("wb") as stream:
        child = subprocess.Popen(  # noqa: S603 - this very interpreter, and what the caller was given for pytest
            command,
            cwd=cwd,
            env={**environment, REPORT: str(report)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            while child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_EVERY_S)
                show(report.read_bytes().count(_RAN))
        finally:
            _stop(child)
    lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    run = SuiteRun(child.returncode, "\n".join(lines[-_SHOWN_LINES:]))
    for line in report.read_bytes().splitlines():
        told = msgspec.json.decode(line, type=Test | Result)
        (run.tests if isinstance(told, Test) else run.results).append(told)  # type: ignore[arg-type]
    return run


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started: by its own Ctrl-C first, which a terminal has sent it already."""
    if child.poll() is not None:
        return
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1)
        if child.poll() is None and os.name != "nt":
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLITE_S)
    finally:  # a second Ctrl-C too
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        child.wait()
