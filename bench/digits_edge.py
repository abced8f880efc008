"""What each method finds on the recorded zoo (`digits_edge`) in a budget of trials. Prints JSON lines.

    python bench/digits_edge.py [--budget 25] [--seeds 500]

Per method: in how many of the seeds something feasible was found, the mean share of the optimum reached with a 95 %
bootstrap interval (0 where nothing was feasible), the share of wasted trials, trials to the first feasible result. Seeds
are hashed, so that no low integers are favoured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform

import numpy as np

import lehr
from lehr.bench import ReplayProblem

METHODS = [
    ("random", "default"),
    ("grid", "default"),
    ("tba", "default"),
    ("tpe", "default"),
    ("tba-tpe", "default"),
    ("tba-tpe", "paper"),
]


def seed_of(number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"bench digits_edge {number}".encode()).digest()[:8], "big")


def study(problem: ReplayProblem, method: str, preset: str, seed: int, budget: int) -> tuple[float, float, int]:
    optimizer = lehr.Optimizer(
        problem.space,
        constraints=problem.constraints,
        direction=problem.direction,
        method=method,  # type: ignore[arg-type]
        preset=preset,  # type: ignore[arg-type]
        seed=seed,
        budget=budget,
    )
    for _ in range(budget):
        trial = optimizer.ask()
        optimizer.tell(trial, **problem.result(trial.config))
    trials = optimizer.trials
    first = next((trial.number + 1 for trial in trials if trial.feasible), budget + 1)
    best = optimizer.best
    value = 0.0 if best is None or best.objective is None else best.objective
    return value, sum(not trial.feasible for trial in trials) / budget, first


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--budget", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=500)
    arguments = parser.parse_args()
    problem = ReplayProblem.load("digits_edge")
    optimum = problem.optimum()
    assert optimum is not None, "the problem has no feasible configuration"
    rng = np.random.default_rng(0)
    for method, preset in METHODS:
        runs = np.array(
            [study(problem, method, preset, seed_of(n), arguments.budget) for n in range(arguments.seeds)]
        )
        share = runs[:, 0] / optimum[1]
        means = share[rng.integers(0, len(share), (2000, len(share)))].mean(axis=1)
        record = {
            "benchmark": "digits_edge",
            "method": method,
            "preset": preset,
            "budget": arguments.budget,
            "seeds": arguments.seeds,
            "invalid_share": round(problem.invalid_share(), 4),
            "found_feasible": int((runs[:, 2] <= arguments.budget).sum()),
            "share_of_optimum": round(float(share.mean()), 4),
            "share_of_optimum_95": [round(float(q), 4) for q in np.quantile(means, [0.025, 0.975])],
            "wasted": round(float(runs[:, 1].mean()), 4),
            "median_trials_to_feasible": float(np.median(runs[:, 2])),
            "lehr": lehr.__version__,
            "python": platform.python_version(),
        }
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
