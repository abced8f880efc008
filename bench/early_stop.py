"""Seconds that measuring costs a study: the fixed protocol, the paper's rule, and ours. Prints JSON lines.

    python bench/early_stop.py [--configs 12] [--seeds 2] [--studies 100]

`zoo`: random configurations of the bundled zoo against a p95 limit, each measured by all protocols in this process
(warm-up and timing; loading and accuracy are the same for all), who goes first changing with every configuration.
Before, between and after them a quarter of the reference each is taken: 1,600 calls in all, or 32 s, so that a busy
spell of the machine strikes the reference as it strikes them. Where the 99 % interval of the reference's own percentile
(or, where its calls are too dependent for one, the range of the quarters' percentiles) holds the limit, no answer is
right or wrong: such configurations are `undecided` and counted apart. Of the others, `agrees` are decisions that are
the reference's, where a case left open counts as turned down, as a study does; `open` and `wrong` are what the rest is:
left open, or settled the other way. Where the protocols disagree, or nothing is decided, the configuration has a row
of its own.

`simulated`: studies of 25 random configurations of edge_tight on each simulated device in turn, those that run; true
p95 as the device's model has it, lognormal noise with a lag-one correlation of 0.5, limit 20 ms. Seconds are the sum of
the timed calls, `wrong` the configurations let in that miss the limit or told to miss it that do not, `open` those
left open, which a study turns down, and `lost` those among them that meet the limit: `wrong` and `lost` together are
the decisions that are not as the truth has them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from typing import Any

import numpy as np
from scipy.signal import lfilter

import lehr
from lehr import _core
from lehr.bench import Problem, problem_names
from lehr.deploy import (
    LatencyPlan,
    Prepared,
    Stage,
    available_cores,
    deployment_space,
    environment,
    find_backend,
)
from lehr.deploy.latency import latency_limits, time_call
from lehr.limits import Limit
from lehr.probe.estimates import percentile
from lehr.probe.measuring import measure
from lehr.supervise import Supervisor

PROTOCOLS = ("fixed", "paper", "ours")
LIMIT_MS = 15.0
REFERENCE_CALLS = 400  # four times


def plan_of(protocol: str) -> LatencyPlan:
    if protocol == "ours":
        return LatencyPlan(precision=None)  # what verdicts cost; a mean is asked for beside them in a search
    return LatencyPlan(rule="fixed" if protocol == "fixed" else "paper", enough_s=1e6, max_s=60)


def zoo_rows(configs: int, seed: int, workdir: str) -> list[dict[str, Any]]:
    with Supervisor(environment=environment()) as supervisor:
        return stage_rows(configs, seed, Stage(workdir, supervisor))


def stage_rows(configs: int, seed: int, stage: Stage) -> list[dict[str, Any]]:
    opened, runtime = stage.open_zoo(), find_backend("onnxruntime")
    space = deployment_space(opened.models, available_cores())
    seconds: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in PROTOCOLS}
    apart: list[dict[str, Any]] = []
    measured = undecided = 0
    for config in space.sample(4 * configs, seed=seed):
        if measured == configs:
            break
        model = opened.models[config["model"]]
        batch = int(config.get("batch_size", 1))
        try:
            prepared = stage.prepare(opened, config)
            assert isinstance(prepared, Prepared)
            session = runtime.open(prepared.artefact, runtime.session_options(config))
            session.bind(prepared.samples(model).batch(0, batch))
            session.run()
        except Exception:  # a configuration that crashes costs every protocol nothing
            continue

        def call() -> None:
            session.run()  # noqa: B023 -- called at once

        reference = [reference_part(call)]
        told = {}
        for turn in range(len(PROTOCOLS)):
            protocol = PROTOCOLS[(measured + turn) % len(PROTOCOLS)]
            plan = plan_of(protocol)
            started = time.perf_counter()
            report = time_call(call, latency_limits([Limit("latency_p95_ms", LIMIT_MS)], plan), plan)
            seconds[protocol].append(time.perf_counter() - started)
            reference.append(reference_part(call))
            counts[protocol]["calls"] += len(report.samples_ms)
            assert report.verdict is not None
            told[protocol] = report.verdict
        measured += 1
        truth, p95 = settled(reference)
        decided = truth != "undecided"
        undecided += not decided
        for protocol in PROTOCOLS if decided else ():
            answer = told[protocol].answer
            agrees = (answer == "feasible") == (truth == "feasible")
            counts[protocol]["agrees"] += agrees
            counts[protocol]["wrong" if answer != "borderline" else "open"] += not agrees
        if len({one.answer for one in told.values()}) > 1 or not decided:
            apart.append(
                {"benchmark": "early_stop", "on": "zoo", "seed": seed, "config": dict(config),
                 "reference": str(p95), "said": {name: told[name].reason for name in PROTOCOLS}}
            )  # fmt: skip
    rows = [
        {"benchmark": "early_stop", "on": "zoo", "seed": seed, "protocol": protocol, "configs": measured,
         "seconds": round(sum(seconds[protocol]), 2), "median_s": round(statistics.median(seconds[protocol]), 3),
         "undecided": undecided, **{name: counts[protocol][name] for name in ("calls", "agrees", "open", "wrong")}}
        for protocol in PROTOCOLS
    ]  # fmt: skip
    return rows + apart


def reference_part(call: Any) -> np.ndarray:
    """A quarter of the long measurement, in the order taken."""
    return measure(call, max_samples=REFERENCE_CALLS, max_seconds=8).samples_ms


def settled(quarters: list[np.ndarray]) -> tuple[str, str]:
    """The reference's answer and figure."""
    p95 = percentile(np.concatenate(quarters), "p95", 0.99)
    if p95.low_ms is not None and p95.high_ms is not None:
        low, high = p95.low_ms, p95.high_ms
    else:
        ends = [float(np.quantile(quarter, 0.95)) for quarter in quarters]
        low, high = min(ends), max(ends)
    answer = "feasible" if high <= LIMIT_MS else "infeasible" if low > LIMIT_MS else "undecided"
    return answer, f"{p95}, between {low:.4g} and {high:.4g}"


