"""Detectors that do something wrong, and decoders: what they do instead, while all that they say stays the same."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.runs import FAILED_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.data.runs import Call
    from pytest_rfperf.protocols import Decoder, Detector

    Answer = Callable[[Any], Any]

SLOWER, SPIKE_RATE, SPIKE_FACTOR, DROPPED_RATE, FALLBACK_FACTOR, STALE_EVERY = 0.1, 0.02, 5, 0.01, 3, 10
_SEED, _AT_ONCE = 20220308, 1e-3
_TAIL_BYTES = 1024
_MIXER, _SCALE = np.uint64(0x9E3779B97F4A7C15), float(2**64)
_OTHER = {"rgb": "bgr", "bgr": "rgb"}


class Faulty:
    """A detector that does something wrong; all that it says of itself is what the real one says.

    Parameters
    ----------
    real : Detector
    detect, run : callable
        Take the place of the real one's.
    also : Detector, optional
        Another one to close with it.
    """

    def __init__(self, real: Detector, detect: Answer, run: Answer, *, also: Detector | None = None) -> None:
        """Take the calls."""
        self._real, self.detect, self.run, self._also = real, detect, run, also

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        """Take the rest from the real detector."""
        return getattr(self._real, name)

    def close(self) -> None:
        """Release what both hold."""
        try:
            if self._also is not None:
                self._also.close()
        finally:
            self._real.close()


class FaultySide:
    """A detector in a process of its own, where only the times of its calls can be told wrong."""

    def __init__(self, real: Any, fault: str) -> None:  # noqa: ANN401 - a detector that times itself
        """Change nothing yet."""
        self._real, self._fault = real, fault
        self._more = MORE[fault]() if fault in MORE else lambda: 0.0
        self._every = STALE_EVERY if fault == "stale" else 0
        self._count = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        """Take the rest from the real detector."""
        return getattr(self._real, name)

    def hold(self, images: Sequence[bytes], scope: str) -> FaultySide:
        """Hold the images there; the side that comes back is as wrong."""
        return FaultySide(self._real.hold(images, scope), self._fault)

    def timed(self, item: int) -> Call:
        """Call once, and tell a time that the call did not take."""
        self._count += 1
        call: Call = self._real.timed(item)
        factor = 1 + self._more()
        if self._every and self._count % self._every == 0:
            factor = _AT_ONCE
        if call.wall_ns == FAILED_NS or factor == 1:
            return call
        cpu_ns = None if call.cpu_ns is None else int(call.cpu_ns * factor)
        return call._replace(wall_ns=int(call.wall_ns * factor), cpu_ns=cpu_ns)


class OtherColours:
    """A decoder that prepares images in the other order of channels, and says nothing of it.

    Attributes
    ----------
    bound_by : type
        The class that bound the real decoder, for a process that binds it again.
    """

    def __init__(self, real: Decoder) -> None:
        """Exchange the channels."""
        self._real = real
        self.bound_by = getattr(real, "bound_by", type(real))
        self.preparation = replace(real.preparation, colour=_OTHER[real.preparation.colour])

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        """Take the rest from the real decoder."""
        return getattr(self._real, name)


def longer(call: Answer, more: Callable[[], float]) -> Answer:
    """A call that keeps the CPU busy for `more()` times as long again as it really took."""
    now = perf_counter_ns

    def longer_call(item: Any) -> Any:  # noqa: ANN401 - what the real call takes and gives
        begin = now()
        answer = call(item)
        end = now()
        end += int((end - begin) * more())
        while now() < end:
            pass
        return answer

    return longer_call


def stale(call: Answer) -> Answer:
    """A call that answers what it answered last, at once, each tenth time."""
    count, last = 0, None

    def stale_call(item: Any) -> Any:  # noqa: ANN401 - what the real call takes and gives
        nonlocal count, last
        count += 1
        if count % STALE_EVERY or last is None:
            last = call(item)
        return last

    return stale_call


def dropping(detect: Answer) -> Answer:
    """A call that leaves out one box in a hundred: for one image always the same ones."""

    def dropping_call(image: bytes) -> tuple[Detections, Any]:
        found, timing = detect(image)
        ranks = np.arange(1, found.count + 1, dtype=np.uint64) + np.uint64(zlib.crc32(image[-_TAIL_BYTES:]) << 16)
        mixed = ranks * _MIXER
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIXER
        return _chosen(found, mixed >= np.uint64(DROPPED_RATE * _SCALE)), timing

    return dropping_call


def swapping(detect: Answer, pairs: Sequence[tuple[int, int]]) -> Answer:
    """A call that answers with labels exchanged in pairs."""

    def swapping_call(image: bytes) -> tuple[Detections, Any]:
        found, timing = detect(image)
        labels = found.labels.copy()
        for one, other in pairs:
            labels[found.labels == one], labels[found.labels == other] = other, one
        return Detections(found.boxes, found.scores, labels), timing

    return swapping_call


def _chosen(found: Detections, kept: Any) -> Detections:  # noqa: ANN401 - (N,) bool
    return Detections(found.boxes[kept], found.scores[kept], found.labels[kept])


def _spikes() -> Callable[[], float]:
    """One call of each fifty, at a place that is drawn: a run of any length has its two in a hundred."""
    draw = random.Random(_SEED)  # noqa: S311 - no secret
    place = every = round(1 / SPIKE_RATE)
    count = 0

    def more() -> float:
        nonlocal place, count
        if count % every == 0:
            place = count + draw.randrange(every)
        count += 1
        return SPIKE_FACTOR - 1 if count == place + 1 else 0

    return more


MORE: dict[str, Callable[[], Callable[[], float]]] = {
    "slow": lambda: lambda: SLOWER,
    "spike": _spikes,
    "fallback": lambda: lambda: FALLBACK_FACTOR - 1,
}
"""How many times as long again a call takes, for a detector that is opened now."""
