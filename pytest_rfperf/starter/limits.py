"""From what was measured to what a test asks for: a little less, so that only a change fails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pytest_rfperf.starter.choice import Choice
    from pytest_rfperf.starter.measurement import Figures

_AP_MARGIN = 0.02
_LEAST_AP = 0.1
_LOW_SHARE = 0.8
_RATIO_FACTOR = 1.25
_LATENCY_FACTOR = 1.5
_SIZE_FACTOR = 1.1
_DIGITS = 2
_NOISE = 1e-9
_MB = 10**6
_UNMEASURED = "not measured"
_LOOSE_AP, _LOOSE_RATIO, _LOOSE_MS = 0.05, 1.0, 1000.0


class Limit(msgspec.Struct, frozen=True):
    """One gate: its marker, its arguments as they are written, and what was measured, as a comment says it."""

    marker: str
    arguments: str
    measured: str


def limits_of(choice: Choice, name: str, file_bytes: int, figures: Figures | None) -> list[Limit]:
    """The gates of one model.

    On a shared runner times are compared with those of the largest model, and no millisecond is promised. On
    a machine of one's own they have a budget. Without figures the limits are loose.

    Parameters
    ----------
    choice : Choice
    name : str
    file_bytes : int
    figures : Figures or None
    """
    largest = list(choice.models)[-1]
    limits = [_accuracy(figures)]
    if choice.runner == "owned":
        limits.append(_budget(figures))
    elif name != largest:
        limits.append(_ratio(figures, largest))
    return [*limits, _size(file_bytes)]


def _accuracy(figures: Figures | None) -> Limit:
    if figures is None:
        return Limit("min_map", f"{_LOOSE_AP:g}", _UNMEASURED)
    ap = max(0.0, figures.ap)
    low = (
        math.floor((ap - _AP_MARGIN) * 100 + _NOISE) / 100
        if ap >= _LEAST_AP
        else math.floor(ap * _LOW_SHARE * 1000) / 1000
    )
    return Limit("min_map", f"{low:g}", f"measured: AP {figures.ap:.3f}")


def _budget(figures: Figures | None) -> Limit:
    if figures is None or figures.p95_ms is None:
        return Limit("latency_budget", f"ms={_LOOSE_MS:g}, percentile=95", _UNMEASURED)
    highest = rounded_up(figures.p95_ms * _LATENCY_FACTOR)
    return Limit("latency_budget", f"ms={highest}, percentile=95", f"measured: p95 {figures.p95_ms:.3g} ms")


def _ratio(figures: Figures | None, largest: str) -> Limit:
    if figures is None or figures.ratio is None or not math.isfinite(figures.ratio):
        return Limit("latency_ratio", f'max={_LOOSE_RATIO:.1f}, against="{largest}"', _UNMEASURED)
    highest = rounded_up(figures.ratio * _RATIO_FACTOR)
    return Limit("latency_ratio", f'max={highest}, against="{largest}"', f"measured: {figures.ratio:.3g} times")


def _size(file_bytes: int) -> Limit:
    measured = file_bytes / _MB
    return Limit("model_size_budget", f"mb={rounded_up(measured * _SIZE_FACTOR)}", f"measured: {measured:.3g} MB")


def rounded_up(value: float) -> str:
    """The next value of two significant digits, as Python writes it."""
    if value <= 0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(value)) - _DIGITS + 1)
    places = max(0, -round(math.log10(step)))
    steps = math.ceil(value / step - _NOISE)
    return f"{steps * step:.{places}f}"
