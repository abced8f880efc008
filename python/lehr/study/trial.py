"""A study's trial: what the search knows of it, what it cost, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lehr.limits import Judged, Judgement, Limit, judge, verdicts_of
from lehr.trial import DISTURBED_SHARE, Outcome, Trial


@dataclass(slots=True, repr=False)
class StudyTrial(Trial):
    """A finished trial of a study.

    ``metrics`` holds everything that was measured, under the names the evaluation used; ``violation`` is the
    sum of the relative excesses over missed limits, infinite unless the outcome is ``ok``; ``seconds``
    includes the child's start.

    Attributes:
        facts: notes that the evaluation returned beside its metrics.
        judged: how each limit stands, by verdict where there is one.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    judged: Judged = field(default_factory=Judged)

    @property
    def misses(self) -> tuple[Judgement, ...]:
        """The limits it missed, as far as they were measured; of a trial that stopped itself early by its partial
        figures, and empty for one that did not run.
        """
        ran = self.outcome in ("ok", "early_stopped")
        return tuple(one for one in self.judged.misses if one.value is not None) if ran else ()

    @property
    def is_open(self) -> bool:
        """Whether it ran and missed no limit, but measuring could not settle all: some are borderline."""
        return self.outcome == "ok" and not self.feasible and self.judged.answer == "borderline"

    @property
    def told_errors(self) -> tuple[float | None, dict[str, float]]:
        """The standard errors of objective and metrics as the search is told them.

        What other processes took counts as well, where the fact ``disturbed_share`` says by what share they
        may have slowed it. Limits are judged without: others make nothing faster, so a limit kept beside them is kept.
        """
        share = self.facts.get(DISTURBED_SHARE)
        slowed = float(share) if isinstance(share, int | float) and 0 < share <= 1 else 0.0
        objective = self.objective_sem
        if objective is not None and self.objective is not None:
            objective = math.hypot(objective, slowed * self.objective)
        known = self.metrics_sem.items()
        return objective, {name: math.hypot(error, slowed * self.metrics[name]) for name, error in known}

    @property
    def disturbed(self) -> str:
        """What other processes did to its measurement, in words; empty when nothing is known of any."""
        return str(self.facts.get("disturbed") or "")

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
        if self.metrics_sem:
            record["sem"] = dict(self.metrics_sem)
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
    sem: Mapping[str, float] | None = None,
    objective_sem: float | None = None,
    accept_borderline: bool = False,
) -> StudyTrial:
    """Hold a result against the limits. A trial that did not run is infeasible, whatever its partial metrics say.

    ``sem`` holds standard errors of metrics, in their units, ``objective_sem`` that of the objective.
    """
    held = judge(limits, metrics, verdicts_of(facts), sem=sem, accept_borderline=accept_borderline)
    ran = outcome == "ok"
    return StudyTrial(
        number=number,
        config=dict(config),
        origin=origin,
        outcome=outcome,
        objective=objective,
        metrics=dict(metrics),
        feasible=ran and held.passed,
        violation=held.violation if ran else math.inf,
        evidence=dict(evidence),
        seconds=seconds,
        facts=dict(facts),
        objective_sem=objective_sem,
        metrics_sem=dict(sem or {}),
        judged=held,
    )
