"""How a deployment's latency is measured: the probe, with the bounds and assumptions that a search can afford."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from lehr.limits import Limit
from lehr.probe.limit import DEFAULT_SPELL, LatencyLimit, Rule
from lehr.probe.measuring import PRECISE_SAMPLES, measure
from lehr.probe.report import LatencyReport

PERCENTILES = {"latency_p50_ms": "p50", "latency_p95_ms": "p95", "latency_p99_ms": "p99"}


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How long to measure, and by which rule a limit is judged.

    Timing goes on for ``least_s`` seconds of calls at least, until the mean latency, and so the throughput, is known
    within the share ``precision`` of it at 95 %, or ``enough_s`` seconds are over and there are ``min_samples`` (20
    support a p95), or twice ``enough_s`` are. A limited percentile is settled meanwhile, and where it is open then
    timing goes on for it: what is near the limit may take as much as ten times the calls of a fixed protocol. What is
    open after ``max_samples`` calls or ``max_s`` seconds is borderline. ``hasty`` plans end as soon as a limit is
    settled as missed, with too few calls to tell a percentile. A call that has begun is finished. Without a
    ``precision``, timing ends after 100 calls where no percentile is limited.

    ``retries`` is how often to measure again when other processes disturbed it so that a limit was not met or the mean
    not known, as long as no more than ``retry_s`` seconds have passed and they leave the machine alone within
    ``quiet_s`` seconds: beside a neighbour that stays, measuring again gains nothing.

    ``rule``, ``tail_index`` and ``spell`` are those of :class:`lehr.probe.LatencyLimit`; the fixed rules know no
    precision. A search may assume a tail that falls (``tail_index=1``) and no slow spells, and make do with 90 %
    ``confidence``: what it finds is measured again without that, as ``strict`` gives it.
    """

    warmup_s: float = 0.2
    min_samples: int = 20
    max_samples: int = 1000
    precision: float | None = 0.02
    least_s: float = 0.2
    enough_s: float = 0.3
    max_s: float = 15.0
    rule: Rule = "sequential"
    tail_index: float = 1.0
    spell: float = 1.0
    confidence: float = 0.9
    hasty: bool = True
    retries: int = 1
    retry_s: float = 2.0
    quiet_s: float = 0.1

    def strict(self) -> LatencyPlan:
        """The plan for measuring what is to be shipped: nothing assumed, and time enough to settle it. The mean is
        measured for a second at least, and for twice the usual time where it is not known within half of the usual
        precision sooner.
        """
        return replace(
            self,
            rule="sequential",
            tail_index=0.0,
            spell=DEFAULT_SPELL,
            confidence=0.99,
            max_samples=3 * self.max_samples,
            precision=None if self.precision is None else self.precision / 2,
            least_s=5 * self.least_s,
            enough_s=10 * self.least_s,
            max_s=5 / 3 * self.max_s,
            hasty=False,
            retries=2,
            retry_s=10 * self.retry_s,
            quiet_s=10 * self.quiet_s,
        )

    def final(self) -> LatencyPlan:
        """The plan of one round of a final: as strict with limits, but as short as a search's: rounds are repeated in
        other processes, where more of the variation is, and the final repeats what was disturbed itself.
        """
        strict = self.strict()
        return replace(
            strict,
            precision=self.precision,
            least_s=self.least_s,
            enough_s=self.enough_s,
            retries=0,
        )

    def lasting(self, seconds: float) -> LatencyPlan:
        """The plan with so much time to settle a limit, and as many more calls."""
        calls = max(self.min_samples, round(self.max_samples * seconds / self.max_s))
        return replace(self, max_s=seconds, max_samples=calls)

    def within(self, seconds: float | None) -> LatencyPlan:
        """The plan bounded so that all attempts fit into a trial that may take so long, with time left for the rest."""
        if seconds is None:
            return self
        return replace(self, max_s=min(self.max_s, 0.4 * seconds), retry_s=min(self.retry_s, 0.3 * seconds))


def latency_limits(
    limits: Iterable[Limit], plan: LatencyPlan, *, feasible_found: bool = False
) -> dict[str, LatencyLimit]:
    """The upper limits on percentiles of the latency among these limits, by metric."""
    bounds = {limit.metric: limit.bound for limit in limits if limit.upper}
    return {
        name: LatencyLimit(
            percentile,
            bounds[name],
            tail_index=plan.tail_index,
            spell=plan.spell,
            rule=plan.rule,
            feasible_found=feasible_found,
        )
        for name, percentile in PERCENTILES.items()
        if name in bounds
    }


def time_call(
    call: Callable[[], object],
    limits: Mapping[str, LatencyLimit],
    plan: LatencyPlan,
    *,
    batch_size: int = 1,
    moot_ms: float | None = None,
    min_seconds: float = 0.0,
) -> LatencyReport:
    """Measure one call against these limits as the plan says.

    A ``hasty`` plan does not go on where the mean is above ``moot_ms``: another limit is missed then.
    ``min_seconds`` is how long to go on whatever is settled, within ``plan.max_s``.
    """
    # p99 needs 100 calls before it can be told at all, and five times those of p95 to be settled.
    rare = any(limit.percentile == "p99" for limit in limits.values())
    least = 100 if rare else 20
    precision = plan.precision if plan.rule == "sequential" else None
    most = plan.max_samples * (5 if rare else 1) if limits or precision else min(100, plan.max_samples)
    most = max(most, plan.min_samples, least)
    return measure(
        call,
        batch_size=batch_size,
        limit=tuple(limits.values()),
        confidence=plan.confidence,
        precision=precision,
        least_seconds=plan.least_s,
        max_seconds=plan.max_s if limits else min(plan.max_s, 2 * plan.enough_s),
        min_samples=max(plan.min_samples, least),
        max_samples=most if precision is None else PRECISE_SAMPLES,
        limit_samples=most,
        enough_seconds=plan.enough_s,
        hasty=plan.hasty,
        moot_ms=moot_ms if plan.hasty else None,
        min_seconds=min(min_seconds, plan.max_s),
        retries=plan.retries,
        retry_seconds=plan.retry_s,
        quiet_seconds=plan.quiet_s,
        percentiles=tuple(PERCENTILES.values()),
        warmup_seconds=plan.warmup_s,
    )
