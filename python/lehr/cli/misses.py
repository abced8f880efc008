"""The nearest miss of a search that found nothing feasible, and by how much it misses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lehr.cli import figures
from lehr.cli.limits import Limit

if TYPE_CHECKING:
    from lehr.study import Study, StudyTrial


@dataclass(frozen=True, slots=True)
class Missed:
    """A limit that was missed, and the figure that misses it."""

    limit: Limit
    value: float

    @property
    def excess(self) -> float:
        """How far beyond the limit, in the metric's unit; above 0."""
        return abs(self.value - self.limit.value)

    @property
    def relative(self) -> float:
        """The excess as a share of the limit; the excess itself where the limit is 0."""
        return self.excess / (abs(self.limit.value) or 1.0)

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "metric": self.limit.metric,
            "limit": self.limit.value,
            "value": self.value,
            "excess": self.excess,
            "relative": self.relative,
        }

    def __str__(self) -> str:
        name = self.limit.metric
        side = "above" if self.limit.upper else "below"
        share = f"{self.relative:.1%}" if self.relative < 1 else f"{self.relative + 1:.3g} times the limit"
        return (
            f"{figures.METRICS[name].title} {figures.figure(name, self.value)}, {figures.figure(name, self.excess)} "
            f"({share}) {side} {figures.bound(name, self.limit.value)}"
        )


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest miss; ``finished`` is False for a trial that was stopped early, whose figures are partial."""

    trial: StudyTrial
    missed: tuple[Missed, ...]
    finished: bool


def nearest(study: Study) -> Near | None:
    """The trial that misses the limits least in relative terms.

    Trials that ran to their end go first; without any, one that was stopped for being too slow. None when every trial
    crashed, hung or ran out of memory.
    """
    limits = [Limit(limit.metric, limit.value, limit.upper) for limit in study.limits]
    for outcome in ("ok", "early_stopped"):
        trials = [trial for trial in study.trials if trial.outcome == outcome and not trial.feasible]
        near = [Near(trial, missed(trial.metrics, limits), outcome == "ok") for trial in trials]
        near = [one for one in near if one.missed]
        if near:
            return min(near, key=lambda one: math.fsum(entry.relative for entry in one.missed))
    return None


def missed(metrics: Mapping[str, float], limits: Sequence[Limit]) -> tuple[Missed, ...]:
    """The limits that these figures miss; a figure that was not measured misses nothing."""
    return tuple(
        Missed(limit, metrics[limit.metric])
        for limit in limits
        if limit.metric in metrics and not limit.met(metrics)
    )
