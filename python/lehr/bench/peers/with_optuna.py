"""Optuna's samplers, as its documentation wants them used.

Spaces are define-by-run: a variable is suggested when its condition holds. Limits are constraints by
`Trial.set_constraint` (Optuna 5), at most 0 where they are met. Optuna documents nothing for trials that crash:
samplers ignore the state FAIL and would propose the same again, so a crash is a finished trial of infinitely bad value
with a constraint of its own, ``ran``, violated. How large depends on the sampler:

- TPE and NSGA-II rank infeasible trials by the sum of their violations; a crash counts as much more than any result
  that ran.
- The GP fits one model to each constraint and wants all of them in every trial; ``ran`` is +1 or -1, a limit that
  was not measured counts as just met (0, no evidence), and infinitely bad values are clipped by Optuna itself to the
  worst that was seen. ``optuna-gp-penalty`` leaves ``ran`` out: then a crash is only such a value. On 20 even seeds of
  ``tuning_space`` (a study each) ``ran`` gave 0.35 against 0.30 within 5 % of the optimum at 25 trials and 0.21 against
  0.25 wasted, 0.50 against 0.45 and 0.14 against 0.17 at 50: it suits the GP as well or better, and is what we compare
  with.
- The paper's TPE adds raw milliseconds and megabytes, and a crash is a violation of 100 (METHOD section 4).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from lehr.bench.peers.axes import Axis, active, axes_of
from lehr.bench.peers.peer import Peer, Searchable, Told, seed_of
from lehr.errors import MissingPackageError

_WORST = 1e9
_PAPER_CRASH = 100.0

Constraints = Callable[[Told], Mapping[str, float]]


def ranked(told: Told) -> dict[str, float]:
    """For samplers that add violations up: shares of the limits; a crash is worse than anything that ran."""
    limits = {metric: 0.0 if excess is None else excess for metric, excess in told.excesses.items()}
    return {"ran": 0.0 if told.ran else _WORST, **limits}


def modelled(told: Told) -> dict[str, float]:
    """For samplers that model each constraint."""
    return {"ran": -1.0 if told.ran else 1.0, **penalised(told)}


def penalised(told: Told) -> dict[str, float]:
    """As `modelled`, but a crash is told by its value alone."""
    return {metric: 0.0 if excess is None else excess for metric, excess in told.excesses.items()}


def as_in_the_paper(told: Told) -> dict[str, float]:
    """Raw excesses, a crash is a violation of 100."""
    if not told.ran:
        return {"ran": _PAPER_CRASH, **dict.fromkeys(told.raw, 0.0)}
    return {"ran": 0.0, **{metric: excess or 0.0 for metric, excess in told.raw.items()}}


class OptunaPeer(Peer):
    """A study in memory with one of Optuna's samplers."""

    def __init__(
        self, problem: Searchable, seed: int, budget: int, sampler: BaseSampler, constraints: Constraints
    ) -> None:
        super().__init__(problem, seed, budget)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._constraints = constraints
        self._axes = {axis.name: axis for axis in axes_of(problem.space)}
        self._study = optuna.create_study(sampler=sampler, direction="minimize")

    def propose(self) -> tuple[Any, dict[str, Any]]:
        """Ask the study, variable by variable."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental features, clipped values: known, and told above
            trial = self._study.ask()
            config: dict[str, Any] = {}
            for axis in self._axes.values():
                if active(axis, config, self._axes):
                    config[axis.name] = _suggested(trial, axis)
        return trial, config

    def learn(self, token: Any, told: Told) -> None:
        """Finish the trial, crashed or not."""
        for name, violation in self._constraints(told).items():
            token.set_constraint(name, violation)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.tell(token, math.inf if told.cost is None else told.cost)

    def adopt(self, config: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Enqueue a configuration and ask for it."""
        codes = {name: self._axes[name].code(value) for name, value in config.items()}
        whole = {name: int(code) for name, code in codes.items() if self._axes[name].kind != "real"}
        self._study.enqueue_trial({**codes, **whole})
        return self.propose()


def _suggested(trial: optuna.Trial, axis: Axis) -> Any:
    if axis.kind == "choice":
        return axis.value(trial.suggest_categorical(axis.name, list(axis.codes())))
    if axis.kind == "integer":
        return axis.value(trial.suggest_int(axis.name, int(axis.low), int(axis.high), log=axis.log))
    return axis.value(trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log))


def random(problem: Searchable, seed: int, budget: int) -> Peer:
    """`RandomSampler`."""
    sampler = optuna.samplers.RandomSampler(seed=seed_of(seed))
    return OptunaPeer(problem, seed, budget, sampler, ranked)


def tpe(problem: Searchable, seed: int, budget: int) -> Peer:
    """`TPESampler` with its defaults."""
    sampler = optuna.samplers.TPESampler(seed=seed_of(seed))
    return OptunaPeer(problem, seed, budget, sampler, ranked)


def tpe_grouped(problem: Searchable, seed: int, budget: int) -> Peer:
    """`TPESampler` with the joint densities that its documentation recommends for conditional spaces."""
    return OptunaPeer(problem, seed, budget, _grouped_tpe(seed), ranked)


def tpe_paper(problem: Searchable, seed: int, budget: int) -> Peer:
    """As the paper ran it: ten random trials first, 24 candidates, raw violations, a crash is one of 100."""
    return OptunaPeer(problem, seed, budget, _grouped_tpe(seed), as_in_the_paper)


def _grouped_tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # group is experimental
        return optuna.samplers.TPESampler(
            seed=seed_of(seed), n_startup_trials=10, n_ei_candidates=24, multivariate=True, group=True
        )


def gp(problem: Searchable, seed: int, budget: int) -> Peer:
    """`GPSampler` with constraints. Conditional variables are drawn at random: it has no model for them."""
    return OptunaPeer(problem, seed, budget, _gp_sampler(seed), modelled)


def gp_penalised(problem: Searchable, seed: int, budget: int) -> Peer:
    """`GPSampler` that is told of a crash by the worst value, not by a constraint."""
    return OptunaPeer(problem, seed, budget, _gp_sampler(seed), penalised)


def _gp_sampler(seed: int) -> BaseSampler:
    try:
        import scipy  # noqa: F401
        import torch
    except ImportError as error:
        raise MissingPackageError(
            f"optuna-gp needs PyTorch and SciPy ({error.name} is missing); install PyTorch for the CPU from its own "
            "package index, and pip install 'lehr[bench]'"
        ) from None
    torch.set_num_threads(1)
    return optuna.samplers.GPSampler(seed=seed_of(seed), warn_independent_sampling=False)


def nsga2(problem: Searchable, seed: int, budget: int) -> Peer:
    """`NSGAIISampler` with constraints, a fifth of the budget a generation; its default of 50 would be random."""
    population = min(max(budget // 5, 4), 50)
    sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=seed_of(seed))
    return OptunaPeer(problem, seed, budget, sampler, ranked)
