"""The test file: one test a model, each gate on a line of its own beside what was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rfperf.starter.limits import Limit

_NOT_IN_NAMES = re.compile(r"\W+", re.ASCII)


def gates_file(limits: Mapping[str, Sequence[Limit]], where: str) -> str:
    """Python source.

    Parameters
    ----------
    limits : mapping
        The gates of each model, smallest first.
    where : str
        What the limits were taken from; empty where nothing was measured.
    """
    several = len(limits) > 1
    markers = {limit.marker for gates in limits.values() for limit in gates} | ({"sizes"} if several else set())
    source = (
        f"Limits leave a margin to what was measured: {where}."
        if where
        else "Limits are loose: nothing was measured. Set them a little under what the first run shows."
    )
    head = f'"""What a release must keep; written by `rfperf init`, yours to change.\n\n{source}\n"""\n'
    titles = _titles(list(limits)) if several else ["test_release"]
    tests = [
        _test(title, name if several else "", gates)
        for title, (name, gates) in zip(titles, limits.items(), strict=True)
    ]
    return "\n".join([head, f"from pytest_rfperf import {', '.join(sorted(markers))}\n\n", "\n\n".join(tests)])


def _titles(names: Sequence[str]) -> list[str]:
    """A function's name for each model; equal ones are numbered, lest one shadow the other."""
    titles: list[str] = []
    for name in names:
        title = f"test_{_NOT_IN_NAMES.sub('_', name)}"
        count = sum(other == title or other.startswith(f"{title}__") for other in titles)
        titles.append(f"{title}__{count + 1}" if count else title)
    return titles


def _test(title: str, size: str, gates: Sequence[Limit]) -> str:
    chosen = [f'@sizes("{size}")'] if size else []
    marks = [f"@{gate.marker}({gate.arguments})  # {gate.measured}" for gate in gates]
    return "\n".join([*chosen, *marks, f"def {title}(): ...\n"])
