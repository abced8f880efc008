"""Time of one TPE proposal beside Optuna's (and Hyperopt's, where installed), in one run on the same observations.

    python bench/tpe_speed.py [--sizes 25 1000 10000 100000] [--rounds 30] [--table]

Ten mixed variables, everything in memory, one thread. Each round times one ask of every library in turn (ours several
times, being short), so that a busy machine slows all of them alike. Reported are medians with the 10th and 90th
percentile. Histories grow by what is asked, a few hundred trials at most. Optuna and Hyperopt are timed up to
`--peers` observations. Prints JSON lines; `--table` the Markdown table made of them.

`kernels_per_s` counts every kernel of both densities at every one of the 24 candidates over the whole time of an ask;
`loop_per_s` is what the innermost loop alone reaches with all its data in cache and every kernel near every candidate.
An ask can exceed it: a kernel that is far from all candidates is left as soon as that shows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna

import lehr
from lehr import _core

CANDIDATES = 24


def space() -> lehr.Space:
    return lehr.Space(
        [
            lehr.Categorical("a", list("abc")),
            lehr.Categorical("b", list("abcd")),
            lehr.Categorical("c", list("ab")),
            lehr.Float("d", 0.0, 1.0),
            lehr.Float("e", 1e-4, 1e-1, log=True),
            lehr.Float("f", -1.0, 1.0),
            lehr.Int("g", 1, 64, log=True),
            lehr.Int("h", 1, 8),
            lehr.Float("i", 0.0, 1.0, step=0.1),
            lehr.Int("j", 0, 100),
        ]
    )


def distributions() -> dict[str, optuna.distributions.BaseDistribution]:
    float_, int_ = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
    choice = optuna.distributions.CategoricalDistribution
    return {
        "a": choice(list("abc")),
        "b": choice(list("abcd")),
        "c": choice(list("ab")),
        "d": float_(0.0, 1.0),
        "e": float_(1e-4, 1e-1, log=True),
        "f": float_(-1.0, 1.0),
        "g": int_(1, 64, log=True),
        "h": int_(1, 8),
        "i": float_(0.0, 1.0, step=0.1),
        "j": int_(0, 100),
    }


def objective(config: dict[str, Any]) -> float:
    """Smooth in part, the rest a hash: what is best is spread over the space as in a real history."""
    noise = int.from_bytes(hashlib.sha256(repr(sorted(config.items())).encode()).digest()[:4], "big") / 2**32
    return float((config["d"] - 0.3) ** 2 + abs(config["f"]) + 0.01 * abs(config["j"] - 40) + noise)


Asker = Callable[[], float]  # one proposal: seconds of the ask


def ours(configs: list[dict[str, Any]], tell_times: list[float]) -> Asker:
    search = lehr.Optimizer(space(), method="tpe", direction="minimize", seed=1, budget=len(configs) + 1)
    for config in configs:
        search.add(config, objective=objective(config))

    def ask() -> float:
        begin = time.perf_counter()
        trial = search.ask()
        middle = time.perf_counter()
        value = objective(trial.config)
        told = time.perf_counter()
        search.tell(trial, objective=value)
        tell_times.append(time.perf_counter() - told)
        return middle - begin

    return ask


def optunas(configs: list[dict[str, Any]]) -> Asker:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1), direction="minimize")
    fixed = distributions()
    study.add_trials(
        [
            optuna.trial.create_trial(params=config, distributions=fixed, value=objective(config))
            for config in configs
        ]
    )

    def ask() -> float:
        begin = time.perf_counter()
        trial = study.ask(fixed)
        seconds = time.perf_counter() - begin
        study.tell(trial, objective(trial.params))
        return seconds

    return ask


def hyperopts(configs: list[dict[str, Any]]) -> Asker | None:
    """Its `tpe.suggest` on a history of documents; it has no joint densities."""
    try:
        from hyperopt import hp, tpe
        from hyperopt.base import JOB_STATE_DONE, STATUS_OK, Domain, Trials
    except ImportError:
        return None
    tree = {
        "a": hp.choice("a", list("abc")),
        "b": hp.choice("b", list("abcd")),
        "c": hp.choice("c", list("ab")),
        "d": hp.uniform("d", 0.0, 1.0),
        "e": hp.loguniform("e", np.log(1e-4), np.log(1e-1)),
        "f": hp.uniform("f", -1.0, 1.0),
        "g": hp.qloguniform("g", 0.0, np.log(64.0), 1.0),
        "h": hp.quniform("h", 1, 8, 1),
        "i": hp.quniform("i", 0.0, 1.0, 0.1),
        "j": hp.quniform("j", 0, 100, 1),
    }
    domain = Domain(objective, tree)
    trials = Trials()
    codes = {"a": "abc", "b": "abcd", "c": "ab"}

    def document(number: int, config: dict[str, Any], loss: float) -> dict[str, Any]:
        values = {k: [codes[k].index(v) if k in codes else float(v)] for k, v in config.items()}
        return {
            "tid": number,
            "spec": None,
            "result": {"status": STATUS_OK, "loss": loss},
            "misc": {
                "tid": number,
                "cmd": ("domain_attachment", "FMinIter_Domain"),
                "workdir": None,
                "idxs": {k: [number] for k in values},
                "vals": values,
            },
            "state": JOB_STATE_DONE,
            "owner": None,
            "book_time": None,
            "refresh_time": None,
            "exp_key": None,
            "version": 0,
        }

    trials.insert_trial_docs([document(i, config, objective(config)) for i, config in enumerate(configs)])
    trials.refresh()
    seeds = iter(range(10**6))

    def ask() -> float:
        begin = time.perf_counter()
        tpe.suggest([len(trials.trials)], domain, trials, next(seeds))
        return time.perf_counter() - begin

    return ask


def resident() -> int:
    with open("/proc/self/statm") as status:
        return int(status.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(n: int) -> None:
    """Prints bytes of resident memory a value (of one variable of one trial) after an ask at n trials."""
    configs = space().sample(n, seed=n)
    search = lehr.Optimizer(space(), method="tpe", seed=1, budget=n)
    before = resident()
    for config in configs:
        search.add(config, objective=objective(config))
    search.tell(search.ask(), objective=0.0)
    print((resident() - before) / (n * len(search.space)))


def memory_in_fresh_process(n: int) -> float | None:
    if n < 10000:  # pages of 4 KiB and the tables of fixed size would drown what grows
        return None
    command = [sys.executable, __file__, "--memory", str(n)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def spread(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=10) if len(times) > 1 else [times[0]] * 9
    return {
        "median_us": round(statistics.median(times) * 1e6, 2),
        "p10_us": round(cuts[0] * 1e6, 2),
        "p90_us": round(cuts[-1] * 1e6, 2),
        "samples": len(times),
    }


def case(n: int, rounds: int, peers: int) -> dict[str, Any]:
    configs = space().sample(n, seed=n)
    tell_times: list[float] = []
    askers: dict[str, Asker] = {"lehr": ours(configs, tell_times)}
    if n <= peers:
        askers["optuna"] = optunas(configs)
        hyper = hyperopts(configs)
        if hyper is not None:
            askers["hyperopt"] = hyper
    times: dict[str, list[float]] = {name: [] for name in askers}
    for name, ask in askers.items():
        for _ in range(3 if name == "lehr" else 1):
            ask()
    tell_times.clear()
    for _ in range(rounds):
        for name, ask in askers.items():
            times[name] += [ask() for _ in range(8 if name == "lehr" else 1)]
    # Three continuous variables; seven are looked up, the mean number of rows being about sixty.
    loop = _core.mix_rate(3, 7, 60)
    record: dict[str, Any] = {
        "benchmark": "tpe_speed",
        "observations": n,
        "variables": 10,
        **{name: spread(samples) for name, samples in times.items()},
        "tell": spread(tell_times),
        "kernels_per_s": round((n + 2) * CANDIDATES / statistics.median(times["lehr"])),
        "loop_per_s": round(loop),
        "bytes_per_value": memory_in_fresh_process(n),
    }
    for name in ("optuna", "hyperopt"):
        if name in times:
            record[f"{name}_over_lehr"] = round(
                statistics.median(times[name]) / statistics.median(times["lehr"]), 1
            )
    return record


def provenance() -> dict[str, Any]:
    versions = {"lehr": lehr.__version__, "optuna": optuna.__version__}
    if "hyperopt" in sys.modules:
        versions["hyperopt"] = sys.modules["hyperopt"].__version__
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as cpus:
            model = next(line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "versions": versions,
        "python": platform.python_version(),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "isa": _core.isa(),
        "date": time.strftime("%Y-%m-%d"),
        "command": "python bench/tpe_speed.py " + " ".join(sys.argv[1:]),
    }


def shown(seconds: dict[str, float] | None) -> str:
    if seconds is None:
        return ""
    us = seconds["median_us"]
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} µs"


def table(records: list[dict[str, Any]]) -> str:
    peers = [name for name in ("optuna", "hyperopt") if any(name in record for record in records)]
    head = ["observations", "lehr", *peers, *(f"lehr is faster than {p} by" for p in peers), "bytes a value"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---:|" * len(head)]
    for record in records:
        cells = [f"{record['observations']:,}", shown(record["lehr"])]
        cells += [shown(record.get(name)) for name in peers]
        cells += [
            f"{record[f'{name}_over_lehr']:,.0f}x" if f"{name}_over_lehr" in record else "" for name in peers
        ]
        size = record["bytes_per_value"]
        cells.append("" if size is None else f"{size:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 1000, 10000, 100000])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--peers", type=int, default=10000, help="largest size at which others are timed")
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory is not None:
        memory(arguments.memory)
        return
    records = []
    for n in arguments.sizes:
        records.append(case(n, arguments.rounds, arguments.peers) | provenance())
        if not arguments.table:
            print(json.dumps(records[-1]), flush=True)
    if arguments.table:
        print(table(records))


if __name__ == "__main__":
    main()
