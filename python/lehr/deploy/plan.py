"""What a search is about to do, in words: for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from lehr.deploy.objective import Objective
from lehr.limits import Limit
from lehr.quantities import Budget


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched, for what, under which limits, for how long; ``notes`` are sentences besides."""

    title: str
    objective: Objective
    limits: tuple[Limit, ...]
    budget: Budget
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan in words."""
        limits = ", ".join(limit.shown() for limit in self.limits) or "no limits"
        goal = "highest" if self.objective.direction == "maximize" else "lowest"
        return (
            self.title,
            f"Objective: {goal} {self.objective.name}. Limits: {limits}. Budget: {self.budget}.",
            *self.notes,
        )
