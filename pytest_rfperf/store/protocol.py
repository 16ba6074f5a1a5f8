"""Whether two numbers are comparable, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.store.baseline import StoredRun


def difference(stored: Mapping[str, str], current: Mapping[str, str]) -> str | None:
    """Name the first field in which two protocols differ, with both values; None where they are equal."""
    for field in sorted(stored.keys() | current.keys()):
        before, now = stored.get(field, "not recorded"), current.get(field, "not recorded")
        if before != now:
            return f"{field} was {before}, now {now}"
    return None


def accuracy_difference(
    stored: StoredRun, protocol: Mapping[str, str], model: Mapping[str, str], artifact_sha256: str
) -> str | None:
    """What forbids to compare two accuracy passes, as `difference` says it.

    They must be evaluated alike, and where the model file is the same, prepared and read alike too: another file may
    bring a preparation of its own.
    """
    if stored.accuracy is None:
        return None
    why = difference(stored.accuracy.protocol, protocol)
    if why is None and stored.artifact_sha256 == artifact_sha256:
        why = difference(stored.accuracy.model, model)
    return why
