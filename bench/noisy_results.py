"""What telling standard errors gains where results are noisy, some far more than others. Prints JSON lines.

    nice python bench/noisy_results.py [--seeds 400] [--methods guided tba-tpe tpe] [--budget 25] [--processes 2]

On random deployment-like spaces with even seeds. The truth of a problem is measured with normal noise, of the objective
in parts of the optimum's size and of every metric in parts of itself: ``quiet`` 1 % always; ``disturbed`` 1 %, in every
fourth trial 15 %; ``mixed`` anything from 0.3 to 20 %, evenly on a logarithmic scale. Each study runs twice on the same
luck, told the size of the noise as standard errors or not. What counts is the truth of the configuration that the
search names best in the end: its regret in parts of the optimum's size, 1 where nothing was found or where in truth it
does not run or misses a limit. A row a method and kind of noise: mean regret without and with standard errors, how
often the winner in truth is not feasible, and the difference of the regrets with its 95 % interval (paired; below 0 is
a gain).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
from collections.abc import Callable

import numpy as np

import lehr
from lehr.bench import Problem, hashed_seed
from lehr.bench.provenance import provenance
from lehr.methods import METHODS

SPACES = 40
NOISE: dict[str, Callable[[np.random.Generator], float]] = {
    "quiet": lambda rng: 0.01,
    "disturbed": lambda rng: 0.15 if rng.random() < 0.25 else 0.01,
    "mixed": lambda rng: float(np.exp(rng.uniform(np.log(0.003), np.log(0.2)))),
}
Job = tuple[str, str, int, int]


def winner(job: Job, told: bool) -> tuple[float, bool]:
    """Regret of the configuration that the search names best, and whether that is in truth not feasible."""
    method, kind, number, budget = job
    problem = Problem.load(f"deploy_space#{2 * (number % SPACES)}")
    seed = hashed_seed(number)
    search = lehr.Optimizer(
        problem.space, direction=problem.direction, constraints=problem.constraints, budget=budget,
        method=method, seed=seed,
    )  # fmt: skip
    optimum = problem.optimum()[1]
    size = abs(optimum)
    for trial_number in range(budget):
        trial = search.ask()
        truth = problem.truth(trial.config)
        if truth.outcome != "ok":
            search.tell(trial, outcome=truth.outcome)
            continue
        rng = np.random.default_rng((seed, trial_number))
        noise = NOISE[kind](rng)
        assert truth.objective is not None
        objective = truth.objective + noise * size * rng.standard_normal()
        metrics = {m: v * (1 + noise * rng.standard_normal()) for m, v in truth.metrics.items()}
        errors = {
            "objective_sem": noise * size,
            "metrics_sem": {m: noise * abs(v) for m, v in metrics.items()},
        }
        search.tell(trial, objective=objective, metrics=metrics, **(errors if told else {}))
    best = search.best
    if best is None:
        return 1.0, False
    truth = problem.truth(best.config)
    if truth.objective is None or not problem.feasible(truth):
        return 1.0, True
    return min(1.0, abs(optimum - truth.objective) / size), False


def pair(job: Job) -> tuple[float, bool, float, bool]:
    return *winner(job, told=False), *winner(job, told=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--methods", nargs="+", default=["guided", "tba-tpe", "tpe"], choices=METHODS)
    parser.add_argument("--budget", type=int, default=25)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with multiprocessing.Pool(arguments.processes) as pool:
        for method in arguments.methods:
            for kind in NOISE:
                jobs: list[Job] = [
                    (method, kind, number, arguments.budget) for number in range(arguments.seeds)
                ]
                results = np.array(pool.map(pair, jobs, chunksize=5), dtype=float)
                gain = results[:, 2] - results[:, 0]
                row = {
                    "benchmark": "noisy_results",
                    "method": method,
                    "noise": kind,
                    "budget": arguments.budget,
                    "studies": arguments.seeds,
                    "regret_without": round(results[:, 0].mean(), 4),
                    "regret_with": round(results[:, 2].mean(), 4),
                    "infeasible_without": round(results[:, 1].mean(), 4),
                    "infeasible_with": round(results[:, 3].mean(), 4),
                    "difference": round(gain.mean(), 4),
                    "half_width": round(1.96 * gain.std(ddof=1) / math.sqrt(len(gain)), 4),
                    **provenance(),
                }
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
