"""Time of an ask of the guided search at several sizes of its history, beside peers in the same run.

    nice python bench/guided_ask.py [--told 25 100 1000] [--asks 40] [--studies 8] [--spaces NAME ...]
        [--peers optuna-tpe optuna-gp] [--peer-asks 15] [--slow-most 100]

The guided search's history is its own: every trial was asked for and told. What is timed is each of the last `--asks`
asks before so many trials were told (15 at 25), in two studies at 1,000 and in one at 10,000. A peer is told the first
trials of the first of these studies, and then asked `--peer-asks` times, each told before the next; the first ask,
which may import and compile, is not counted. ``cpu_ms`` is processor time of the asking thread, which neighbours on a
shared machine disturb less; ``wall_ms`` what a user waits. ``whole_s`` is processor time of asking and telling the
whole study. Prints JSON lines. Bar: a median of at most 3 ms at 25 trials, 8 ms at 100, 12 ms at 1,000.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from typing import Any

import lehr
from lehr.bench import Problem, hashed_seed
from lehr.bench.peers import PEERS, SLOW, make_peer, peer_version
from lehr.bench.problems import Evaluation
from lehr.bench.provenance import provenance

SPACES = ("edge_tight@h100", "crashy_branin", "deploy_space#5", "tuning_space#10", "mixed30")


class Mixed:
    """30 variables, the most that the models take: half categorical, a tenth of the values crash, one limit."""

    direction = "maximize"
    constraints = {"cost": 22.0}  # noqa: RUF012 -- a constant

    def __init__(self) -> None:
        choices = ["a", "b", "c", "d"]
        self.space = lehr.Space(
            [
                *(lehr.Categorical(f"c{i}", choices) for i in range(15)),
                *(lehr.Float(f"x{i}", 0.0, 1.0) for i in range(15)),
            ]
        )

    def told(self, config: dict[str, Any], _seed: int) -> dict[str, Any]:
        if config["c0"] == "a" or (config["c1"], config["c2"]) == ("b", "b"):
            return {"outcome": "crashed"}
        value = sum(config[f"x{i}"] for i in range(15)) + sum(config[f"c{i}"] == "d" for i in range(15))
        return {"objective": value, "metrics": {"cost": 1.0 + 1.2 * value}}


class Native:
    """A problem of DeployBench."""

    def __init__(self, name: str) -> None:
        self._problem = Problem.load(name)
        self.space, self.direction = self._problem.space, self._problem.direction
        self.constraints = self._problem.constraints

    def told(self, config: dict[str, Any], seed: int) -> dict[str, Any]:
        return self._problem.evaluate(config, seed).told()


History = list[tuple[dict[str, Any], dict[str, Any]]]  # configurations, and what was told of them


def times(
    world: Mixed | Native, told: list[int], asks: int, seed: int
) -> tuple[dict[int, list[Any]], dict[int, float], History]:
    """By size: (processor, wall) nanoseconds of each timed ask; by size the processor time so far; the trials."""
    optimizer = lehr.Optimizer(
        world.space, direction=world.direction, constraints=world.constraints, budget=max(told), method="guided",
        seed=seed,
    )  # fmt: skip
    timed: dict[int, list[Any]] = {size: [] for size in told}
    whole: dict[int, float] = {}
    history: History = []
    spent = 0
    for number in range(max(told)):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            trial = optimizer.ask()
        except lehr.ExhaustedError:
            break
        took = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        for size in told:
            if size - min(asks, round(0.6 * size)) <= number < size:
                timed[size].append(took)
        result = world.told(trial.config, seed)
        history.append((trial.config, result))
        cpu = time.thread_time_ns()
        optimizer.tell(trial, **result)
        spent += took[0] + time.thread_time_ns() - cpu
        whole[number + 1] = spent
    return timed, whole, history


def evaluation(result: dict[str, Any]) -> Evaluation:
    return Evaluation(result.get("outcome", "ok"), result.get("objective"), result.get("metrics", {}), 1.0)


def peer_times(
    world: Mixed | Native, name: str, history: History, asks: int, seed: int
) -> list[tuple[int, int]]:
    """(processor, wall) nanoseconds of each ask of a peer after these trials."""
    peer = make_peer(name, world, seed, len(history) + asks + 1)
    try:
        for config, result in history:
            token, _ = peer.adopt(config)
            peer.tell(token, evaluation(result))
        took = []
        for _ in range(asks + 1):
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            token, config = peer.ask()
            took.append((time.thread_time_ns() - cpu, time.perf_counter_ns() - wall))
            peer.tell(token, evaluation(world.told(config, seed)))
    finally:
        peer.close()
    return took[1:]


def quantiles(values: list[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered) / 1e6, 3),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] / 1e6, 3),
        "most": round(ordered[-1] / 1e6, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--told", nargs="+", type=int, default=[25, 100, 1000])
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--spaces", nargs="+", default=list(SPACES))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=["optuna-tpe", "optuna-gp"])
    parser.add_argument("--peer-asks", type=int, default=15)
    parser.add_argument(
        "--slow-most",
        type=int,
        default=100,
        help="trials told to slow peers at most: the GP takes 12 s at 1,000",
    )
    arguments = parser.parse_args()
    source = provenance()

    def tell(
        name: str, world: Mixed | Native, method: str, size: int, values: list[Any], **more: Any
    ) -> None:
        row = {
            "benchmark": "guided_ask", "space": name, "variables": len(world.space.variables), "method": method,
            "told": size, "samples": len(values), "cpu_ms": quantiles([cpu for cpu, _ in values]),
            "wall_ms": quantiles([wall for _, wall in values]), **more, "load": round(os.getloadavg()[0], 2),
            "provenance": source,
        }  # fmt: skip
        print(json.dumps(row), flush=True)

    # How many trials a study may have: the long ones take minutes.
    longest = {0: math.inf, 1: 5000}
    for name in arguments.spaces:
        world = Mixed() if name == "mixed30" else Native(name)
        timed: dict[int, list[Any]] = {size: [] for size in arguments.told}
        whole: dict[int, float] = {}
        first: History = []
        for study in range(arguments.studies):
            sizes = [size for size in arguments.told if size < longest.get(study, 1000)]
            if not sizes:
                break
            more, spent, history = times(world, sizes, arguments.asks, hashed_seed(study))
            for size, values in more.items():
                timed[size] += values
            whole, first = whole or spent, first or history
        for size, values in timed.items():
            if values and size in whole:
                tell(name, world, "guided", size, values, whole_s=round(whole[size] / 1e9, 2))
        for peer in arguments.peers:
            for size in arguments.told:
                if size > len(first) or (peer in SLOW and size > arguments.slow_most):
                    continue
                try:
                    took = peer_times(world, peer, first[:size], arguments.peer_asks, hashed_seed(0))
                except lehr.LehrError as error:
                    print(f"{name}: no times of {peer}: {error}", file=sys.stderr)
                    break
                tell(name, world, peer, size, took, version=peer_version(peer))


if __name__ == "__main__":
    main()
