"""The published results of arXiv 2604.25073, and how ours compare.

The paper's figures are means over 5 to 10 seeds, ours over hundreds. Two questions are answered for each: is the
paper's figure inside the 95 % interval of our mean, and would the mean of as few seeds as the paper had, drawn
from ours, scatter as far as the paper's figure (its central 95 %)? Only the second is a fair test of reproduction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lehr.bench.statistics import Interval, bootstrap, share
from lehr.bench.store import Cell, Store
from lehr.bench.trace import Floats

Metric = Literal["best", "wasted", "discovered"]

METHODS: Mapping[str, str] = {
    "TBA->TPE": "tba-tpe:paper",
    "TBA": "tba:paper",
    "TPE": "tpe:paper",
    "random": "random",
}
"""The paper's names, and ours."""

ABLATION: Mapping[str, str] = {
    "full TBA": "tba:paper",
    "without the 70 % restart limit": "tba:paper/elite_until=1",
    "without snap-back": "tba:paper/snap_back=0",
    "without adaptive p_s": "tba:paper/adaptive_structural=0",
    "TBA->TPE": "tba-tpe:paper",
}

DEVICES: Mapping[str, str] = {"H100": "h100", "A100": "a100", "RTX 5080": "rtx5080", "L4": "l4", "T4": "t4"}

# Table 3: budget -> (best feasible objective, wasted per cent) in the order of METHODS; ten seeds each.
_TABLE_3: Mapping[int, Sequence[tuple[float, int]]] = {
    10: ((-5.83, 34), (-5.65, 40), (-7.29, 54), (-8.44, 65)),
    15: ((-5.54, 25), (-4.71, 32), (-2.59, 42), (-6.37, 66)),
    20: ((-3.18, 30), (-4.62, 27), (-4.19, 40), (-5.17, 63)),
    25: ((-2.29, 28), (-3.68, 28), (-2.14, 35), (-4.12, 64)),
    30: ((-2.05, 30), (-2.93, 27), (-1.97, 31), (-4.41, 67)),
    40: ((-1.57, 26), (-3.95, 24), (-1.38, 30), (-2.98, 63)),
    50: ((-1.45, 23), (-2.66, 20), (-1.15, 29), (-2.56, 66)),
}
_TABLE_3_SEEDS = 10
# Table 4, at a budget of 30, in the order of ABLATION.
_TABLE_4: Sequence[tuple[float, int]] = ((-2.93, 27), (-3.62, 30), (-3.45, 29), (-3.21, 28), (-2.05, 30))
# Tables 8 and 9: (seeds that found the best family, seeds, mean accuracy, wasted per cent) in the order of DEVICES.
_TABLES_8_9: Mapping[str, Sequence[tuple[int, int, float, int]]] = {
    "TBA->TPE": (
        (5, 5, 0.766, 28),
        (4, 5, 0.762, 32),
        (8, 10, 0.761, 42),
        (4, 5, 0.761, 32),
        (3, 5, 0.758, 36),
    ),
    "TBA": ((3, 5, 0.752, 25), (2, 5, 0.743, 31), (6, 10, 0.752, 30), (1, 5, 0.738, 27), (2, 5, 0.739, 33)),
    "random": (
        (5, 5, 0.766, 63),
        (5, 5, 0.766, 66),
        (8, 10, 0.762, 74),
        (4, 5, 0.762, 67),
        (4, 5, 0.760, 72),
    ),
    "TPE": ((3, 5, 0.758, 32), (4, 5, 0.762, 33), (3, 10, 0.752, 36), (3, 5, 0.758, 34), (3, 5, 0.758, 38)),
}


@dataclass(frozen=True)
class Published:
    """One figure of the paper.

    Attributes:
        table: ``"3"``, ``"4"`` or ``"8, 9"``.
        label: the method as the paper calls it.
        cell: what it is to be compared with.
        metric: ``best``: mean best feasible objective; ``wasted`` and ``discovered``: shares, 0 to 1.
        value: the figure.
        seeds: how many it rests on.
    """

    table: str
    label: str
    cell: Cell
    metric: Metric
    value: float
    seeds: int


