"""Studies a second of one core: what a sweep of native methods on a native problem costs.

    python bench/sweep_speed.py [--rounds N] [--seconds S]

Rates are studies by seconds of processor time, all threads of this process counted, so that programs beside it slow
them down by no more than the caches they share. Methods take turns, round by round, so that a change in the machine's
load hits all of them; the median round counts.
Prints a JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any

from lehr import _core
from lehr.bench import Problem, Reference
from lehr.bench.provenance import build

BARS = {"random": 100_000, "tba-tpe": 2_000}
METHODS = ["random", "grid", "tba", "tpe", "tba-tpe", "tba-tpe:paper"]


def rate(problem: Problem, method: str, budget: int, studies: int, first: int) -> float:
    """Studies a second of processor time."""
    reference = Reference.of(problem)._core
    cell = (problem._core, reference, _core.MethodSpec(method), budget, first, studies)
    begin = time.process_time()
    native = _core.Sweep([cell], 1, False)
    if native.wait(3600.0) is None:
        raise RuntimeError("the sweep did not end")
    return studies / (time.process_time() - begin)


def measure(problem: Problem, budget: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Rates of every method, in turns of about `seconds`."""
    counts = {m: max(64, int(seconds * rate(problem, m, budget, 200, 0))) for m in METHODS}
    rates: dict[str, list[float]] = {method: [] for method in METHODS}
    for number in range(rounds):
        for method, count in counts.items():
            rates[method].append(rate(problem, method, budget, count, number * count))
    return {
        method: {
            "studies_per_s": round(statistics.median(samples)),
            "lowest": round(min(samples)),
            "highest": round(max(samples)),
            "microseconds_a_trial": round(1e6 / statistics.median(samples) / budget, 3),
            **({"bar": BARS[method]} if method in BARS else {}),
        }
        for method, samples in rates.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", default="crashy_branin")
    parser.add_argument("--budget", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a turn")
    arguments = parser.parse_args()
    problem = Problem.load(arguments.problem)
    record = {
        "benchmark": "sweep_speed",
        "problem": problem.name,
        "budget": arguments.budget,
        "threads": 1,
        "methods": measure(problem, arguments.budget, arguments.rounds, arguments.seconds),
        **build(),
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "date": time.strftime("%Y-%m-%d"),
        "command": "python bench/sweep_speed.py " + " ".join(sys.argv[1:]),
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
