"""What a measurement found, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr import _core
from lehr.probe.conditions import Conditions
from lehr.probe.energy import Energy
from lehr.probe.limit import LatencyLimit
from lehr.probe.memory import Memory

Answer = Literal["feasible", "infeasible", "borderline"]
Ended = Literal["settled", "early", "moot", "samples", "time"]


def _normal(confidence: float) -> float:
    """z with P(|Z| <= z) = ``confidence``: Student's quantile with so many degrees of freedom that it is normal."""
    return _core.probe_student_t(confidence, 10**6)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile in milliseconds, or the reason why there is none.

    ``value_ms`` is the nearest rank, a latency that was observed; None where fewer samples were taken than leave one
    expected beyond it. ``low_ms`` and ``high_ms`` are order statistics between which the true percentile lies with
    probability ``confidence``, whatever the distribution; None where the samples (``effective`` independent ones,
    after dependence) cannot carry an interval.
    """

    name: str
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    confidence: float
    samples: int
    effective: float
    reason: str = ""

    def __str__(self) -> str:
        if self.value_ms is None:
            return f"{self.name}: {self.reason}"
        if self.low_ms is None:
            return f"{self.name} {self.value_ms:.4g} ms"
        return f"{self.name} {self.value_ms:.4g} ms [{self.low_ms:.4g}, {self.high_ms:.4g}]"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a limit is met.

    Attributes:
        limit: the question.
        answer: ``feasible`` and ``infeasible`` are settled: wrong with probability at most ``1 - confidence``.
            ``borderline`` was still open when measuring ended.
        probability: posterior probability that the limit is met, given these samples.
        confidence: of a settled answer.
        settled_at: how many samples settled it; None for ``borderline``.
        exceedances: samples beyond the limit.
        discount: how many successive samples said as much as one independent one.
        reason: the verdict in one sentence.
    """

    limit: LatencyLimit
    answer: Answer
    probability: float
    confidence: float
    settled_at: int | None
    samples: int
    exceedances: int
    discount: float
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form, which a study keeps with its trial."""
        return {
            "answer": self.answer,
            "probability": self.probability,
            "confidence": self.confidence,
            "samples": self.samples,
            "exceedances": self.exceedances,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Warmup:
    """Calls before the timed ones: how many, how long, and why they ended.

    ``ended`` is ``stable`` (the rule), or the bound that was met, ``calls`` or ``time``.
    """

    calls: int
    ms: float
    ended: str


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """The latency of one call in milliseconds, and what was seen on the way.

    Attributes:
        samples_ms: every timed call, in order, shape (n,).
        batch_size: items a call.
        device: ``cpu`` or ``cuda``.
        percentiles: by name, refused ones included.
        verdicts: one a limit, in the order of the limits.
        ended: why measuring stopped: ``settled``, ``early`` (the paper's timeout), ``moot`` (see ``moot_ms``),
            ``samples`` or ``time``.
        warmup: the calls before.
        conditions: clock frequency, throttling, contention.
        memory, energy: with their sources, or why there is none.
        mean_low_ms, mean_high_ms: between which the mean lies with probability ``mean_confidence``, by the means of
            blocks of calls; None where fewer than three blocks of 20 ms were timed.
        precision: how well the mean was to be known, as :func:`measure` takes it; None where that was not asked.
        attempts: how often it was measured before the machine was quiet enough, the last one included.
        notes: what else the reader should know, one sentence each.
    """

    samples_ms: NDArray[np.float64]
    batch_size: int
    device: str
    percentiles: dict[str, Percentile]
    verdicts: tuple[Verdict, ...]
    ended: Ended
    warmup: Warmup
    conditions: Conditions
    memory: Memory
    energy: Energy
    mean_low_ms: float | None = None
    mean_high_ms: float | None = None
    mean_confidence: float = 0.95
    precision: float | None = None
    attempts: int = 1
    notes: tuple[str, ...] = field(default=())

    @property
    def mean_ms(self) -> float:
        """Mean latency of a call."""
        return float(self.samples_ms.mean())

    @property
    def throughput_items_s(self) -> float:
        """Items a second, one call after the other."""
        return 1e3 * self.batch_size / self.mean_ms

    @property
    def mean_half_width(self) -> float | None:
        """Half of the width of the mean's interval, as a share of the mean; None where there is no interval."""
        return None if self.mean_high_ms is None else self.mean_high_ms / self.mean_ms - 1

    @property
    def precise(self) -> bool:
        """Whether the mean is known as well as it was asked to be; True where nothing was asked."""
        half = self.mean_half_width
        return self.precision is None or (half is not None and half <= self.precision * (1 + 1e-9))

    @property
    def answered(self) -> bool:
        """Whether every limit is met for certain, and the mean is known as well as asked."""
        return self.precise and all(one.answer == "feasible" for one in self.verdicts)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that decides: an infeasible one before a borderline one before a feasible one; None without
        a limit."""
        order = ("infeasible", "borderline", "feasible")
        return min(self.verdicts, key=lambda verdict: order.index(verdict.answer), default=None)

    def metrics(self) -> dict[str, float]:
        """``latency_mean_ms``, ``latency_samples``, ``latency_p95_ms`` and the like, ``throughput_items_s``, and
        ``energy_j_per_item`` where energy was measured; percentiles that are not supported are absent."""
        found = {"latency_mean_ms": self.mean_ms, "latency_samples": float(len(self.samples_ms))}
        for name, percentile in self.percentiles.items():
            if percentile.value_ms is not None:
                found[f"latency_{name}_ms"] = percentile.value_ms
        found["throughput_items_s"] = self.throughput_items_s
        if self.energy.joules is not None:
            calls = self.warmup.calls + len(self.samples_ms)
            found["energy_j_per_item"] = self.energy.joules / (calls * self.batch_size)
        return found

    def sem(self) -> dict[str, float]:
        """Standard errors of :meth:`metrics`, by the same names, where they are known: ``latency_mean_ms`` and
        ``throughput_items_s`` from the mean's interval, percentiles from theirs, ``energy_j_per_item`` from blocks of
        the counter. Each is half of an interval's width by the normal quantile of its confidence, so that
        ``value +- 1.96 sem`` is about the interval at 95 %. Percentiles that were observed without an interval, and
        counts, are absent."""
        metrics, found = self.metrics(), dict[str, float]()
        if (half := self.mean_half_width) is not None:
            relative = half / _normal(self.mean_confidence)
            found["latency_mean_ms"] = relative * self.mean_ms
            found["throughput_items_s"] = relative * self.throughput_items_s
        for name, one in self.percentiles.items():
            if one.low_ms is not None and one.high_ms is not None:
                found[f"latency_{name}_ms"] = (one.high_ms - one.low_ms) / 2 / _normal(one.confidence)
        if self.energy.relative_sem is not None and "energy_j_per_item" in metrics:
            found["energy_j_per_item"] = self.energy.relative_sem * metrics["energy_j_per_item"]
        return found

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON types, samples included."""
        return {
            "metrics": self.metrics(),
            "metrics_sem": self.sem(),
            "mean": {
                "low_ms": self.mean_low_ms,
                "high_ms": self.mean_high_ms,
                "confidence": self.mean_confidence,
                "precision": self.precision,
            },
            "percentiles": {name: asdict(one) for name, one in self.percentiles.items()},
            "verdicts": [{"limit": str(one.limit), **one.as_json()} for one in self.verdicts],
            "ended": self.ended,
            "warmup": asdict(self.warmup),
            "conditions": self.conditions.as_json(),
            "memory": asdict(self.memory),
            "energy": asdict(self.energy),
            "device": self.device,
            "batch_size": self.batch_size,
            "attempts": self.attempts,
            "notes": list(self.notes),
            "samples_ms": self.samples_ms.tolist(),
        }

    def __str__(self) -> str:
        parts = [str(one) for one in self.percentiles.values() if one.value_ms is not None]
        parts += [f"{one.limit}: {one.answer} ({one.probability:.3g})" for one in self.verdicts]
        return f"{len(self.samples_ms)} calls, mean {self.mean_ms:.4g} ms, " + ", ".join(parts)
