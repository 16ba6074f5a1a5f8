"""How many independent calls a run of dependent calls is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def autocorrelation_time(indicator: NDArray[np.bool_]) -> float:
    """Integrated autocorrelation time of a series of exceedances, in calls.

    Parameters
    ----------
    indicator : (N,) bool
        In the order in which the calls were made.

    Returns
    -------
    float
        At least 1; exactly 1 where the series is constant, so that a run without an exceedance costs nothing.

    References
    ----------
    Geyer (1992), Practical Markov Chain Monte Carlo, section 3.3: the initial positive sequence.
    """
    count = len(indicator)
    centred = indicator - np.mean(indicator) if count else np.zeros(0)
    if not np.any(centred):
        return 1.0
    spectrum = np.fft.rfft(centred, 2 * count)
    covariance = np.fft.irfft(spectrum * spectrum.conj())[:count] / count
    correlation = covariance / covariance[0]
    pairs = correlation[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = pairs > 0
    lead = len(pairs) if positive.all() else int(np.argmin(positive))
    return max(1.0, 2.0 * float(pairs[:lead].sum()) - 1.0)
