"""What learning from another search gains, and what it costs when the other is wrong. Prints JSON lines.

    nice python bench/guided_learn.py [--seeds 20] [--problems 12] [--budget 25] [--processes 2]

On random deployment-like spaces with even seeds. The other search is 40 guided trials of the same problem under another
seed, changed on the way: ``agree`` not at all; ``slower``: every metric tripled, as on a slower device; ``all_crash``:
nothing ran; ``swapped``: what ran crashed and what crashed ran; ``opposite``: objective negated, each metric m under
its limit L made L * L / m. A row a kind: mean regret in parts of the optimum's size (nothing found counts 1) by trials,
the share of wasted trials, the mean number of the first feasible trial, and ``delay``: how many trials more it takes,
at worst over 5 to `--budget` trials, to the mean regret of a search that learned nothing.
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

KINDS = ("none", "agree", "slower", "all_crash", "swapped", "opposite")
BEYOND = 15  # trials beyond the budget, to see how late a search is


def twisted(kind: str, problem: Problem, told: dict[str, Any], number: int) -> dict[str, Any]:
    limits = problem.constraints
    if kind == "all_crash":
        return {"outcome": "crashed"}
    if kind == "swapped":
        if told["outcome"] == "ok":
            return {"outcome": "crashed"}
        metrics = {name: 0.5 * limit for name, limit in limits.items()}
        return {"outcome": "ok", "objective": float(number % 5), "metrics": metrics}
    if told["outcome"] != "ok":
        return told
    if kind == "slower":
        return {**told, "metrics": {name: 3 * value for name, value in told["metrics"].items()}}
    if kind == "opposite":
        metrics = {name: limits[name] ** 2 / value for name, value in told["metrics"].items()}
        return {"outcome": "ok", "objective": -told["objective"], "metrics": metrics}
    return told


def study(job: tuple[str, int, str, int]) -> tuple[list[float], list[bool]]:
    """Regret after every trial, and whether each was wasted."""
    name, number, kind, trials = job
    problem = Problem.load(name)

    def search(seed: int) -> lehr.Optimizer:
        return lehr.Optimizer(
            problem.space, direction=problem.direction, constraints=problem.constraints, method="guided", seed=seed
        )  # fmt: skip

    seed, other = hashed_seed(number), hashed_seed(10_000 + number)
    optimizer = search(seed)
    if kind != "none":
        previous = search(other)
        for trial_number in range(40):
            trial = previous.ask()
            told = problem.evaluate(trial.config, other).told()
            previous.tell(trial, **twisted(kind, problem, told, trial_number))
        optimizer.learn(previous)
    optimum = problem.optimum()[1]
    regret, wasted = [], []
    for _ in range(trials):
        trial = optimizer.ask()
        evaluation = problem.evaluate(trial.config, seed)
        optimizer.tell(trial, **evaluation.told())
        wasted.append(not problem.feasible(evaluation))
        best = optimizer.best
        found = None if best is None else problem.truth(best.config).objective
        regret.append(1.0 if found is None else min(1.0, abs(optimum - found) / (abs(optimum) or 1.0)))
    return regret, wasted


def delay(regret: np.ndarray, reference: np.ndarray, budget: int) -> int | None:
    """Trials more to the reference's mean regret, at worst from 5 trials on; None when it is not reached."""
    worst = 0
    for after in range(5, budget + 1):
        reached = np.flatnonzero(regret <= reference[after - 1] + 1e-12)
        if not len(reached):
            return None
        worst = max(worst, int(reached[0]) + 1 - after)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", type=int, default=12)
    parser.add_argument("--budget", type=int, default=25)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    arguments = parser.parse_args()
    source = provenance()
    names = [f"deploy_space#{2 * i}" for i in range(arguments.problems)]
    reference: np.ndarray | None = None
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        for kind in dict.fromkeys(["none", *arguments.kinds]):
            jobs = [
                (name, number, kind, arguments.budget + BEYOND)
                for name in names
                for number in range(arguments.seeds)
            ]
            studies = pool.map(study, jobs, chunksize=4)
            regret = np.array([one for one, _ in studies]).mean(axis=0)
            wasted = np.array([one for _, one in studies])[:, : arguments.budget]
            reference = regret if reference is None else reference
            found = [int(np.argmin(one)) + 1 if not one.all() else math.nan for one in wasted]
            row = {
                "benchmark": "guided_learn", "other": kind, "studies": len(studies), "budget": arguments.budget,
                "regret": {str(n): round(float(regret[n - 1]), 4) for n in (5, 10, 15, 20, 25, 30) if n <= len(regret)},
                "wasted": round(float(wasted.mean()), 4), "first_feasible": round(float(np.nanmean(found)), 2),
                "nothing_found": int(np.isnan(found).sum()), "delay": delay(regret, reference, arguments.budget),
            }  # fmt: skip
            print(json.dumps(row | {"provenance": source}), flush=True)


if __name__ == "__main__":
    main()
