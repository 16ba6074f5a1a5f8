"""The observed facts of a host and its runtime."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Environment:
    """Facts by name; two numbers are comparable only where the stable ones are equal.

    Attributes
    ----------
    stable : dict of str to str
        CPU model, visible cores, threads, runtime and provider versions: equal on every run of one setup.
    observed : dict of str to str
        Load, clock rates, host name: shown, never compared.
    """

    stable: dict[str, str] = field(default_factory=dict)
    observed: dict[str, str] = field(default_factory=dict)
