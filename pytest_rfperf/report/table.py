"""The table of cases as text for a terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.report.grid import markdown_grid, text_grid
from pytest_rfperf.report.rows import HEADINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.report.rows import Row

_NUMBERS = range(3, 9)


def text_table(rows: Sequence[Row]) -> list[str]:
    """Aligned columns, names to the left and numbers to the right; columns that are empty are left out."""
    return text_grid(HEADINGS, [msgspec.structs.astuple(row) for row in rows], _NUMBERS)


def markdown_table(rows: Sequence[Row]) -> list[str]:
    """A Markdown table of all columns."""
    return markdown_grid(HEADINGS, [msgspec.structs.astuple(row) for row in rows], _NUMBERS)
