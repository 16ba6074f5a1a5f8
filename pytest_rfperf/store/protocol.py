"""Whether two numbers are comparable, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.store.baseline import StoredRun


_SPEED_ONLY = frozenset({"cpu", "governor", "power mode", "python", "system", "turbo", "visible cores"})
"""Facts of an environment that accuracy does not depend on, or no more than in the last bits."""


_OF_THE_FILE = ("decode.", "preprocess.")
_OF_THE_FILE_WHOLE = frozenset({"decoder", "labels", "nodes", "precision"})


def is_of_the_file(field: str) -> bool:
    """Whether a field of a detector's protocol is what the model file brings: another file may bring another."""
    return field.startswith(_OF_THE_FILE) or field in _OF_THE_FILE_WHOLE


def without_the_file(protocol: Mapping[str, str]) -> dict[str, str]:
    """The part of a protocol that must be equal for two model files too."""
    return {field: value for field, value in protocol.items() if not is_of_the_file(field)}


def difference(stored: Mapping[str, str], current: Mapping[str, str]) -> str | None:
    """Name the first field in which two protocols differ, with both values; None where they are equal."""
    for field in sorted(stored.keys() | current.keys()):
        before, now = stored.get(field, "not recorded"), current.get(field, "not recorded")
        if before != now:
            return f"{field} was {before}, now {now}"
    return None


def latency_difference(stored: Mapping[str, str], now: Mapping[str, str], *, same_file: bool) -> str | None:
    """What forbids to compare two latency runs by their numbers, environments apart, as `difference` says it."""
    return difference(stored, now) if same_file else difference(without_the_file(stored), without_the_file(now))


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
