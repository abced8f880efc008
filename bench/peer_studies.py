"""Studies of peers, kept in a file of JSON lines that the same command goes on with.

    nice python bench/peer_studies.py --problems crashy_branin tuning_space#1 --peers optuna-gp --seeds 100
    nice python bench/peer_studies.py --selection --peers optuna-gp --seeds 100 [--time-limit-s 3600]

Study i of every peer runs under hashed seed i. Optuna's samplers do not know how many trials will follow, so one study
of the largest budget tells what the smaller ones would have found; of other peers each budget is run. Studies start
in turns over all problems, so that an early end leaves each with its share. A line holds a few studies of one problem
and peer: by budget their regret in parts of the optimum's size (null where nothing was found), the share of wasted
trials, and, where there are families, whether the best one was discovered. ``--selection`` names ten problems of
DeployBench, ten odd ``deploy_space`` and ten odd ``tuning_space``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lehr.bench import Problem
from lehr.bench.fingerprint import fingerprint
from lehr.bench.peers import PEERS, SLOW, peer_version
from lehr.bench.peers.studies import Job, replayed, run_jobs
from lehr.bench.provenance import provenance
from lehr.bench.store import Cell
from lehr.bench.trace import Reference, StudyMetrics, Trace

FILE = Path(__file__).parent / "results" / "peer_studies.jsonl"
BUDGETS = (10, 25, 50, 100)
# Their proposals do not depend on the number of trials to come.
BUDGET_FREE = frozenset({"optuna-random", "optuna-tpe", "optuna-tpe-group", "optuna-gp", "optuna-gp-penalty"})
SELECTION = (
    *("crashy_branin", "hierarchical_rosenbrock", "edge_tight@h100", "edge_tight@t4"),
    *("server_throughput@t4", "server_throughput@l4", "llm_serving@a100", "hartmann6", "random_fail"),
    "digits_edge",
    *(f"deploy_space#{seed}" for seed in range(1, 21, 2)),
    *(f"tuning_space#{seed}" for seed in range(1, 21, 2)),
)


@dataclass
class Column:
    """Figures of the studies of one problem, method and budget, by study.

    Attributes:
        regret: in parts of the optimum's size; NaN where nothing feasible was found, or by luck alone.
        wasted: share of the trials.
        discovered: 1 where the winner's family is one of the optimum's; NaN without families.
    """

    regret: list[float] = field(default_factory=list)
    wasted: list[float] = field(default_factory=list)
    discovered: list[float] = field(default_factory=list)

    def add(self, problem: Problem, metrics: StudyMetrics) -> None:
        """One more study."""
        self.regret.append(relative(problem, metrics.regret))
        self.wasted.append(metrics.wasted)
        self.discovered.append(metrics.discovered)


def relative(problem: Problem, regret: float) -> float:
    """A regret in parts of the optimum's size; as it is where the optimum is 0."""
    size = abs(Reference.of(problem).objective)
    return regret / size if size > 0 else regret


