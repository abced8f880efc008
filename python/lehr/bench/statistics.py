"""Intervals and comparisons for benchmark tables: how far a figure can be trusted, and who won by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from lehr.errors import LehrError, OptionError

Numbers = Sequence[float] | npt.NDArray[np.float64]

_RESAMPLES = 2000
_BLOCK = 1 << 21  # resampled values held at once, 16 MB
_REMEMBERED = 1 << 26  # resampled values whose weights are kept, 64 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        value: the estimate; NaN when there was nothing to estimate it from.
        low: lower end; NaN when unknown.
        high: upper end; NaN when unknown.
        count: how many values it rests on, missing ones left out.
    """

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One method against another over paired studies.

    Attributes:
        wins: pairs in which the first is better.
        ties: pairs of equal values.
        losses: pairs in which the second is better.
        p_value: two-sided, Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945); 1 when every pair ties, NaN
            without pairs.
        effect: matched-pairs rank-biserial correlation (Kerby, Comprehensive Psychology 3, 2014), from -1 (the second
            always better) to 1 (the first always better); 0 when every pair ties, NaN without pairs.
    """

    wins: int
    ties: int
    losses: int
    p_value: float
    effect: float

    @property
    def count(self) -> int:
        """Number of pairs."""
        return self.wins + self.ties + self.losses


def wilson(successes: int, count: int, confidence: float = 0.95) -> Interval:
    """A share with Wilson's score interval (Wilson, JASA 22, 1927), which stays within 0 to 1.

    Args:
        successes: 0 to `count`.
        count: number of trials; with 0 the share is unknown and the interval is NaN.
        confidence: between 0 and 1.

    Raises:
        OptionError: an argument is out of its range.
    """
    if not 0 <= successes <= count:
        raise OptionError(f"{successes} successes of {count}; give 0 to {count}")
    z = NormalDist().inv_cdf(0.5 + _confidence(confidence) / 2)
    if count == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    share, z2 = successes / count, z * z
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    # Rounding must not move the ends past the share where they coincide with it.
    low = 0.0 if successes == 0 else min(share, centre - half)
    high = 1.0 if successes == count else max(share, centre + half)
    return Interval(share, low, high, count)


def share(values: Numbers, confidence: float = 0.95) -> Interval:
    """`wilson` of a column of 0 and 1; NaNs are left out.

    Raises:
        OptionError: a value is neither 0, 1 nor NaN.
    """
    known = _known(values)
    if not np.isin(known, (0.0, 1.0)).all():
        raise OptionError("a share is taken of zeros and ones")
    return wilson(int(known.sum()), len(known), confidence)


def bootstrap(
    values: Numbers,
    statistic: Literal["mean", "median"] = "mean",
    confidence: float = 0.95,
    *,
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> Interval:
    """The mean or median with its percentile bootstrap interval (Efron, 1979); NaNs are left out.

    Args:
        values: any number; without values all is NaN, with a single one the ends are.
        statistic: what is estimated.
        confidence: between 0 and 1.
        seed: of the resampling; the same values and seed give the same interval.
        resamples: at least 1.

    Raises:
        OptionError: an argument is out of its range.
    """
    if statistic not in ("mean", "median"):
        raise OptionError(f"unknown statistic {statistic!r}; use 'mean' or 'median'")
    if resamples < 1:
        raise OptionError(f"{resamples} resamples; give at least 1")
    tail = 50 * (1 - _confidence(confidence))
    known = _known(values)
    count = len(known)
    if count == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    estimate = float(np.mean(known) if statistic == "mean" else np.median(known))
    if count == 1:
        return Interval(estimate, math.nan, math.nan, 1)
    if known.min() == known.max():
        return Interval(float(known[0]), float(known[0]), float(known[0]), count)
    if statistic == "mean" and resamples * count <= _REMEMBERED:
        weights = _weights(count, seed, resamples)
        rows = max(1, _BLOCK // count)
        parts = [weights[begin : begin + rows] @ known for begin in range(0, resamples, rows)]
        estimates = np.concatenate(parts) / count
    else:
        reduce = np.mean if statistic == "mean" else np.median
        estimates = np.concatenate([reduce(known[rows], axis=1) for rows in _draws(count, seed, resamples)])
    low, high = np.percentile(estimates, [tail, 100 - tail])
    return Interval(estimate, float(low), float(high), count)


def compare(
    first: Numbers, second: Numbers, *, better: Literal["lower", "higher"], tolerance: float = 0.0
) -> Comparison:
    """Compare paired values, one pair a seed. A pair with a missing value goes to the other side, or ties if both are.

    Missing (NaN) stands for a study that found nothing feasible, which is worse than anything found. For the ranks it
    counts as a difference larger than all others.

    Args:
        first: values of the first method.
        second: values of the second, under the same seeds in the same order.
        better: whether lower or higher values win.
        tolerance: differences up to this size are ties.

    Raises:
        OptionError: the lengths differ, or an argument is unknown.
        LehrError: scipy is absent.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise OptionError(f"pairs need two columns of one length; these have {a.size} and {b.size} values")
    if better not in ("lower", "higher"):
        raise OptionError(f"unknown direction {better!r}; use 'lower' or 'higher'")
    if not tolerance >= 0:
        raise OptionError(f"the tolerance is {tolerance}; it must be at least 0")
    if a.size == 0:
        return Comparison(0, 0, 0, math.nan, math.nan)
    gain = _gains(a, b, 1.0 if better == "higher" else -1.0, tolerance)
    wins, losses = int((gain > 0).sum()), int((gain < 0).sum())
    ties = gain.size - wins - losses
    if ties == gain.size:
        return Comparison(0, ties, 0, 1.0, 0.0)
    ranks = _rankdata()(np.abs(gain[gain != 0]))
    positive = float(ranks[gain[gain != 0] > 0].sum())
    effect = 2 * positive / float(ranks.sum()) - 1
    return Comparison(wins, ties, losses, _wilcoxon(gain), effect)


