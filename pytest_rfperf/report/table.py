"""The table as text for a terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.report.rows import HEADINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.report.rows import Row

_FIRST_NUMBER, _LAST_NUMBER = 3, 8


def text_table(rows: Sequence[Row]) -> list[str]:
    """Aligned columns, names to the left and numbers to the right; columns that are empty are left out."""
    cells = [HEADINGS, *(tuple(msgspec.structs.astuple(row)) for row in rows)]
    used = [i for i in range(len(HEADINGS)) if any(row[i] for row in cells[1:])]
    widths = {i: max(len(row[i]) for row in cells) for i in used}
    lines = []
    for row in cells:
        shown = [
            row[i].rjust(widths[i]) if _FIRST_NUMBER <= i <= _LAST_NUMBER else row[i].ljust(widths[i]) for i in used
        ]
        lines.append("  ".join(shown).rstrip())
    return lines


def markdown_table(rows: Sequence[Row]) -> list[str]:
    """A Markdown table of all columns."""
    rule = ["---:" if _FIRST_NUMBER <= i <= _LAST_NUMBER else "---" for i in range(len(HEADINGS))]
    body = [[markdown_text(cell) for cell in msgspec.structs.astuple(row)] for row in rows]
    return [f"| {' | '.join(cells)} |" for cells in [HEADINGS, rule, *body]]


def markdown_text(text: str) -> str:
    """Keep names from being read as markup."""
    for character in "\\`*_|<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.splitlines())
