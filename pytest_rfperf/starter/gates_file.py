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
    tests = [_test(name, gates, several=several) for name, gates in limits.items()]
    return "\n".join([head, f"from pytest_rfperf import {', '.join(sorted(markers))}\n\n", "\n\n".join(tests)])


def _test(name: str, gates: Sequence[Limit], *, several: bool) -> str:
    title = f"test_{_NOT_IN_NAMES.sub('_', name)}" if several else "test_release"
    chosen = [f'@sizes("{name}")'] if several else []
    marks = [f"@{gate.marker}({gate.arguments})  # {gate.measured}" for gate in gates]
    return "\n".join([*chosen, *marks, f"def {title}(): ...\n"])