def holm(p_values: Numbers) -> npt.NDArray[np.float64]:
    """P values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979), in their given order.

    NaNs stay, and do not count.
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, math.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return corrected


def _draws(count: int, seed: int, resamples: int) -> Iterator[npt.NDArray[np.int64]]:
    """Resamples of `count` values as rows of their positions, some rows at a time."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, _BLOCK // count)
    for begin in range(0, resamples, rows):
        yield rng.integers(0, count, (min(rows, resamples - begin), count))


@lru_cache(maxsize=2)
def _weights(count: int, seed: int, resamples: int) -> npt.NDArray[np.uint8]:
    """How often each value is drawn in each resample. Tables ask for the same ones again and again."""
    parts = []
    for drawn in _draws(count, seed, resamples):
        places = drawn + np.arange(len(drawn))[:, None] * count
        counts = np.bincount(places.ravel(), minlength=drawn.size)
        parts.append(np.minimum(counts, 255).astype(np.uint8).reshape(drawn.shape))
    return np.concatenate(parts)


def _gains(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], sign: float, tolerance: float
) -> npt.NDArray[np.float64]:
    gain: npt.NDArray[np.float64] = sign * (a - b)
    gain[np.abs(gain) <= tolerance] = 0.0
    beyond = 1.0 + 2.0 * float(np.max(np.abs(gain), initial=0.0, where=~np.isnan(gain)))
    gain[np.isnan(a) & np.isnan(b)] = 0.0
    gain[np.isnan(a) & ~np.isnan(b)] = -beyond
    gain[~np.isnan(a) & np.isnan(b)] = beyond
    return gain


def _wilcoxon(gain: npt.NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon

    moved = gain[gain != 0]
    # The exact null distribution holds only without equal ranks; scipy warns and approximates on its own for others.
    exact = len(moved) <= 50 and len(np.unique(np.abs(moved))) == len(moved)
    return float(wilcoxon(moved, method="exact" if exact else "asymptotic").pvalue)


def _rankdata() -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
    try:
        from scipy.stats import rankdata
    except ImportError:
        raise LehrError("comparisons need scipy; install it with: pip install 'lehr[bench]'") from None
    ranks: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] = rankdata
    return ranks


def _known(values: Numbers) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[~np.isnan(array)]


def _confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise OptionError(f"the confidence is {confidence}; it must be between 0 and 1")
    return confidence
