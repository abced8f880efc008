"""What ending a guided study early costs and saves, on DeployBench's problems. Prints JSON lines.

    nice python bench/early_end.py [--problems NAME ...] [--seeds 200] [--budget 50] [--processes 2]

Every study runs to the end of its budget, under a hashed seed, and `lehr.Optimizer.finished` is asked after every
trial. For each rule (at least so many trials, said so often in a row) a row a problem: the share of studies that end
early, the trials a study saves, and what the trials that were not run would still have gained: the share of studies
that lose anything of the best feasible objective (by the truth), that lose more than a hundredth of the optimum's
size, and the mean loss in parts of the optimum's size over all studies, with its 95 % interval. The rule of `lehr.run`
is in `lehr.study.early`: at least 12 trials, five times in a row.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
from typing import Any

import numpy as np

import lehr
from lehr.bench import Problem, hashed_seed
from lehr.bench.provenance import provenance

PROBLEMS = (
    *(f"edge_tight@{chip}" for chip in ("h100", "rtx5080", "t4")),
    *("server_throughput@a100", "server_throughput@l4", "llm_serving@a100"),
    *(
        "crashy_branin",
        "hierarchical_rosenbrock",
        "branin",
        "hartmann6",
        "rugged",
        "none_fail",
        "random_fail",
    ),
    *(f"deploy_space#{seed}" for seed in (1, 3, 5, 7, 9, 11)),
)
RULES = [(12, 1), (12, 2), (12, 3), (12, 5), (20, 3)]


def study(job: tuple[str, int, int]) -> tuple[list[bool], list[float]]:
    """After every trial: whether the search says it is finished, and the best feasible objective by the truth, in the
    direction where more is better (NaN while there is none).
    """
    name, number, budget = job
    problem = Problem.load(name)
    seed = hashed_seed(number)
    optimizer = lehr.Optimizer(
        problem.space, direction=problem.direction, constraints=problem.constraints, budget=budget, method="guided",
        seed=seed,
    )  # fmt: skip
    said, best = [], []
    sign = 1.0 if problem.direction == "maximize" else -1.0
    for _ in range(budget):
        try:
            trial = optimizer.ask()
        except lehr.ExhaustedError:
            break
        optimizer.tell(trial, **problem.evaluate(trial.config, seed).told())
        said.append(optimizer.finished is not None)
        chosen = optimizer.best  # what the user would ship, whatever it is worth by the truth
        truth = None if chosen is None else problem.truth(chosen.config).objective
        best.append(math.nan if truth is None else sign * truth)
    return said, best


def ended_at(said: list[bool], least: int, often: int) -> int:
    """The number of trials after which the rule ends the study."""
    row = 0
    for number, yes in enumerate(said, 1):
        row = row + 1 if yes else 0
        if row >= often and number >= least:
            return number
    return len(said)


def summary(
    name: str, studies: list[tuple[list[bool], list[float]]], least: int, often: int
) -> dict[str, Any]:
    size = abs(Problem.load(name).optimum()[1]) or 1.0
    ends = [ended_at(said, least, often) for said, _ in studies]
    lost = np.array(
        [(best[-1] - best[end - 1]) / size if end < len(best) else 0.0
         for (_, best), end in zip(studies, ends, strict=True)]
    )  # fmt: skip
    lost = np.where(np.isnan(lost), 0.0, lost)
    saved = np.array([len(said) - end for (said, _), end in zip(studies, ends, strict=True)])
    ended = saved > 0
    return {
        "problem": name, "least_trials": least, "in_a_row": often,
        "studies": len(studies), "ended": round(float(ended.mean()), 4), "saved": round(float(saved.mean()), 2),
        "lose": round(float((lost > 0).mean()), 4), "lose_a_hundredth": round(float((lost > 0.01).mean()), 4),
        "loss": round(float(lost.mean()), 5),
        "loss_interval": [round(float(lost.mean() + z * lost.std() / math.sqrt(len(lost))), 5) for z in (-1.96, 1.96)],
        "worst": round(float(lost.max()), 4),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    source = provenance()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        for name in arguments.problems:
            jobs = [(name, number, arguments.budget) for number in range(arguments.seeds)]
            studies = pool.map(study, jobs, chunksize=4)
            for least, often in RULES:
                row = {"benchmark": "early_end", "budget": arguments.budget} | summary(
                    name, studies, least, often
                )
                print(json.dumps(row | {"provenance": source}), flush=True)


if __name__ == "__main__":
    main()