@dataclass(frozen=True)
class Reproduction:
    """One figure of the paper beside ours.

    Attributes:
        published: the paper's.
        ours: the mean over our seeds, with its 95 % interval.
        few: central 95 % of the means of `published.seeds` of our studies; NaN without studies.
    """

    published: Published
    ours: Interval
    few: tuple[float, float]

    @property
    def inside(self) -> bool:
        """Whether the paper's figure is inside our interval."""
        return self.ours.low <= self.published.value <= self.ours.high

    @property
    def reproduced(self) -> bool:
        """Whether so few of our seeds scatter as far as the paper's figure; its last digit is rounded."""
        slack = 0.5 * (0.01 if self.published.metric != "best" or abs(self.published.value) > 1 else 0.001)
        return self.few[0] - slack <= self.published.value <= self.few[1] + slack

    @property
    def verdict(self) -> str:
        """In a few words."""
        if math.isnan(self.ours.value):
            return "not run"
        if self.inside:
            return "inside our interval"
        if self.reproduced:
            return f"outside our interval, within the scatter of {self.published.seeds} seeds"
        difference = self.published.value - self.ours.value
        return f"not reproduced: the paper's is {'higher' if difference > 0 else 'lower'} by {_size(self, difference)}"

    def document(self) -> dict[str, Any]:
        """As JSON-safe data."""
        known = not math.isnan(self.ours.value)
        return {
            "table": self.published.table,
            "label": self.published.label,
            "problem": self.published.cell.problem,
            "method": self.published.cell.method,
            "budget": self.published.cell.budget,
            "metric": self.published.metric,
            "paper": self.published.value,
            "paper_seeds": self.published.seeds,
            "ours": self.ours.value if known else None,
            "interval_95": [self.ours.low, self.ours.high] if known else None,
            "scatter_95": list(self.few) if known else None,
            "seeds": self.ours.count,
            "inside": self.inside,
            "reproduced": self.reproduced,
        }


def published() -> list[Published]:
    """Every figure of tables 3, 4, 8 and 9."""
    figures: list[Published] = []
    for budget, row in _TABLE_3.items():
        for (label, method), (best, wasted) in zip(METHODS.items(), row, strict=True):
            figures += _pair("3", label, Cell("crashy_branin", method, budget), best, wasted)
    for (label, method), (best, wasted) in zip(ABLATION.items(), _TABLE_4, strict=True):
        figures += _pair("4", label, Cell("crashy_branin", method, 30), best, wasted)
    for label, columns in _TABLES_8_9.items():
        for device, (found, seeds, accuracy, wasted) in zip(DEVICES.values(), columns, strict=True):
            cell = Cell(f"edge_tight@{device}", METHODS[label], 25)
            figures += [
                Published("8, 9", label, cell, "discovered", found / seeds, seeds),
                Published("8, 9", label, cell, "best", accuracy, seeds),
                Published("8, 9", label, cell, "wasted", wasted / 100, seeds),
            ]
    return figures


def cells(figures: Iterable[Published]) -> list[Cell]:
    """The cells that figures are compared with, each once."""
    return list(dict.fromkeys(figure.cell for figure in figures))


def reproductions(store: Store, figures: Iterable[Published], seeds: int | None = None) -> list[Reproduction]:
    """Figures beside ours, over the first `seeds` studies of each cell.

    Raises:
        StorageError: a table cannot be read.
    """
    columns: dict[Cell, dict[str, Any]] = {}
    found = []
    for figure in figures:
        if figure.cell not in columns:
            columns[figure.cell] = store.studies(figure.cell, seeds)
        values = np.asarray(columns[figure.cell][figure.metric], dtype=np.float64)
        found.append(reproduction(figure, values))
    return found


def reproduction(figure: Published, values: Floats) -> Reproduction:
    """A figure beside our values of it, one a study; NaN where a study has none."""
    ours = share(values) if figure.metric == "discovered" else bootstrap(values)
    return Reproduction(figure, ours, _scatter(values, figure.seeds))


def _pair(table: str, label: str, cell: Cell, best: float, wasted: int) -> list[Published]:
    return [
        Published(table, label, cell, "best", best, _TABLE_3_SEEDS),
        Published(table, label, cell, "wasted", wasted / 100, _TABLE_3_SEEDS),
    ]


def _scatter(values: Floats, count: int) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return math.nan, math.nan
    rng = np.random.Generator(np.random.PCG64(0))
    means = known[rng.integers(0, len(known), (4000, count))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _size(reproduction: Reproduction, difference: float) -> str:
    if reproduction.published.metric == "best":
        return f"{abs(difference):.3g}"
    return f"{100 * abs(difference):.0f} points"
