"""Objectives and studies for the sampler's tests, and a program that works on a stored study in its own process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from lehr.integrations.optuna import LehrSampler

Objective = Callable[[optuna.Trial], float]


def mixed(trial: optuna.Trial) -> float:
    """Every kind of parameter; smaller is better."""
    x = trial.suggest_float("x", -2.0, 2.0)
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    share = trial.suggest_float("share", 0.0, 1.0, step=0.1)
    batch = trial.suggest_int("batch", 1, 64, log=True)
    even = trial.suggest_int("even", 0, 10, step=2)
    kind = trial.suggest_categorical("kind", ["a", "b", None, 3, 0.5, True])
    return x * x + abs(rate - 0.01) + share + abs(batch - 8) / 8 + even / 10 + (0.0 if kind == "b" else 1.0)


def branches(trial: optuna.Trial) -> float:
    """A space that is discovered on the way."""
    if trial.suggest_categorical("backend", ["cpu", "gpu"]) == "cpu":
        threads = trial.suggest_int("threads", 1, 8)
        if threads > 4:
            return 5.0 + trial.suggest_float("pinning", 0.0, 1.0)
        return 4.0 - threads
    return (trial.suggest_float("clock", 0.0, 1.0) - 0.3) ** 2


def crashing(trial: optuna.Trial) -> float:
    """Two of three backends cannot run."""
    backend = trial.suggest_categorical("backend", ["eager", "compiled", "engine"])
    size = trial.suggest_float("size", 0.0, 1.0)
    if backend != "eager":
        raise RuntimeError(f"{backend} does not run here")
    return size


def journal(path: str) -> JournalStorage:
    return JournalStorage(JournalFileBackend(path))


def run(objective: Objective, n: int, sampler: LehrSampler | None = None, **create: object) -> optuna.Study:
    study = optuna.create_study(sampler=sampler or LehrSampler(seed=0), **create)
    study.optimize(objective, n_trials=n, catch=(RuntimeError,))
    return study


def parameters(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials]


def next_proposal(study: optuna.Study, sampler: LehrSampler) -> dict[str, object]:
    """What the sampler would propose for the trial after the last one, without leaving it in the study."""
    copy = optuna.create_study(direction=study.direction.name.lower(), study_name="copy", sampler=sampler)
    copy.add_trials(study.trials)
    trial = copy.ask()
    return trial.relative_params


def main(path: str, objective: str, seed: str, trials: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.load_study(study_name="shared", storage=journal(path), sampler=LehrSampler(seed=int(seed)))
    study.optimize(globals()[objective], n_trials=int(trials), catch=(RuntimeError,))


if __name__ == "__main__":
    main(*sys.argv[1:])
