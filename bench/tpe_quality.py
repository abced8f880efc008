"""What our TPE and Optuna's find on three classic problems: same densities must mean the same quality.

    nice python bench/tpe_quality.py [--seeds 200] [--trials 100] [--processes 2]

Per problem: medians and quartiles of the best value after `--trials` trials over hashed seeds (no low integers are
favoured), and the two-sided Mann-Whitney U test of the two samples. Everything is minimised. Prints JSON lines.
Optuna's sampler has its defaults. In the conditional problem Optuna draws each branch's variables on their own; ours
share one joint density, so there the two are not expected to agree.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import platform
import sys
import time
from typing import Any

import numpy as np
import optuna
from scipy import stats

import lehr

HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_C = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(config: dict[str, Any]) -> float:
    x, y = config["x"], config["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(config: dict[str, Any]) -> float:
    x = np.array([config[f"x{i}"] for i in range(6)])
    return -float(HARTMANN_C @ np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)))


def conditional(config: dict[str, Any]) -> float:
    """Three kinds with variables of their own and a shared one; the best kind is also the narrowest."""
    shared = (config["shared"] - 0.6) ** 2
    if config["kind"] == "line":
        return 0.5 + shared + (config["slope"] - 0.2) ** 2
    if config["kind"] == "tree":
        return 0.3 + shared + 0.01 * abs(config["depth"] - 7) + 0.02 * abs(math.log10(config["leaf"]) - 1)
    width = math.log2(config["width"]) - 6
    return shared + 0.02 * width**2 + 0.1 * (math.log10(config["rate"]) + 2.5 + 0.3 * width) ** 2


PROBLEMS = {
    "branin": (branin, lambda: lehr.Space([lehr.Float("x", -5.0, 10.0), lehr.Float("y", 0.0, 15.0)])),
    "hartmann6": (hartmann6, lambda: lehr.Space([lehr.Float(f"x{i}", 0.0, 1.0) for i in range(6)])),
    "conditional": (
        conditional,
        lambda: lehr.Space(
            [
                lehr.Categorical("kind", ["line", "tree", "net"]),
                lehr.Float("shared", 0.0, 1.0),
                lehr.Float("slope", -1.0, 1.0, when=lehr.param("kind") == "line"),
                lehr.Int("depth", 1, 20, when=lehr.param("kind") == "tree"),
                lehr.Int("leaf", 1, 1000, log=True, when=lehr.param("kind") == "tree"),
                lehr.Int("width", 4, 1024, log=True, when=lehr.param("kind") == "net"),
                lehr.Float("rate", 1e-5, 1e-1, log=True, when=lehr.param("kind") == "net"),
            ]
        ),
    ),
}


def suggest(trial: optuna.Trial, problem: str) -> dict[str, Any]:
    if problem == "branin":
        return {"x": trial.suggest_float("x", -5.0, 10.0), "y": trial.suggest_float("y", 0.0, 15.0)}
    if problem == "hartmann6":
        return {f"x{i}": trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(6)}
    config: dict[str, Any] = {
        "kind": trial.suggest_categorical("kind", ["line", "tree", "net"]),
        "shared": trial.suggest_float("shared", 0.0, 1.0),
    }
    if config["kind"] == "line":
        config["slope"] = trial.suggest_float("slope", -1.0, 1.0)
    elif config["kind"] == "tree":
        config["depth"] = trial.suggest_int("depth", 1, 20)
        config["leaf"] = trial.suggest_int("leaf", 1, 1000, log=True)
    else:
        config["width"] = trial.suggest_int("width", 4, 1024, log=True)
        config["rate"] = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    return config


def seed_of(number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"tpe_quality {number}".encode()).digest()[:4], "big")


def both(job: tuple[str, int, int]) -> tuple[float, float]:
    """The best value that each finds with one seed: ours, Optuna's."""
    problem, number, trials = job
    function, space = PROBLEMS[problem]
    seed = seed_of(number)
    search = lehr.Optimizer(space(), direction="minimize", method="tpe", seed=seed, budget=trials)
    for _ in range(trials):
        trial = search.ask()
        search.tell(trial, objective=function(trial.config))
    assert search.best is not None
    assert search.best.objective is not None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: function(suggest(trial, problem)), n_trials=trials)
    return search.best.objective, study.best_value


def quartiles(values: np.ndarray) -> list[float]:
    return [float(f"{q:.6g}") for q in np.percentile(values, [25, 50, 75])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    arguments = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        for problem in arguments.problems:
            jobs = [(problem, number, arguments.trials) for number in range(arguments.seeds)]
            found = np.array(pool.map(both, jobs, chunksize=1))
            test = stats.mannwhitneyu(found[:, 0], found[:, 1])
            record = {
                "benchmark": "tpe_quality",
                "problem": problem,
                "seeds": arguments.seeds,
                "trials": arguments.trials,
                "lehr_quartiles": quartiles(found[:, 0]),
                "optuna_quartiles": quartiles(found[:, 1]),
                "lehr_better_share": round(float((found[:, 0] < found[:, 1]).mean()), 3),
                "mann_whitney_p": float(f"{test.pvalue:.4g}"),
                "lehr": lehr.__version__,
                "optuna": optuna.__version__,
                "python": platform.python_version(),
                "date": time.strftime("%Y-%m-%d"),
                "command": "python bench/tpe_quality.py " + " ".join(sys.argv[1:]),
            }
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
