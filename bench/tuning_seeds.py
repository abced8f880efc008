"""What the random kernel-tuning spaces are like, seed by seed: neither trivial nor hopeless? Prints a table.

    nice python bench/tuning_seeds.py [--first 0] [--count 40] [--draws 20000] [--json]

A row a seed: how many parameters, the size of the grid, the share of it that meets a rule (``dead``), the share that
meets a declared one, how much of what the space allows runs (``runs``), the median time in parts of the best, the
share of draws within 5 % of the best, and what random search comes to: the chance of a result within 5 % after 25 and
100 trials, and of any result at all after 25.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from typing import Any

from lehr import Categorical
from lehr.bench import Problem


def shares(problem: Problem) -> tuple[float, float]:
    """Of the grid: what meets a rule, and what meets a declared one."""
    said = re.search(r"([\d.]+) % of the grid fails .* ([\d.]+) % of it declared", problem.describe())
    assert said is not None
    return float(said[1]) / 100, float(said[2]) / 100


def row(seed: int, draws: int) -> dict[str, Any]:
    problem = Problem.load(f"tuning_space#{seed}")
    sizes = [
        len(variable.choices if isinstance(variable, Categorical) else variable.values)  # type: ignore[attr-defined]
        for variable in problem.space.variables
    ]
    dead, declared = shares(problem)
    best = problem.optimum()[1]
    truths = [problem.truth(config).objective for config in problem.space.sample(draws, seed=1)]
    ran = [time for time in truths if time is not None]
    near = sum(time <= 1.05 * best for time in ran) / draws
    return {
        "seed": seed,
        "parameters": len(sizes),
        "grid": math.prod(sizes),
        "dead": dead,
        "declared": declared,
        "runs": len(ran) / draws,
        "median": statistics.median(ran) / best,
        "near": near,
        "random_25": 1 - (1 - near) ** 25,
        "random_100": 1 - (1 - near) ** 100,
        "random_found_25": 1 - (1 - len(ran) / draws) ** 25,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for seed in range(arguments.first, arguments.first + arguments.count):
        document = row(seed, arguments.draws)
        if seed == arguments.first and not arguments.json:
            print("".join(f"{name:>16}" for name in document))
        if arguments.json:
            print(json.dumps(document), flush=True)
        else:
            print(
                "".join(
                    f"{value:>16.4g}" if isinstance(value, float) else f"{value:>16}"
                    for value in document.values()
                )
            )


if __name__ == "__main__":
    main()