class Ledger:
    """The file: which studies it holds. Lines of a problem that was changed since are passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks: dict[str, str] = {}
        self._kept: dict[tuple[str, str, int], dict[int, tuple[float, float, float]]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._take(json.loads(line))

    def _take(self, row: Mapping[str, Any]) -> None:
        if row["mark"] != self.mark(row["problem"]):
            return
        for budget, figures in row["by_budget"].items():
            kept = self._kept.setdefault((row["problem"], row["peer"], int(budget)), {})
            regret, wasted = ([_nan(value) for value in figures[name]] for name in ("regret", "wasted"))
            families = [_nan(value) for value in figures.get("discovered", [None] * len(regret))]
            columns = regret, wasted, families
            for study, values in enumerate(zip(*columns, strict=True), row["first"]):
                kept[study] = values

    def mark(self, problem: str) -> str:
        """The fingerprint of a problem."""
        if problem not in self._marks:
            self._marks[problem] = fingerprint(Problem.load(problem))
        return self._marks[problem]

    def missing(self, problem: str, peer: str, budget: int, seeds: int) -> list[int]:
        """Studies below `seeds` that are not there."""
        kept = self._kept.get((problem, peer, budget), {})
        return [study for study in range(seeds) if study not in kept]

    def column(self, problem: str, peer: str, budget: int, seeds: int) -> Column:
        """Figures of the studies from the first on, up to `seeds` or the first that is missing."""
        kept = self._kept.get((problem, peer, budget), {})
        studies = list(itertools.takewhile(kept.__contains__, range(seeds)))
        return Column(*([kept[study][i] for study in studies] for i in range(3)))

    def append(self, job: Job, traces: Sequence[Trace], budgets: Sequence[int], seconds: float) -> None:
        """Keep studies."""
        problem = Problem.load(job.cell.problem)
        by_budget = {}
        for budget in budgets:
            column = Column()
            for trace in traces:
                column.add(problem, trace.metrics(min(budget, len(trace))))
            figures = {"regret": column.regret, "wasted": column.wasted}
            if problem.family is not None:
                figures["discovered"] = column.discovered
            by_budget[str(budget)] = {
                name: [_short(value) for value in values] for name, values in figures.items()
            }
        row = {
            "problem": job.cell.problem,
            "mark": self.mark(job.cell.problem),
            "peer": job.cell.method,
            "version": peer_version(job.cell.method),
            "lehr": provenance()["lehr"],
            "date": time.strftime("%Y-%m-%d"),
            "trials": job.cell.budget,
            "first": job.first,
            "seconds": round(seconds, 1),
            "by_budget": by_budget,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
        self._take(row)


def _short(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.3g}")


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def ensure(
    ledger: Ledger,
    problems: Sequence[str],
    peer: str,
    budgets: Sequence[int],
    seeds: int,
    *,
    processes: int = 1,
    stop: Callable[[], bool] = lambda: False,
    told: Callable[[Job, float], None] = lambda job, seconds: None,
) -> None:
    """Run the studies of a peer that the file does not hold, a few at a time.

    Args:
        ledger: the file.
        problems: names.
        peer: one of `lehr.bench.peers.PEERS`.
        budgets: numbers of trials.
        seeds: studies 0 to `seeds` - 1 are wanted.
        processes: how many studies run at a time.
        stop: asked before a job starts.
        told: called after each job with the seconds it took.
    """
    chunk = 1 if peer in SLOW else 10
    wanted: dict[Cell, tuple[int, ...]] = {}
    for problem in problems:
        if peer in BUDGET_FREE:
            wanted[Cell(problem, peer, max(budgets))] = tuple(budgets)
        else:
            wanted |= {Cell(problem, peer, budget): (budget,) for budget in budgets}
    queues = [list(_chunks(ledger, cell, served, seeds, chunk)) for cell, served in wanted.items()]
    jobs = [job for turn in itertools.zip_longest(*queues) for job in turn if job is not None]
    for finished in run_jobs(jobs, processes, stop=stop):
        cell = finished.job.cell
        traces = replayed(Problem.load(cell.problem), finished.job, finished.studies)
        ledger.append(finished.job, traces, wanted[cell], finished.seconds)
        told(finished.job, finished.seconds)


def _chunks(ledger: Ledger, cell: Cell, budgets: Sequence[int], seeds: int, most: int) -> Iterator[Job]:
    missing = sorted({s for b in budgets for s in ledger.missing(cell.problem, cell.method, b, seeds)})
    while missing:
        count = 1
        while count < min(most, len(missing)) and missing[count] == missing[0] + count:
            count += 1
        yield Job(cell, missing[0], count)
        missing = missing[count:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=[])
    parser.add_argument("--selection", action="store_true")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=["optuna-gp"])
    parser.add_argument("--budgets", nargs="+", type=int, default=list(BUDGETS))
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--time-limit-s", type=float, default=math.inf)
    parser.add_argument("--file", type=Path, default=FILE)
    arguments = parser.parse_args()
    ledger = Ledger(arguments.file)
    problems = [*arguments.problems, *(SELECTION if arguments.selection else ())]
    end = time.monotonic() + arguments.time_limit_s
    for peer in arguments.peers:
        ensure(
            ledger,
            problems,
            peer,
            arguments.budgets,
            arguments.seeds,
            processes=arguments.processes,
            stop=lambda: time.monotonic() > end,
            told=lambda job, seconds: print(
                f"{job.cell.problem} {job.cell.method} {job.cell.budget}: study {job.first} "
                f"({job.count}), {seconds:.1f} s",
                flush=True,
            ),
        )


if __name__ == "__main__":
    main()
