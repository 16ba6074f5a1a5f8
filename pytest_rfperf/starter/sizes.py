"""Which of several model files is the small one, and what they are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_rfperf.errors import UsageError
from pytest_rfperf.store.artifacts import artifact_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAIR = ("fast", "accurate")
"""What the two sizes of a pair are called."""
_HINTS = (
    ("atto",),
    ("femto",),
    ("pico",),
    ("n", "nano"),
    ("t", "tiny"),
    ("s", "small", "fast"),
    ("m", "medium"),
    ("b", "base"),
    ("l", "large", "accurate"),
    ("x", "xl", "xlarge"),
    ("h", "huge"),
)
_RANKS = {hint: rank for rank, hints in enumerate(_HINTS) for hint in hints}
_WORDS = re.compile(r"[a-z]+")
_UNFIT = re.compile(r"[^\w.+-]+", re.ASCII)
_LEADING = re.compile(r"^[^A-Za-z0-9_]+")


def size_bytes(artifact: Path) -> int:
    """Bytes of a model file and of the weights beside it, as `model_size_budget` counts them."""
    return sum(file.stat().st_size for file in artifact_files(artifact))


def hinted_rank(artifact: Path) -> int | None:
    """The place of a file's name in the usual order of sizes, None where it says nothing or two things.

    A word counts (`yolox_nano_416`), and so does a letter at the end of a word and number (`yolo11n`).
    """
    ranks = {_RANKS[word] for word in _WORDS.findall(artifact.stem.lower()) if word in _RANKS}
    return ranks.pop() if len(ranks) == 1 else None


def smallest_first(artifacts: Sequence[Path]) -> tuple[list[Path], str]:
    """The files in the order of their sizes, and what that order was taken from.

    Names decide where each has a hint of its own, else the sizes of the files do.
    """
    ranks = [hinted_rank(artifact) for artifact in artifacts]
    if None not in ranks and len(set(ranks)) == len(ranks):
        by_rank = dict(zip(ranks, artifacts, strict=True))
        return [by_rank[rank] for rank in sorted(by_rank, key=lambda rank: rank or 0)], "the names of the files"
    return sorted(artifacts, key=lambda artifact: (size_bytes(artifact), artifact.name)), "the sizes of the files"


def named(given: Sequence[tuple[str, Path]]) -> tuple[list[tuple[str, Path]], str]:
    """Give every file a name, smallest first.

    Parameters
    ----------
    given : sequence of (str, Path)
        Names, empty where there is none. Files that all have a name stay in their order.

    Returns
    -------
    list of (str, Path)
    str
        What the order was taken from; empty where it was given.

    Raises
    ------
    UsageError
        If two files would have the same name.
    """
    order, why = list(given), ""
    if len(given) > 1 and not any(name for name, _ in given):
        files, why = smallest_first([path for _, path in given])
        order = [("", path) for path in files]
    taken = {name for name, _ in given if name}
    usual = PAIR if len(order) <= len(PAIR) and taken <= set(PAIR) else ()
    free = iter([name for name in usual if name not in taken])
    called = [(name or next(free, "") or fit_name(path.stem, "model"), path) for name, path in order]
    names = [name for name, _ in called]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        msg = f"--model: two models are called '{doubled[0]}'; give each a name of its own: --model NAME=PATH"
        raise UsageError(msg)
    return called, why


def fit_name(text: str, otherwise: str) -> str:
    """Make a name for the configuration of the name of a file or folder."""
    return _LEADING.sub("", _UNFIT.sub("-", text)).rstrip("-") or otherwise
