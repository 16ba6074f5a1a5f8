"""Which of the two tiers of the metric core runs: numpy, the reference, or C, which gives the same bits sooner.

Kept to Python 3.8 and numpy: devices import this file.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_rfperf.core.native.library import library
from pytest_rfperf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

TIERS = ("numpy", "c")
VARIABLE = "RFPERF_CORE"
_chosen: list[str] = []


def available() -> bool:
    """Whether the C tier was built and can be loaded."""
    return library() is not None


def tier() -> str:
    """The tier that runs: the one that RFPERF_CORE names, else C where it is there.

    Raises
    ------
    UsageError
        If the variable names no tier, or the C tier although it was not built.
    """
    if not _chosen:
        _chosen.append(_checked(os.environ.get(VARIABLE, "")))
    return _chosen[-1]


@contextlib.contextmanager
def forced(name: str) -> Iterator[None]:
    """Run a block on one tier, such as both in turn to compare them; for one thread.

    Raises
    ------
    UsageError
        As `tier` does.
    """
    _chosen.append(_checked(name))
    try:
        yield
    finally:
        _chosen.pop()


def _checked(name: str) -> str:
    if not name:
        return "c" if available() else "numpy"
    if name not in TIERS:
        msg = f"{VARIABLE}={name}: no such tier; known: {', '.join(TIERS)}"
        raise UsageError(msg)
    if name == "c" and not available():
        msg = f"{VARIABLE}=c: the C tier was not built; install a C compiler and pytest-rfperf again, or unset it"
        raise UsageError(msg)
    return name
