"""Whether two numbers are comparable, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.store.baseline import StoredRun


_SPEED_ONLY = frozenset({"cpu", "governor", "power mode", "python", "system", "turbo", "visible cores"})
"""Facts of an environment that accuracy does not depend on, or no more than in the last bits."""


def difference(stored: Mapping[str, str], current: Mapping[str, str]) -> str | None:
    """Name the first field in which two protocols differ, with both values; None where they are equal."""
    for field in sorted(stored.keys() | current.keys()):
        before, now = stored.get(field, "not recorded"), current.get(field, "not recorded")
        if before != now:
            return f"{field} was {before}, now {now}"
    return None


class AccuracyRunOf(NamedTuple):
    """All that decides whether an accuracy pass may be compared with a stored one."""

    protocol: Mapping[str, str]
    model: Mapping[str, str]
    environment: Mapping[str, str]
    artifact_sha256: str


def accuracy_difference(stored: StoredRun, now: AccuracyRunOf) -> str | None:
    """What forbids to compare two accuracy passes, as `difference` says it.

    They must be evaluated alike, by libraries of the same versions, and where the model file is the same, prepared and
    read alike too: another file may bring a preparation of its own.
    """
    if stored.accuracy is None:
        return None
    why = difference(stored.accuracy.protocol, now.protocol)
    if why is None and stored.artifact_sha256 == now.artifact_sha256:
        why = difference(stored.accuracy.model, now.model)
    return why or difference(_computing(stored.environment), _computing(now.environment))


def _computing(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that detections depend on."""
    return {key: value for key, value in environment.items() if key not in _SPEED_ONLY}
