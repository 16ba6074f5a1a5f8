"""The CI workflow, for GitHub."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rfperf import __version__
from pytest_rfperf.starter.checkout import keeps_large_files, left_out

if TYPE_CHECKING:
    from pytest_rfperf.starter.choice import Choice

PLACE = Path(".github") / "workflows" / "rfperf.yml"
_BARE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._/-]*")
_SHARED = "ubuntu-latest"
_OWNED = "self-hosted  # the machine on which the limits were measured: give its labels"

_TEXT = """\
# Written by `rfperf init`, yours to change.
name: rfperf

on:
  pull_request:
  push:
    branches: [main, master]
  workflow_dispatch:

permissions:
  contents: read

jobs:
  gates:
    runs-on: {machine}
    timeout-minutes: 30
{folder}    steps:
      - uses: actions/checkout@v5
        with:
          persist-credentials: false
{large}{outside}      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"
          cache: pip
          cache-dependency-path: .github/workflows/rfperf.yml
      - run: python -m pip install "pytest-rfperf>={version}"
      - run: python -m pytest --target={target}{policy} {tests}
      - uses: actions/upload-artifact@v6
        if: ${{{{ !cancelled() }}}}
        with:
          name: rfperf
          path: {facts}
          include-hidden-files: true
          if-no-files-found: warn
"""


def workflow(choice: Choice, tests: Path) -> str:
    """YAML that runs the tests on a shared runner or on one's own.

    The cache is keyed by the workflow itself, the one file that is surely there. Where the configured folder
    is not the repository's root, commands run in that folder.
    """
    inside = Path(os.path.relpath(choice.folder, choice.repository))
    shared = choice.runner == "shared"
    return _TEXT.format(
        machine=_SHARED if shared else _OWNED,
        folder="" if inside == Path() else f"    defaults:\n      run:\n        working-directory: {_plain(inside)}\n",
        large="          lfs: true\n" if keeps_large_files(choice.repository) else "",
        outside="".join(_step(path) for path in left_out(choice)),
        version=__version__,
        target=choice.target,
        policy=" --rfperf-inconclusive=warn" if shared else "",
        tests=tests.relative_to(choice.folder).as_posix(),
        facts=_plain(inside / ".rfperf" / "last.json"),
    )


def _step(path: str) -> str:
    """A step that says by name what is missing, until somebody fetches it there."""
    return (
        f"      # A checkout does not bring {path}: fetch it to that path before this step.\n"
        f"      - run: |\n"
        f"          test -e {shlex.quote(path)} || {{ echo {shlex.quote(path)} is missing; exit 1; }}\n"
    )


def _plain(path: Path) -> str:
    """A path as YAML: bare where nothing in it could be misread."""
    text = path.as_posix()
    return text if _BARE.fullmatch(text) else json.dumps(text)
