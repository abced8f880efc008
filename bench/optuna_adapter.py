"""What LehrSampler costs inside Optuna, the native search apart, beside Optuna's TPE. Prints JSON lines.

    python bench/optuna_adapter.py [--trials 25 200 1000] [--repeats 60] [--method tpe]

Ten mixed parameters, in memory. A study is filled with random trials; what is timed is `study.ask()` with the relative
proposal of all parameters, once for each sampler in turn, interleaved, so that a busy machine slows all alike. `native`
is the native search's own part of LehrSampler's time, taken inside the same calls; `adapter` is the rest: reading the
storage, telling the new trial, announcing the proposal to other workers. The floor is `random`, the time of an ask
without any proposal. Figures are medians in microseconds.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import optuna

from lehr import _core
from lehr.integrations.optuna import LehrSampler
from lehr.methods import METHODS, Method

OptimizerCore = Any


def objective(trial: optuna.Trial) -> float:
    total = sum(trial.suggest_float(f"x{i}", -1.0, 1.0) ** 2 for i in range(4))
    total += trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    total += trial.suggest_float("share", 0.0, 1.0, step=0.1)
    total += trial.suggest_int("batch", 1, 64, log=True)
    total += trial.suggest_int("layers", 1, 12)
    total += len(trial.suggest_categorical("kind", ["a", "bb", "ccc", "dddd"]))
    return total + trial.suggest_categorical("flag", [False, True])


class TimedSearch:
    """A native search that adds up the time spent in it."""

    spent = 0

    def __init__(self, core: OptimizerCore) -> None:
        self._core = core

    def recall(self, *columns: object) -> None:
        start = time.perf_counter_ns()
        self._core.recall(*columns)
        TimedSearch.spent += time.perf_counter_ns() - start

    def propose(self, seed: int, stream: int) -> tuple[list[float], str]:
        start = time.perf_counter_ns()
        proposal: tuple[list[float], str] = self._core.propose(seed, stream)
        TimedSearch.spent += time.perf_counter_ns() - start
        return proposal


class TimedSampler(LehrSampler):
    def _start(self, space: _core.Space, *, maximize: bool, seed: int) -> OptimizerCore:
        return TimedSearch(super()._start(space, maximize=maximize, seed=seed))


def filled(trials: int, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=trials))
    study.optimize(objective, n_trials=trials)
    study.sampler = sampler
    return study


def measure(trials: int, repeats: int, method: Method) -> dict[str, float]:
    samplers: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "lehr": lambda: TimedSampler(method, seed=0),
        "optuna_tpe": lambda: optuna.samplers.TPESampler(seed=0),
        "random": lambda: optuna.samplers.RandomSampler(seed=0),
    }
    studies = {name: filled(trials, make()) for name, make in samplers.items()}
    times: dict[str, list[float]] = {name: [] for name in (*samplers, "native")}
    for repeat in range(repeats + 3):
        for name, study in studies.items():
            TimedSearch.spent = 0
            start = time.perf_counter_ns()
            trial = study.ask()
            trial.relative_params  # noqa: B018 - the proposal is made when it is looked at
            spent = time.perf_counter_ns() - start
            study.tell(trial, objective(trial))
            if repeat < 3:  # the first call folds the whole study
                continue
            times[name].append(spent / 1e3)
            if name == "lehr":
                times["native"].append(TimedSearch.spent / 1e3)
    medians = {name: statistics.median(values) for name, values in times.items()}
    medians["adapter"] = statistics.median(
        whole - native for whole, native in zip(times["lehr"], times["native"], strict=True)
    )
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[25, 200, 1000])
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--method", default="tpe", choices=METHODS)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for trials in arguments.trials:
        medians = measure(trials, arguments.repeats, arguments.method)
        print(
            json.dumps(
                {
                    "benchmark": "optuna_adapter",
                    "method": arguments.method,
                    "trials": trials,
                    "repeats": arguments.repeats,
                    "microseconds": {name: round(value, 1) for name, value in medians.items()},
                    "optuna_tpe_over_lehr": round(medians["optuna_tpe"] / medians["lehr"], 1),
                    "optuna_tpe_over_adapter": round(medians["optuna_tpe"] / medians["adapter"], 1),
                    "optuna": optuna.__version__,
                    "python": platform.python_version(),
                    "machine": platform.machine(),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
