"""What DeployBench says of our methods: which studies that takes, and what their results come to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lehr.bench import pairwise, paper
from lehr.bench.pairwise import Duel
from lehr.bench.paper import Published, Reproduction
from lehr.bench.peers import PEERS, SLOW
from lehr.bench.runs import run
from lehr.bench.store import Cell, Store
from lehr.bench.summary import CellSummary, summarise
from lehr.bench.sweep import Progress

BUDGET = 25

PROBLEMS: Sequence[str] = (
    "crashy_branin",
    "hierarchical_rosenbrock",
    *(f"edge_tight@{device}" for device in paper.DEVICES.values()),
    *(f"server_throughput@{device}" for device in paper.DEVICES.values()),
    "llm_serving@a100",
    "llm_serving@l4",
    "digits_edge",
    # Random deployment-like spaces; the odd ones are for reporting, and no method was tuned on them.
    *(f"deploy_space#{seed}" for seed in (1, 3, 5, 7, 9)),
    # Benign ones, and those on which nothing can be learned.
    "branin",
    "hartmann6",
    "sphere100",
    "rugged",
    "none_fail",
    "all_fail",
    "random_fail",
)

WITHOUT_GRID: Sequence[str] = ("hartmann6", "sphere100", "rugged")
"""Problems of so many variables that a grid of them has millions of points."""

SUBJECTS: Sequence[str] = ("tba-tpe", "tba-tpe:paper", "guided")
"""What is judged."""

OURS: Sequence[str] = (*SUBJECTS, "tba", "tba:paper", "tpe", "tpe:paper", "random", "grid")
RIVALS: Sequence[str] = (
    "optuna-tpe",
    "optuna-tpe-group",
    "optuna-tpe-paper",
    "optuna-gp",
    "smac3",
    "optuna-nsga2",
    "optuna-random",
)

ABLATION: Mapping[str, str] = {
    "blacklist off": "tba-tpe/blacklist=0",
    "pairs off": "tba-tpe/blacklist_pairs=0",
    "handoff fixed at trial 15": "tba-tpe/handoff_latest=15/handoff_min_trials=15",
    "restart off": "tba-tpe/elite_until=0",
    "snap-back off": "tba-tpe/snap_back=0",
    "relative violations off": "tba-tpe/relative_violations=0",
}
"""Parts of tba-tpe (default preset) that are left out, one at a time."""


@dataclass(frozen=True)
class Plan:
    """What results are made of.

    Attributes:
        problems: names.
        rivals: peers.
        seeds: studies of each cell.
        slow_seeds: of cells of slow peers.
        time_limit_s: after which no further study of a peer starts.
        figures: of the paper; by default those on the problems.
    """

    problems: Sequence[str] = PROBLEMS
    rivals: Sequence[str] = RIVALS
    seeds: int = 500
    slow_seeds: int = 50
    time_limit_s: float | None = None
    figures: Sequence[Published] | None = None

    def paper_figures(self) -> list[Published]:
        """Figures of the paper that are looked at."""
        if self.figures is not None:
            return list(self.figures)
        return [one for one in paper.published() if one.cell.problem in self.problems]

    def cells(self) -> list[Cell]:
        """Every cell."""
        methods = [*OURS, *ABLATION.values(), *self.rivals]
        own = [
            Cell(problem, method, BUDGET)
            for problem in self.problems
            for method in methods
            if method != "grid" or problem not in WITHOUT_GRID
        ]
        return list(dict.fromkeys([*paper.cells(self.paper_figures()), *own]))


def measure(
    plan: Plan,
    store: Path | str,
    *,
    processes: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    command: list[str] | None = None,
) -> Store:
    """Run what the plan wants and the folder does not hold yet.

    Raises:
        MissingPackageError: a peer's package is not installed.
        StorageError: the folder cannot be used.
    """
    begin = time.monotonic()
    cells = plan.cells()
    slow = dict.fromkeys(SLOW, plan.slow_seeds)
    folder = Store(store)
    # Ours first, then all peers together, so that an end by time leaves each with about as many seeds.
    groups: dict[tuple[str, int], list[str]] = {}
    for cell in cells:
        if cell.method not in PEERS:
            groups.setdefault((cell.problem, cell.budget), []).append(cell.method)
    for (problem, budget), methods in groups.items():
        run(
            [problem], methods, [budget], plan.seeds, store,
            processes=processes, progress=progress, command=command,
        )  # fmt: skip
    if plan.rivals:
        left = None if plan.time_limit_s is None else max(0.0, begin + plan.time_limit_s - time.monotonic())
        run(
            plan.problems, plan.rivals, [BUDGET], plan.seeds, store,
            peer_seeds=slow, processes=processes, time_limit_s=left, command=command,
        )  # fmt: skip
    return Store(store, folder.format)


@dataclass(frozen=True)
class Findings:
    """What a results folder says, ready to be written down."""

    plan: Plan
    summaries: list[CellSummary]
    figures: list[Reproduction]
    duels: dict[str, list[Duel]]
    ablations: dict[str, list[Duel]]

    def document(self) -> dict[str, Any]:
        """As JSON-safe data."""
        return {
            "cells": [summary.document() for summary in self.summaries],
            "paper": [figure.document() for figure in self.figures],
            "duels": [duel.document() for found in self.duels.values() for duel in found],
            "ablations": [duel.document() for found in self.ablations.values() for duel in found],
        }


def findings(plan: Plan, store: Store) -> Findings:
    """Work everything out from the folder. Cells without a study are left out.

    Raises:
        StorageError: a table cannot be read.
    """
    cells = [cell for cell in plan.cells() if store.ranges(cell)]
    figures = [one for one in plan.paper_figures() if one.cell in set(cells)]
    rivals = [*plan.rivals, "tba", "tpe", "random"]
    pairs = [(subject, rival) for subject in SUBJECTS for rival in rivals]
    pairs += itertools.combinations(SUBJECTS, 2)
    own = [cell for cell in cells if cell.budget == BUDGET]
    ablations = [("tba-tpe", method) for method in ABLATION.values()]
    return Findings(
        plan,
        summarise(store, cells),
        paper.reproductions(store, figures),
        {metric: pairwise.duels(store, pairs, own, metric) for metric in ("regret", "wasted")},
        {metric: pairwise.duels(store, ablations, own, metric) for metric in ("regret", "wasted")},
    )
