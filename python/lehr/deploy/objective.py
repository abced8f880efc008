"""What a deployment is optimised for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lehr.errors import OptionError
from lehr.metrics import GOALS, METRICS, Direction, metric


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric and which way is better."""

    metric: str
    direction: Direction

    @property
    def name(self) -> str:
        """The short name where there is one: ``throughput`` for throughput_items_s."""
        return metric(self.metric).goal or self.metric

    @property
    def words(self) -> str:
        """``highest throughput``, ``lowest p95 latency``."""
        return f"{'highest' if self.direction == 'maximize' else 'lowest'} {metric(self.metric).title}"

    def gain(self, value: float, over: float) -> float:
        """By what share a value is better than another one; negative where it is worse, infinite over 0."""
        difference = value - over if self.direction == "maximize" else over - value
        return difference / abs(over) if over else (0.0 if difference == 0 else float("inf") * difference)

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {"name": self.name, "metric": self.metric, "direction": self.direction}

    @classmethod
    def from_json(cls, stored: object) -> Objective:
        """Read the stored form; lehr 0.1 wrote the short name alone. Raises ValueError."""
        name = stored.get("metric") if isinstance(stored, Mapping) else stored
        if not isinstance(name, str):
            raise ValueError(f"objective is {stored!r:.60}")
        try:
            return parse_objective(name)
        except OptionError as error:
            raise ValueError(f"objective is {name!r:.60}") from error


def parse_objective(text: str) -> Objective:
    """An objective by its short name (``accuracy``, ``throughput``, ``latency``, ``memory``) or by any metric that lehr
    measures (``energy_j_per_item``).

    Raises:
        OptionError: there is no such one; with a suggestion.
    """
    word = text.strip().lower() if isinstance(text, str) else ""
    row = GOALS.get(word) or METRICS.get(word)
    if row is None or row.better is None:
        known = [*GOALS, *(name for name in METRICS if name not in {goal.name for goal in GOALS.values()})]
        close = difflib.get_close_matches(word, known, n=1)
        hint = f"did you mean {close[0]}? Use" if close else "use"
        raise OptionError(f"objective: unknown {text!r}; {hint} one of {', '.join(known)}")
    return Objective(row.name, row.better)
