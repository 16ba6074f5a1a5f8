"""Whether two numbers are comparable, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def difference(stored: Mapping[str, str], current: Mapping[str, str]) -> str | None:
    """Name the first field in which two protocols differ, with both values; None where they are equal."""
    for field in sorted(stored.keys() | current.keys()):
        before, now = stored.get(field, "not recorded"), current.get(field, "not recorded")
        if before != now:
            return f"{field} was {before}, now {now}"
    return None
