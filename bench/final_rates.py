"""How often the final of a search ships the right candidate, on simulated processes whose truth is known.

    python bench/final_rates.py [--runs 200] [--rounds 8] [--table]

Each run draws four candidates beside the default configuration and races them (`lehr.deploy.finalists.race`) as a
search does. A process varies by `between`, the machine drifts by 1 % from one measurement to the next, and a share
`disturbed` of the measurements is slowed by others, by a quarter on average. `within_3` is how often what ships is
within 3 % of the best of the five, `worse` how often it is worse than the default by more than 1 %, `default` how often
the default ships, `settled` how often the winner was settled within the rounds, `measurements` how many that took (a
full race of 8 rounds has 40).

Candidates: `clear` are better than the default by 11 % on average, give or take 15 %; `near` by 3 %, give or take 2 %;
`level` by nothing, give or take 1 %; `below` are all worse by 2 %. Prints JSON lines; `--table` a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from typing import Any

import numpy as np

import lehr
from lehr.deploy.final import Measurement
from lehr.deploy.finalists import race

CANDIDATES = {"clear": (0.10, 0.15), "near": (0.03, 0.02), "level": (0.0, 0.01), "below": (-0.02, 0.0)}
BETWEEN = (0.003, 0.01, 0.03)
DISTURBED = (0.0, 0.3)
WITHIN, DRIFT, SLOWED = 0.005, 0.01, 0.3


class Machine:
    """Measures candidates whose true objective is known."""

    def __init__(self, truth: dict[str, float], between: float, disturbed: float, seed: int) -> None:
        self.truth, self.between, self.disturbed = truth, between, disturbed
        self.rng, self.level = np.random.default_rng(seed), 0.0

    def __call__(self, name: str) -> Measurement:
        rng = self.rng
        self.level += DRIFT * rng.normal()
        score = math.log(self.truth[name]) + self.level + math.hypot(self.between, WITHIN) * rng.normal()
        disturbed = rng.random() < self.disturbed
        value = math.exp(score - disturbed * abs(SLOWED * rng.normal()))
        return Measurement(value, WITHIN * value, disturbed="others were busy" * disturbed, seconds=1.0)


def run(kind: str, between: float, disturbed: float, runs: int, rounds: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    mean, spread = CANDIDATES[kind]
    near = worse = default = settled = measurements = 0
    for number in range(runs):
        truth = {"default": 1.0} | {f"trial {n}": math.exp(rng.normal(mean, spread)) for n in range(4)}
        machine = Machine(truth, between, disturbed, 1000 * seed + number)
        final = race(list(truth), machine, default="default", rounds=rounds, seed=number)
        shipped = truth[final.winner or "default"]
        near += shipped >= 0.97 * max(truth.values())
        worse += shipped < 0.99
        default += final.winner == "default"
        settled += final.settled
        measurements += len(final.history)
    return {
        "benchmark": "final_rates", "candidates": kind, "between": between, "disturbed": disturbed, "runs": runs,
        "rounds": rounds, "within_3": near / runs, "worse": worse / runs, "default": default / runs,
        "settled": settled / runs, "measurements": round(measurements / runs, 1),
    }  # fmt: skip


def table(records: list[dict[str, Any]]) -> str:
    head = ["candidates", "between processes", "disturbed", "within 3 %", "worse than the default"]
    head += ["default ships", "settled", "measurements"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [
        f"| {r['candidates']} | {r['between']:.1%} | {r['disturbed']:.0%} | {r['within_3']:.1%} | {r['worse']:.1%} | "
        f"{r['default']:.0%} | {r['settled']:.0%} | {r['measurements']:.1f} |"
        for r in records
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, help="of each kind")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    arguments = parser.parse_args()
    started = time.perf_counter()
    records = []
    for kind in CANDIDATES:
        for between in BETWEEN:
            for disturbed in DISTURBED:
                records.append(
                    run(kind, between, disturbed, arguments.runs, arguments.rounds, arguments.seed)
                )
                if not arguments.table:
                    print(json.dumps(records[-1]), flush=True)
    provenance = {
        "lehr": lehr.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "seconds": round(time.perf_counter() - started, 1),
        "command": "python bench/final_rates.py " + " ".join(sys.argv[1:]),
    }
    print(table(records) if arguments.table else json.dumps(provenance))


if __name__ == "__main__":
    main()
