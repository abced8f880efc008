"""What a results folder says, cell by cell, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lehr.bench.statistics import Interval, bootstrap, share, wilson
from lehr.bench.store import Cell, Store

MEANS = (
    "best",
    "best_true",
    "regret",
    "wasted",
    "wasted_seconds",
    "seconds",
    "first_feasible_trial",
    "first_feasible_seconds",
)
"""Metrics averaged over studies, each over those studies that have it."""

SHARES = ("discovered", "near_optimum")
"""Metrics that are 0 or 1."""


@dataclass(frozen=True)
class CellSummary:
    """A cell in figures.

    Attributes:
        cell: which.
        studies: how many.
        found: share of studies with something feasible, as measured.
        false_winners: share of studies whose winner met the limits by luck.
        means: of `MEANS`, with bootstrap intervals; ``count`` tells how many studies have a value.
        shares: of `SHARES`, with Wilson intervals.
    """

    cell: Cell
    studies: int
    found: Interval
    false_winners: Interval
    means: dict[str, Interval]
    shares: dict[str, Interval]

    def document(self) -> dict[str, Any]:
        """As JSON-safe data; what is unknown is None."""
        intervals = {"found": self.found, "false_winners": self.false_winners, **self.means, **self.shares}
        return {
            "problem": self.cell.problem,
            "method": self.cell.method,
            "budget": self.cell.budget,
            "studies": self.studies,
            **{name: _plain(interval) for name, interval in intervals.items()},
        }


def summarise(store: Store, cells: Iterable[Cell], seeds: int | None = None) -> list[CellSummary]:
    """Figures of cells, in the order given, over their first `seeds` studies (all of them by default).

    Raises:
        StorageError: a table cannot be read.
    """
    return [_summary(store, cell, seeds) for cell in cells]


def _summary(store: Store, cell: Cell, seeds: int | None) -> CellSummary:
    columns = store.studies(cell, seeds)
    count = len(columns["study"])
    return CellSummary(
        cell,
        count,
        wilson(int((columns["feasible"] > 0).sum()), count),
        wilson(int(columns["false_winner"].sum()), count),
        {name: bootstrap(columns[name]) for name in MEANS},
        {name: share(columns[name]) for name in SHARES},
    )


def _plain(interval: Interval) -> dict[str, float | int | None]:
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {**{k: None if math.isnan(v) else v for k, v in ends.items()}, "count": interval.count}
