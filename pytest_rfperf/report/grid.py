"""Tables of text: aligned for a terminal, or in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def text_grid(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int]) -> list[str]:
    """Aligned columns, those in `numbers` to the right; columns that are empty are left out."""
    cells = [headings, *rows]
    used = [i for i in range(len(headings)) if any(row[i] for row in rows)]
    widths = {i: max(len(row[i]) for row in cells) for i in used}
    return [
        "  ".join(row[i].rjust(widths[i]) if i in numbers else row[i].ljust(widths[i]) for i in used).rstrip()
        for row in cells
    ]


def markdown_grid(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int]) -> list[str]:
    """A Markdown table of all columns."""
    rule = ["---:" if i in numbers else "---" for i in range(len(headings))]
    body = [[markdown_text(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(cells)} |" for cells in [headings, rule, *body]]


def markdown_text(text: str) -> str:
    """Keep names from being read as markup."""
    for character in "\\`*_|<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.splitlines())
