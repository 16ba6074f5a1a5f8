"""A plan as plain values: they are shown, and written for programs."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class MarginPlan(msgspec.Struct, frozen=True):
    """What a gate is expected to need where the true figure lies that share of the limit away from it.

    `needed` and `seconds` are those by which half of all runs have decided, on the side that takes longer; null where
    fewer do within the cap, or where unknown. `power` is the chance of the right verdict, on the side where it is
    smaller; null where unknown or where no chance is involved.
    """

    margin: float
    needed: int | None
    seconds: float | None
    power: float | None


class GatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One gate of one test.

    Attributes
    ----------
    test, model, target, dataset : str
    gate : str
        As a waiver calls it.
    asked : str
        As its marker was written.
    unit : str
        What `least` and `needed` count: calls, pairs, starts, processes or images.
    least : int or None
        The fewest that can end in PASS.
    most : int or None
        As many as the cap allows; null where unknown.
    margins : list of MarginPlan
    here : MarginPlan or None
        The same at the figure that was seen; its margin is positive where that keeps the limit.
    images : int or None
        Of the dataset, where the gate is about accuracy.
    cap_s : float or None
    basis : str
        Where times or deviations are from.
    never : bool
        Whether it can never be decided, or not even be judged.
    remark : str
    """

    test: str
    model: str
    target: str
    dataset: str
    gate: str
    asked: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    margins: list[MarginPlan] = []
    here: MarginPlan | None = None
    images: int | None = None
    cap_s: float | None = None
    basis: str = ""
    never: bool = False
    remark: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All gates in the order in which they would run.

    `total` has the seconds of measuring in all at each margin, what gates share counted once; `unknown` counts the
    measurements whose seconds are not known, but for those of gates that can never be decided.
    """

    mode: str
    cap_s: float
    suite_cap_s: float | None
    gates: list[GatePlan]
    total: list[MarginPlan]
    unknown: int
    notes: list[str] = []


class Share(NamedTuple):
    """What a session grants a gate.

    Attributes
    ----------
    alpha, beta : float
        Chance of a wrong FAIL and of a wrong PASS.
    cap_s : float
    left_s : float
        What the suite's cap leaves after the gates before it; infinite without one.
    used_s : float
        What those are expected to take.
    """

    alpha: float
    beta: float
    cap_s: float
    left_s: float
    used_s: float = 0.0

    @property
    def granted_s(self) -> float:
        """The shorter of the two."""
        return min(self.cap_s, self.left_s)

    @property
    def option(self) -> str:
        """The option that grants more."""
        return "--rfperf-cap" if self.cap_s <= self.left_s else "--rfperf-suite-cap"
