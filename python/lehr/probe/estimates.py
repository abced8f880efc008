"""What timed calls say: percentiles and the mean with their intervals, and whether limits are met."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lehr import _core
from lehr.probe.limit import LatencyLimit, share_of
from lehr.probe.report import Answer, LatencyReport, Percentile, Verdict


def mean_interval(samples_ms: NDArray[np.float64], confidence: float) -> tuple[float | None, float | None]:
    """The ends of the mean's confidence interval in ms, by the means of blocks of at least 20 ms; None, None where
    there are fewer than three blocks. The lower end is above 0."""
    half, _ = _core.probe_mean(samples_ms, confidence)
    if not math.isfinite(half):
        return None, None
    mean = float(samples_ms.mean())
    # A wide interval is taken on the scale of the logarithm, where it does not reach below 0.
    return (
        (mean * (1 - half), mean * (1 + half)) if half < 0.5 else (mean * math.exp(-half), mean * (1 + half))
    )


def imprecise(report: LatencyReport, precision: float) -> str:
    """That the mean is less precise than asked, in one sentence."""
    if report.mean_low_ms is None or report.mean_high_ms is None:
        return (
            f"the mean has no interval: {report.samples_ms.sum() / 1e3:.2g} s of calls are too short for one"
        )
    return (
        f"the mean is not known within {precision:.2g} of it: it lies between {report.mean_low_ms:.4g} and "
        f"{report.mean_high_ms:.4g} ms at {report.mean_confidence:.0%} confidence"
    )


def samples_needed(share: float) -> int:
    """Calls that leave one expected beyond a percentile."""
    return _core.probe_samples_for_point(share)


def percentile(samples_ms: NDArray[np.float64], name: str, confidence: float) -> Percentile:
    """A percentile of samples in the order they were taken, with its interval; refused where they are too few."""
    share, count = share_of(name), len(samples_ms)
    ordered = np.sort(samples_ms)
    rank = max(0, math.ceil(round(share * count, 9)) - 1)
    seen, _ = _core.probe_dependence(samples_ms, float(ordered[rank]), 0.0)
    value, low, high, _, effective, supported, needed = _core.probe_quantile(ordered, share, confidence, seen)
    if count < samples_needed(share):
        reason = f"{count} samples cannot support {name}, which needs {samples_needed(share)}"
        return Percentile(name, None, None, None, confidence, count, effective, reason)
    if not supported:
        reason = f"no interval at {confidence:.0%}: it needs about {needed} samples as dependent as these"
        return Percentile(name, value, None, None, confidence, count, effective, reason)
    return Percentile(name, value, low, high, confidence, count, effective)


def verdict_of(
    limit: LatencyLimit,
    told: tuple[str, int, int, float, float, float, float],
    samples: NDArray[np.float64],
    confidence: float,
) -> Verdict:
    """What the core was told by its judge, in words."""
    answer, settled_at, beyond, probability, _, _, discount = told
    allowed, count = 1 - limit.share, len(samples)
    seen = f"{beyond} of {count} calls took longer than {limit.value_ms:g} ms"
    known: Answer
    if answer == "open":
        known = "borderline"
        reason = f"{limit} is open after {count} calls ({seen}); it is met with probability {probability:.2g}"
    else:
        known = "feasible" if answer == "feasible" else "infeasible"
        holds = "is met" if known == "feasible" else "is not met"
        reason = f"{limit} {holds} at {confidence:.0%} confidence: {seen}, {allowed:.0%} may"
    return Verdict(limit, known, probability, confidence, settled_at or None, count, beyond, discount, reason)


def compared(limit: LatencyLimit, samples: NDArray[np.float64], ended: str) -> Verdict:
    """The fixed protocols' answer: the plain percentile against the limit, or the paper's timeout."""
    count, beyond = len(samples), int((samples > limit.value_ms).sum())
    if ended == "early":
        first = float(samples[:3].mean())
        reason = (
            f"the first 3 timed calls took {first:.4g} ms on average, more than {limit.timeout_factor:.0f} times "
            f"the limit of {limit.value_ms:g} ms"
        )
        return Verdict(limit, "infeasible", 0.0, 0.0, 3, count, beyond, 1.0, reason)
    found = percentile(samples, limit.percentile, 0.99)
    if found.value_ms is None:
        return Verdict(limit, "borderline", 0.5, 0.0, None, count, beyond, 1.0, found.reason)
    met = found.value_ms <= limit.value_ms
    reason = f"{limit.percentile} of {count} calls is {found.value_ms:.4g} ms, with no test"
    return Verdict(
        limit, "feasible" if met else "infeasible", float(met), 0.0, count, count, beyond, 1.0, reason
    )
