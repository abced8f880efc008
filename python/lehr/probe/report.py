"""What a measurement found, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.probe.conditions import Conditions
from lehr.probe.energy import Energy
from lehr.probe.limit import Limit
from lehr.probe.memory import Memory

Answer = Literal["feasible", "infeasible", "borderline"]
Ended = Literal["settled", "early", "moot", "samples", "time"]


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

    limit: Limit
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

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON types, samples included."""
        return {
            "metrics": self.metrics(),
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