def simulated_rows(studies: int, trials: int = 25) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    plan = LatencyPlan()
    limit, p95 = 20.0, float(np.exp(0.2 * 1.6448536269514722))
    seconds: dict[str, float] = defaultdict(float)
    counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in PROTOCOLS}
    devices = [Problem.load(name) for name in problem_names() if name.startswith("edge_tight@")]
    judged = 0
    for study in range(studies):
        found = False
        problem = devices[study % len(devices)]
        truths = [problem.truth(config) for config in problem.space.sample(trials, seed=study)]
        latencies = [truth.metrics["latency_p95_ms"] for truth in truths if truth.metrics]
        judged += len(latencies)
        for ratio in np.array(latencies) / limit:
            shocks = rng.normal(size=plan.max_samples) * np.sqrt(0.75)
            samples = limit * ratio / p95 * np.exp(0.2 * lfilter([1.0], [1.0, -0.5], shocks))
            fits = bool(np.sort(samples[:100])[94] <= limit)
            stopped = samples[:3].mean() > (3 if found else 5) * limit
            in_time = 1 + int(np.searchsorted(np.cumsum(samples), 1e3 * plan.max_s))
            answer, used = _core.probe_decide(
                samples[: max(in_time, plan.min_samples)], limit, 0.95, plan.confidence,
                tail_index=plan.tail_index, least=3,
            )  # fmt: skip
            used = used if answer == "infeasible" else max(used, plan.min_samples)
            truth = "feasible" if ratio <= 1 else "infeasible"
            for protocol, count, said in (
                ("fixed", 100, "feasible" if fits else "infeasible"),
                ("paper", 3 if stopped else 100, "feasible" if fits and not stopped else "infeasible"),
                ("ours", used, answer),
            ):
                seconds[protocol] += float(samples[:count].sum()) / 1e3
                counts[protocol]["open"] += said == "open"
                counts[protocol]["lost"] += said == "open" and truth == "feasible"
                counts[protocol]["wrong"] += said not in ("open", truth)
            found = found or ratio <= 1
    return [
        {"benchmark": "early_stop", "on": "simulated", "protocol": protocol, "studies": studies, "configs": judged,
         "seconds_a_study": round(seconds[protocol] / studies, 2),
         **{name: round(counts[protocol][name] / judged, 4) for name in ("wrong", "open", "lost")}}
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
