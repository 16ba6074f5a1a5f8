r"""The one statistical primitive: an anytime-valid test of a rate.

`k` exceedances in `n` calls; the question is whether the true rate lies below or above `p0`. Each side has an
e-value, a Beta mixture truncated to that side of `p0` over the likelihood at `p0`:

    log E_low (k, n) = betaln(a+k, b+n-k) + log      I_p0(a+k, b+n-k)
                       - betaln(a, b) - log      I_p0(a, b)  - k log p0 - (n-k) log(1-p0)
    log E_high(k, n) = the same with 1 - I_p0 for I_p0

Under its null each is a non-negative supermartingale that starts at 1, so by Ville's inequality it ever
reaches 1/alpha with probability at most alpha: looking after every block is free.

References
----------
Ville (1939); Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import betainc, betaincc, betaln

_TINY = 1e-280


class Prior(NamedTuple):
    """The Beta(a, b) mixture over the unknown rate."""

    a: float
    b: float


HALF_PRIOR = Prior(0.5, 0.5)
"""The mixture for the question "more or fewer than half": six observations of one kind decide it at 5 %."""


class Evidence(NamedTuple):
    """Natural logarithms of the two e-values: that the rate is below, and above, the boundary."""

    log_low: float
    log_high: float


def budget_prior(p0: float) -> Prior:
    """The mixture for budgets, Beta(1, (1 - p0) / p0): its mean is p0, so that both sides decide early."""
    return Prior(1.0, (1.0 - p0) / p0)


def rate_evidence(k: float, n: float, p0: float, prior: Prior | None = None) -> Evidence:
    """Evidence that a rate lies below or above `p0`, given `k` exceedances in `n` calls.

    Parameters
    ----------
    k, n : float
        0 <= k <= n. Fractions are allowed: calls divided by their autocorrelation time.
    p0 : float
        The boundary, in (0, 1).
    prior : Prior, optional
        `budget_prior(p0)` unless given.

    Raises
    ------
    ValueError
        If the counts or the boundary lie outside their ranges.
    """
    if not (0 <= k <= n and 0 < p0 < 1):
        msg = f"rate_evidence: k={k}, n={n}, p0={p0}: need 0 <= k <= n and 0 < p0 < 1"
        raise ValueError(msg)
    a, b = prior or budget_prior(p0)
    likelihood = k * math.log(p0) + (n - k) * math.log1p(-p0)
    after, before = betaln(a + k, b + n - k), betaln(a, b)
    shift = float(after - before - likelihood)
    return Evidence(
        shift + _log_betainc(a + k, b + n - k, p0) - _log_betainc(a, b, p0),
        shift + _log_betaincc(a + k, b + n - k, p0) - _log_betaincc(a, b, p0),
    )


def least_pass(p0: float, beta: float, prior: Prior | None = None) -> int:
    """The fewest calls, none of them an exceedance, that can end in PASS."""
    low, high = 0, 1
    while rate_evidence(0, high, p0, prior).log_low < -math.log(beta):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if rate_evidence(0, middle, p0, prior).log_low < -math.log(beta):
            low = middle
        else:
            high = middle
    return high


def _log_betainc(a: float, b: float, x: float) -> float:
    """Logarithm of the regularised incomplete beta function, also where the function itself underflows."""
    value = float(betainc(a, b, x))
    return math.log(value) if value > _TINY else _log_tail(a, b, x)


def _log_betaincc(a: float, b: float, x: float) -> float:
    """Logarithm of the complement, 1 - I_x(a, b) = I_(1-x)(b, a)."""
    value = float(betaincc(a, b, x))
    return math.log(value) if value > _TINY else _log_tail(b, a, 1.0 - x)


def _log_tail(a: float, b: float, x: float) -> float:
    """Log I_x(a, b) far below the mean, by x^a (1-x)^b / (a B(a, b)) 2F1(a+b, 1; a+1; x).

    The terms fall from the first one on, since x lies far below a / (a + b) wherever I_x underflows.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 8.17.8.
    """
    term, total, step = 1.0, 1.0, 0
    while term > total * 1e-17:
        term *= x * (a + b + step) / (a + 1 + step)
        total += term
        step += 1
    return a * math.log(x) + b * math.log1p(-x) - math.log(a) - float(betaln(a, b)) + math.log(total)
