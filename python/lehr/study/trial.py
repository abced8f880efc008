"""A study's trial: what the search knows of it, what it cost, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lehr.study.limits import Limit
from lehr.study.verdicts import held_figures
from lehr.trial import Outcome, Trial


@dataclass(frozen=True)
class Miss:
    """A limit that a trial missed, and by how much.

    Attributes:
        limit: the limit.
        value: what was measured, in the metric's unit.
        excess: how far beyond the limit, in the metric's unit; above 0.
        relative: the excess as a fraction of the limit; above 0.
        reason: where a verdict turned the trial down and not the figure, the verdict in one sentence. The excess is
            then a small one that stands for it.
    """

    limit: Limit
    value: float
    excess: float
    relative: float
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        side = "above" if self.limit.upper else "below"
        share = f" ({self.relative:.0%})" if self.limit.value else ""
        return f"{self.limit.metric} {self.value:g} is {self.excess:g}{share} {side} {self.limit.value:g}"


@dataclass(slots=True)
class StudyTrial(Trial):
    """A finished trial of a study.

    ``metrics`` holds everything that was measured, under the names the evaluation used; ``violation`` is the
    sum of the relative excesses over missed limits, infinite unless the outcome is ``ok``; ``seconds``
    includes the child's start.

    Attributes:
        facts: notes that the evaluation returned beside its metrics.
        misses: the limits it missed, empty unless the outcome is ``ok``.
        held: the limited metrics as the search is told them: as measured, unless a verdict says otherwise.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    misses: tuple[Miss, ...] = ()
    held: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The trial as a JSON-safe dict: the line of the log."""
        record = {
            "number": self.number,
            "config": self.config,
            "outcome": self.outcome,
            "feasible": self.feasible,
            "objective": self.objective,
            "metrics": dict(self.metrics),
            "evidence": dict(self.evidence),
            "seconds": self.seconds,
        }
        return {**record, "facts": dict(self.facts)} if self.facts else record


def judged(
    *,
    number: int,
    config: Mapping[str, Any],
    origin: str,
    outcome: Outcome,
    objective: float | None,
    metrics: Mapping[str, float],
    evidence: Mapping[str, Any],
    seconds: float,
    facts: Mapping[str, Any],
    limits: Sequence[Limit],
    accept_borderline: bool = False,
) -> StudyTrial:
    """Hold a result against the limits, by its verdicts where it has some and by its figures elsewhere. A trial
    that did not run is infeasible, whatever its partial metrics say.
    """
    held, reasons = held_figures(metrics, facts, limits, accept_borderline=accept_borderline)
    misses: tuple[Miss, ...] = ()
    violation = math.inf
    if outcome == "ok":
        misses = tuple(
            Miss(
                limit,
                metrics[limit.metric],
                limit.excess(held),
                limit.relative_excess(held),
                reasons.get(limit.key, ""),
            )
            for limit in limits
            if limit.excess(held) > 0
        )
        violation = math.fsum(miss.relative for miss in misses)
    return StudyTrial(
        number=number,
        config=dict(config),
        origin=origin,
        outcome=outcome,
        objective=objective,
        metrics=dict(metrics),
        feasible=outcome == "ok" and not misses,
        violation=violation,
        evidence=dict(evidence),
        seconds=seconds,
        facts=dict(facts),
        misses=misses,
        held=held,
    )
