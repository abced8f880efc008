"""How sure a score is: 95 % confidence intervals and standard errors, over the choice of items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964  # of 95 %, two-sided
#: Below so many items a share is shown with its interval: it is some 3 % wide then, or more.
FEW = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """``low`` to ``high`` at 95 % confidence, and the standard error ``sem``; infinite or NaN never."""

    low: float
    high: float
    sem: float


def shown(value: str, interval: Sequence[float] | None, items: float | None) -> str:
    """``0.960 (0.93 to 0.98, 128 items)`` where there are few items; else the value as it is."""
    if interval is None or items is None or items >= FEW:
        return value
    low, high = interval
    places = 2 if high - low >= 0.02 else 3
    return f"{value} ({low:.{places}f} to {high:.{places}f}, {items:.0f} item{'' if items == 1 else 's'})"


def wilson(share: float, count: int) -> Interval:
    """Of a share of right answers among ``count``: Wilson's score interval (E. B. Wilson, JASA 22, 1927).

    ``sem`` is half its width over 1.96, which unlike sqrt(p (1 - p) / n) is not 0 where all answers are right.
    """
    z2 = _Z**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), half / _Z)


def of_mean(scores: NDArray[np.float64]) -> Interval | None:
    """Of the mean of scores in 0..1, by Student's t; None for fewer than two."""
    if len(scores) < 2:
        return None
    mean, sem = float(scores.mean()), float(scores.std(ddof=1)) / math.sqrt(len(scores))
    half = _t(len(scores) - 1) * sem
    return Interval(max(0.0, mean - half), min(1.0, mean + half), sem)


def of_resamples(value: float, resamples: NDArray[np.float64]) -> Interval | None:
    """Of a figure by its values on items drawn again with replacement (the percentile bootstrap); None for fewer
    than twenty of them.
    """
    known = resamples[np.isfinite(resamples)]
    if len(known) < 20:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(min(value, float(low)), max(value, float(high)), float(known.std(ddof=1)))


def _t(freedom: int) -> float:
    """Student's t of 95 %, two-sided: exact for 1 and 2 degrees of freedom, else Abramowitz and Stegun 26.7.5."""
    if freedom <= 2:
        return (12.706205, 4.302653)[freedom - 1]
    z, f = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * f)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * f**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * f**3)
    )
