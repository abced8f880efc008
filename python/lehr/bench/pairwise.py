"""Methods against each other over paired seeds: who is better where, by how much, and how sure that is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lehr.bench.statistics import Comparison, compare, holm
from lehr.bench.store import Cell, Store

SIGNIFICANT = 0.05
FEWEST_PAIRS = 6
"""With fewer pairs that differ the smallest exact p is above 5 %, whatever the approximation for ties says."""

Metric = Literal["regret", "wasted", "wasted_seconds", "first_feasible_trial"]
METRICS: Mapping[Metric, str] = {
    "regret": "simple regret",
    "wasted": "wasted share",
    "wasted_seconds": "seconds wasted",
    "first_feasible_trial": "trials to the first feasible result",
}
"""Of all of them less is better."""


@dataclass(frozen=True)
class Duel:
    """Two methods on one problem with one budget, by one metric.

    Attributes:
        problem, budget, metric: what was compared.
        first, second: the methods.
        comparison: wins, ties and losses of the first, Wilcoxon's p, rank-biserial effect.
        means: of the metric over the pairs in which both have it; NaN without such a pair.
        p_holm: p corrected for all duels of the same metric that were asked for together.
    """

    problem: str
    budget: int
    metric: Metric
    first: str
    second: str
    comparison: Comparison
    means: tuple[float, float]
    p_holm: float = math.nan

    @property
    def verdict(self) -> Literal["wins", "loses", "no difference shown"]:
        """Of the first method, at the 5 % level after correction."""
        differ = self.comparison.wins + self.comparison.losses
        if not self.p_holm < SIGNIFICANT or self.comparison.effect == 0 or differ < FEWEST_PAIRS:
            return "no difference shown"
        return "wins" if self.comparison.effect > 0 else "loses"

    def document(self) -> dict[str, Any]:
        """As JSON-safe data; what is unknown is None."""
        numbers = {
            "p": self.comparison.p_value,
            "p_holm": self.p_holm,
            "effect": self.comparison.effect,
            "mean_first": self.means[0],
            "mean_second": self.means[1],
        }
        return {
            "problem": self.problem,
            "budget": self.budget,
            "metric": self.metric,
            "first": self.first,
            "second": self.second,
            "pairs": self.comparison.count,
            "wins": self.comparison.wins,
            "ties": self.comparison.ties,
            "losses": self.comparison.losses,
            "verdict": self.verdict,
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
        }


def duels(
    store: Store, pairs: Iterable[tuple[str, str]], cells: Iterable[Cell], metric: Metric = "regret"
) -> list[Duel]:
    """Every pair of methods on every problem and budget where both are among the cells, corrected together by Holm.

    Studies are paired by their number; of a method with more studies the first ones count.

    Raises:
        StorageError: a table cannot be read.
        LehrError: scipy is absent.
    """
    known = set(cells)
    places = sorted({(cell.problem, cell.budget) for cell in known})
    columns: dict[Cell, Any] = {}
    found: list[Duel] = []
    for problem, budget in places:
        for first, second in pairs:
            mine, other = Cell(problem, first, budget), Cell(problem, second, budget)
            if mine not in known or other not in known or first == second:
                continue
            for cell in (mine, other):
                if cell not in columns:
                    columns[cell] = np.asarray(store.studies(cell)[metric], dtype=np.float64)
            found.append(duel(problem, budget, metric, (first, second), (columns[mine], columns[other])))
    return corrected(found)


def duel(
    problem: str, budget: int, metric: Metric, methods: tuple[str, str], values: tuple[Any, Any]
) -> Duel:
    """One duel, not corrected yet, from the values of both methods by study."""
    count = min(len(values[0]), len(values[1]))
    a, b = (np.asarray(column[:count], dtype=np.float64) for column in values)
    both = ~(np.isnan(a) | np.isnan(b))
    means = (float(a[both].mean()), float(b[both].mean())) if both.any() else (math.nan, math.nan)
    return Duel(problem, budget, metric, *methods, compare(a, b, better="lower"), means)


def corrected(found: Sequence[Duel]) -> list[Duel]:
    """Duels with their p values corrected for their number."""
    p_values = holm([one.comparison.p_value for one in found])
    return [dataclasses.replace(one, p_holm=float(p)) for one, p in zip(found, p_values, strict=True)]


def all_pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """Every method against every later one."""
    return [(a, b) for i, a in enumerate(methods) for b in methods[i + 1 :]]
