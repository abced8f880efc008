"""Seconds that measuring costs a study: the fixed protocol, the paper's rule, and ours. Prints JSON lines.

    python bench/early_stop.py [--configs 12] [--seeds 2] [--studies 40]

`zoo`: random configurations of the bundled zoo against a p95 limit, each measured by all protocols in turn in this
process (warm-up and timing; loading and accuracy are the same for all). `agrees` counts the decisions that are those
of a long measurement, with nothing assumed, taken right after. `simulated`: studies of 25 random configurations of
edge_tight on each simulated device in turn, those that run; true p95 as the device's model has it, lognormal noise
with a lag-one correlation of 0.5, limit 20 ms. Seconds are the sum of the timed calls, `wrong` the configurations let
in that miss the limit or told to miss it that do not, `borderline` those left open, which a study turns down.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import lfilter

import lehr
from lehr import _core
from lehr.bench import Problem, problem_names
from lehr.deploy import Evaluator, LatencyPlan, available_cores, deployment_space, zoo_models
from lehr.deploy.latency import latency_limits, time_call
from lehr.deploy.prepare import prepare
from lehr.deploy.session import open_session

PROTOCOLS = ("fixed", "paper", "ours")
LIMIT_MS = 15.0


def plan_of(protocol: str) -> LatencyPlan:
    if protocol == "ours":
        return LatencyPlan()
    return LatencyPlan(rule="fixed" if protocol == "fixed" else "paper", enough_s=1e6, max_s=60)


def zoo_rows(configs: int, seed: int, workdir: str) -> list[dict[str, Any]]:
    evaluator = Evaluator.for_zoo(workdir)
    space = deployment_space(zoo_models(), available_cores())
    seconds: dict[str, list[float]] = defaultdict(list)
    calls: dict[str, int] = defaultdict(int)
    agrees: dict[str, int] = defaultdict(int)
    measured = 0
    for config in space.sample(4 * configs, seed=seed):
        if measured == configs:
            break
        model = evaluator.model_of(config)
        batch = int(config.get("batch_size", 1))
        try:
            prepared = prepare(
                model, str(config.get("quantization", "fp32")), evaluator.source, evaluator.workdir
            )
            session = open_session(prepared.model, config)
            feed = prepared.samples(model).batch(0, batch)
            session.run(None, feed)
        except Exception:  # a configuration that crashes costs every protocol nothing
            continue
        measured += 1
        answers = {}
        for protocol in (*PROTOCOLS, "reference"):
            plan = (
                replace(LatencyPlan().strict(), max_samples=1500)
                if protocol == "reference"
                else plan_of(protocol)
            )
            started = time.perf_counter()
            report = time_call(
                lambda: session.run(None, feed),  # noqa: B023 -- called at once
                latency_limits({"latency_p95_ms": LIMIT_MS}, plan),
                plan,
            )
            seconds[protocol].append(time.perf_counter() - started)
            calls[protocol] += len(report.samples_ms)
            assert report.verdict is not None
            answers[protocol] = report.verdict.answer == "feasible"
        for protocol in PROTOCOLS:
            agrees[protocol] += answers[protocol] == answers["reference"]
    return [
        {"benchmark": "early_stop", "on": "zoo", "seed": seed, "protocol": protocol, "configs": measured,
         "seconds": round(sum(seconds[protocol]), 2), "median_s": round(statistics.median(seconds[protocol]), 3),
         "calls": calls[protocol], "agrees": agrees[protocol]}
        for protocol in PROTOCOLS
    ]  # fmt: skip


def simulated_rows(studies: int, trials: int = 25) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    plan = LatencyPlan()
    limit, p95 = 20.0, float(np.exp(0.2 * 1.6448536269514722))
    seconds: dict[str, float] = defaultdict(float)
    wrong: dict[str, int] = defaultdict(int)
    borderline: dict[str, int] = defaultdict(int)
    devices = [Problem.load(name) for name in problem_names() if name.startswith("edge_tight@")]
    judged = 0
    for study in range(studies):
        found = False
        problem = devices[study % len(devices)]
        truths = [problem.truth(config) for config in problem.space.sample(trials, seed=study)]
        latencies = [truth.metrics["latency_p95_ms"] for truth in truths if truth.metrics]
        judged += len(latencies)
        for ratio in np.array(latencies) / limit:
            shocks = rng.normal(size=200) * np.sqrt(0.75)
            samples = limit * ratio / p95 * np.exp(0.2 * lfilter([1.0], [1.0, -0.5], shocks))
            fits = bool(np.sort(samples[:100])[94] <= limit)
            stopped = samples[:3].mean() > (3 if found else 5) * limit
            answer, used = _core.probe_decide(
                samples, limit, 0.95, plan.confidence, tail_index=plan.tail_index, least=3
            )
            used = used if answer == "infeasible" else max(used, 20)
            truth = "feasible" if ratio <= 1 else "infeasible"
            for protocol, count, said in (
                ("fixed", 100, "feasible" if fits else "infeasible"),
                ("paper", 3 if stopped else 100, "feasible" if fits and not stopped else "infeasible"),
                ("ours", used, answer),
            ):
                seconds[protocol] += float(samples[:count].sum()) / 1e3
                borderline[protocol] += said == "open"
                wrong[protocol] += said not in ("open", truth)
            found = found or ratio <= 1
    return [
        {"benchmark": "early_stop", "on": "simulated", "protocol": protocol, "studies": studies, "configs": judged,
         "seconds_a_study": round(seconds[protocol] / studies, 2), "wrong": round(wrong[protocol] / judged, 4),
         "borderline": round(borderline[protocol] / judged, 4)}
        for protocol in PROTOCOLS
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--studies", type=int, default=100)
    arguments = parser.parse_args()
    rows = simulated_rows(arguments.studies)
    with tempfile.TemporaryDirectory() as workdir:
        for seed in range(arguments.seeds):
            rows += zoo_rows(arguments.configs, seed, workdir)
    for row in rows:
        print(json.dumps(row | {"lehr": lehr.__version__, "load": round(os.getloadavg()[0], 2)}))


if __name__ == "__main__":
    main()
