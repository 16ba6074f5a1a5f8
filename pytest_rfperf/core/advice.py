"""Which of two sizes to ship: a decision from intervals, never from bare figures.

Source of the rules: "What to think about when choosing model sizes" (Roboflow, 8 March 2022): fast for prototypes and
for realtime at the edge, accurate where accuracy counts, and no difference worth having where fast is saturated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_rfperf.data.estimate import Estimate

Goal = Literal["prototype", "accuracy", "realtime"]
GOALS: tuple[Goal, ...] = ("prototype", "accuracy", "realtime")
WORTH = 0.02
"""A difference of average precision that is smaller decides nothing."""
_CALLS_FOR_P95 = 72
"""With fewer a p95 has no upper limit: 0.95 to that power is the first below 2.5 %."""
_POWER_80, _TWO_SIDED_95 = 0.842, 1.96


@dataclass(frozen=True, slots=True)
class Sides:
    """What is known of two models on one target and dataset.

    Attributes
    ----------
    small, large : str
        Their names.
    images : int
        That `gain` was measured on.
    gain : Estimate
        Of average precision, by taking the large one.
    slow_down : Estimate
        Of the service time, as a factor.
    calls : int
        Of each model, that the next two were measured on.
    small_p95_ms, large_p95_ms : Estimate
        Of the end-to-end service time.
    """

    small: str
    large: str
    images: int
    gain: Estimate
    slow_down: Estimate
    calls: int
    small_p95_ms: Estimate
    large_p95_ms: Estimate


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do: `choice` in a few words, `because` as one clause."""

    choice: str
    because: str


def advise(sides: Sides, goal: Goal, *, per_s: float | None = None, worth: float = WORTH) -> Advice:
    """Choose a size.

    Parameters
    ----------
    sides : Sides
    goal : "prototype", "accuracy" or "realtime"
    per_s : float, optional
        Images a second that realtime asks of one stream.
    worth : float
        The least difference of average precision that is worth a larger model.
    """
    if goal == "prototype":
        return Advice(f"take {sides.small}", "a prototype needs quick answers first")
    if goal == "realtime":
        return _realtime(sides, 30.0 if per_s is None else per_s, worth)
    return _accuracy(sides, worth)


def not_monotonic(sides: Sides) -> list[str]:
    """Say where the whole interval shows the larger model not to be more accurate, or the smaller not faster."""
    said = []
    if sides.gain.high <= 0:
        said.append(f"{sides.large} is not more accurate than {sides.small}")
    if sides.slow_down.high <= 1:
        said.append(f"{sides.small} is not faster than {sides.large}")
    return said


def images_needed(sides: Sides, worth: float) -> int:
    """Images that would show the gain to differ from nothing, or to stay below `worth`, with a power of 80 %."""
    deviation = (sides.gain.high - sides.gain.low) / (2 * _TWO_SIDED_95)
    distance = max(abs(sides.gain.value), worth - sides.gain.value)
    return math.ceil(sides.images * ((_TWO_SIDED_95 + _POWER_80) * deviation / distance) ** 2)


def calls_needed(sides: Sides, limit_ms: float) -> int:
    """Calls that would show on which side of a limit the small model's p95 lies: intervals narrow with their root."""
    p95 = sides.small_p95_ms
    if not math.isfinite(p95.high) or p95.value == limit_ms:
        return max(_CALLS_FOR_P95, sides.calls + 1)
    narrower = (p95.high - p95.low) / 2 / abs(limit_ms - p95.value)
    return max(sides.calls + 1, math.ceil(sides.calls * narrower * narrower))


def _accuracy(sides: Sides, worth: float) -> Advice:
    gain = sides.gain
    if gain.high < worth:
        known = "tie" if gain.low <= 0 <= gain.high else f"{sides.small} suffices"
        return Advice(f"{known}: take {sides.small}", f"{sides.large} gains less than {worth * 100:g} points")
    if gain.low > 0:
        return Advice(f"take {sides.large}", "its whole interval lies above zero")
    needed = max(images_needed(sides, worth), sides.images + 1)
    return Advice("measure more", f"{sides.images} images cannot tell; some {needed} would")


def _realtime(sides: Sides, per_s: float, worth: float) -> Advice:
    limit = 1000 / per_s
    asked = f"{limit:.3g} ms, which {per_s:g} a second leave"
    if sides.large_p95_ms.high <= limit:
        chosen = _accuracy(sides, worth)
        return Advice(chosen.choice, f"both keep {asked}, and {chosen.because}")
    if sides.small_p95_ms.high <= limit:
        if sides.large_p95_ms.low > limit:
            return Advice(f"take {sides.small}", f"{sides.large} does not keep {asked}")
        return Advice(f"take {sides.small}", f"it alone is shown to keep {asked}")
    if sides.small_p95_ms.low > limit:
        return Advice("neither", f"not even {sides.small} keeps {asked}")
    needed = calls_needed(sides, limit)
    return Advice(
        "measure more", f"{sides.calls} calls cannot tell whether {sides.small} keeps {asked}; some {needed} would"
    )
