"""Timing one call again and again: warm-up, bounded samples, percentiles that the sample count supports, the
early stop.

No model and no runtime here; the clock is a parameter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

Clock = Callable[[], int]
"""Monotonic nanoseconds."""

PERCENTILES = {"latency_p50_ms": 0.50, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
TRIAL_TIMEOUT_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How long to measure. The cold first call is always warm-up and never counted.

    Warm-up ends after ``warmup_calls`` calls or ``warmup_s`` seconds. Timing ends after ``calls`` calls, or
    after ``time_s`` seconds once there are ``required`` samples (20 support a p95), or after ``cap_s``
    seconds whatever the count is. A call that has begun is finished, so the bounds hold to within one call.
    """

    warmup_calls: int = 10
    warmup_s: float = 0.2
    calls: int = 100
    time_s: float = 0.4
    required: int = 20
    cap_s: float = 10.0

    def requiring(self, shares: Sequence[float]) -> LatencyPlan:
        """The plan with as many samples as these percentiles (0.99 for p99) need, and 20 at least."""
        needed = max([samples_needed(share) for share in shares], default=0)
        required = max(self.required, needed)
        return replace(self, required=required, calls=max(self.calls, required))


@dataclass(frozen=True, slots=True)
class TrialTimeout:
    """The paper's trial timeout (arXiv 2604.25073): what is too slow by far is not measured exactly.

    After warm-up, the mean of the first three timed calls is held against 5 times the tightest latency limit,
    3 times once a feasible result is known.
    """

    limit_ms: float
    feasible_found: bool

    @property
    def threshold_ms(self) -> float:
        """The mean above which the trial stops."""
        return (3.0 if self.feasible_found else 5.0) * self.limit_ms

    def exceeded(self, first_ms: Sequence[float]) -> bool:
        """Whether these samples (ms, at least three, the first three count) end the trial."""
        first = first_ms[:TRIAL_TIMEOUT_SAMPLES]
        return len(first) == TRIAL_TIMEOUT_SAMPLES and sum(first) / len(first) > self.threshold_ms


class TooSlow(Exception):
    """The trial timeout struck; ``samples_ms`` holds what was measured."""

    def __init__(self, rule: TrialTimeout, samples_ms: Sequence[float]) -> None:
        self.rule, self.samples_ms = rule, list(samples_ms)
        self.mean_ms = sum(samples_ms) / len(samples_ms)
        super().__init__(
            f"the first {len(samples_ms)} timed calls took {self.mean_ms:.4g} ms on average, "
            f"more than {rule.threshold_ms / rule.limit_ms:.0f} times the limit of {rule.limit_ms:g} ms"
        )


def tightest_latency_limit(limits: Mapping[str, float]) -> float | None:
    """The smallest upper limit, in ms, on a metric named ``latency_..._ms``; None where there is none."""
    latencies = [
        limit for metric, limit in limits.items() if metric.startswith("latency_") and metric.endswith("_ms")
    ]
    return min(latencies, default=None)


def samples_needed(share: float) -> int:
    """How many samples a percentile needs before at least one is expected beyond it: 2 for p50, 20 for p95,
    100 for p99.
    """
    return math.ceil(round(1.0 / (1.0 - share), 9))


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, a value that was observed; None where there are too few samples to support
    it.
    """
    if len(samples) < samples_needed(share):
        return None
    return sorted(samples)[math.ceil(round(share * len(samples), 9)) - 1]


def measure(
    call: Callable[[], object],
    plan: LatencyPlan = LatencyPlan(),
    *,
    timeout: TrialTimeout | None = None,
    clock: Clock = time.perf_counter_ns,
) -> list[float]:
    """Time ``call`` as ``plan`` says; returns milliseconds a call, in order.

    Raises:
        TooSlow: the trial timeout struck.
    """
    start = clock()
    for _ in range(max(1, plan.warmup_calls)):
        call()
        if clock() - start >= plan.warmup_s * 1e9:
            break
    samples: list[float] = []
    start = clock()
    while len(samples) < plan.calls:
        before = clock()
        call()
        after = clock()
        samples.append((after - before) / 1e6)
        if len(samples) == TRIAL_TIMEOUT_SAMPLES and timeout is not None and timeout.exceeded(samples):
            raise TooSlow(timeout, samples)
        elapsed = (after - start) / 1e9
        if elapsed >= plan.cap_s or (elapsed >= plan.time_s and len(samples) >= plan.required):
            break
    return samples


def summarise(samples_ms: Sequence[float]) -> dict[str, float]:
    """Latency metrics in ms; a percentile that the count cannot support is left out, not made up."""
    metrics = {
        "latency_mean_ms": sum(samples_ms) / len(samples_ms),
        "latency_samples": float(len(samples_ms)),
    }
    for name, share in PERCENTILES.items():
        value = percentile(samples_ms, share)
        if value is not None:
            metrics[name] = value
    return metrics
