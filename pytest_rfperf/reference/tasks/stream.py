"""Random numbers that are the same on every platform and with every version of numpy."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STEP = 2.0**-53
_BYTES_MEAN = 4 * 127.5
_BYTES_DEVIATION = 147.80054127099806
"""Of the sum of four random bytes: sqrt(4 * (256 ** 2 - 1) / 12)."""
Item = TypeVar("Item")


class Stream:
    """A stream of random numbers with a name: equal names, equal numbers.

    Only the raw words of the Philox generator are used, which numpy promises to keep, and only operations that
    IEEE 754 rounds exactly: no sine, no exponential, no sum of floats.
    """

    def __init__(self, *name: str | int) -> None:
        """Start the stream of that name."""
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        self._words = np.random.Philox(key=int.from_bytes(digest[:16], "little"))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        word = int(self._words.random_raw())
        return low + (high - low) * ((word >> 11) * _STEP)

    def uniforms(self, *shape: int) -> NDArray[np.float64]:
        """Numbers in [0, 1)."""
        words = self._words.random_raw(math.prod(shape))
        return ((words >> np.uint64(11)).astype(np.float64) * _STEP).reshape(shape)

    def integer(self, low: int, high: int) -> int:
        """One whole number from low to high, both included."""
        return low + int(self._words.random_raw()) % (high - low + 1)

    def chance(self, probability: float) -> bool:
        """Whether an event of that probability happens."""
        return self.uniform() < probability

    def choice(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.integer(0, len(items) - 1)]

    def direction(self) -> tuple[float, float]:
        """A unit vector, every angle as likely as every other."""
        while True:
            x, y = self.uniform(-1, 1), self.uniform(-1, 1)
            square = x * x + y * y
            if 0.01 < square <= 1:  # noqa: PLR2004 - inside the circle, away from its centre
                length = math.sqrt(square)
                return x / length, y / length

    def tinted(self, colour: Sequence[float], spread: float) -> tuple[float, float, float]:
        """A colour near another: each channel, and all of them together, moved by up to `spread`."""
        together = self.uniform(-spread, spread)
        red, green, blue = (channel + together + self.uniform(-spread, spread) * 0.5 for channel in colour)
        return red, green, blue

    def noise(self, *shape: int) -> NDArray[np.float64]:
        """Nearly normal numbers of mean 0 and deviation 1: each a sum of four bytes."""
        words: NDArray[Any] = self._words.random_raw((math.prod(shape) + 1) // 2).astype("<u8")
        sums = words.view(np.uint8).reshape(-1, 4).sum(axis=1, dtype=np.int64)[: math.prod(shape)]
        normal: NDArray[np.float64] = ((sums - _BYTES_MEAN) / _BYTES_DEVIATION).reshape(shape)
        return normal
