"""LehrSampler over storages, processes, seeds and pickles: what it proposes hangs on the storage alone."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import optuna
import pytest
import studies
from studies import branches, crashing, journal, mixed, next_proposal, parameters, run

from lehr.integrations.optuna import LehrSampler


def start(*arguments: str) -> subprocess.Popen[bytes]:
    program = Path(studies.__file__)
    return subprocess.Popen([sys.executable, "-W", "error", str(program), *arguments], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors.decode()


def test_a_resumed_study_continues_as_an_unbroken_one(tmp_path):
    for objective in ("mixed", "branches", "crashing"):
        path = str(tmp_path / f"{objective}.log")
        study = optuna.create_study(study_name="shared", storage=journal(path), sampler=LehrSampler(seed=7))
        study.optimize(getattr(studies, objective), n_trials=11, catch=(RuntimeError,))
        finish(start(path, objective, "7", "11"))
        unbroken = run(getattr(studies, objective), 22, LehrSampler(seed=7), study_name="shared")
        resumed = optuna.load_study(study_name="shared", storage=journal(path))
        assert parameters(resumed) == parameters(unbroken)


def test_several_processes_work_on_one_storage(tmp_path):
    path = str(tmp_path / "shared.log")
    study = optuna.create_study(study_name="shared", storage=journal(path), sampler=LehrSampler(seed=1))
    study.optimize(crashing, n_trials=2, catch=(RuntimeError,))
    processes = [start(path, "crashing", str(seed), "12") for seed in (1, 1)]
    for process in processes:
        finish(process)
    trials = optuna.load_study(study_name="shared", storage=journal(path)).trials
    assert len(trials) == 26
    assert all(trial.state.is_finished() for trial in trials)
    # One seed for both, since what is drawn depends on the trial's number too. A configuration may come twice only
    # when neither worker could know of the other's trial.
    for earlier, later in combinations(trials, 2):
        if earlier.params == later.params:
            assert earlier.datetime_complete > later.datetime_start
    assert len({tuple(trial.params.values()) for trial in trials}) > 13


@pytest.mark.parametrize("storage", ["sqlite", "journal", "memory"])
def test_all_storages_give_the_same_study(storage, tmp_path):
    url = {
        "sqlite": f"sqlite:///{tmp_path}/study.db",
        "journal": journal(str(tmp_path / "study.log")),
        "memory": None,
    }
    study = run(branches, 15, LehrSampler(seed=9), storage=url[storage], study_name="one")
    assert parameters(study) == parameters(run(branches, 15, LehrSampler(seed=9), study_name="one"))
    if storage == "sqlite":
        study._storage._backend.engine.dispose()


def test_the_seed_decides_and_nothing_else():
    study = run(mixed, 20, LehrSampler(seed=3))
    assert parameters(study) == parameters(run(mixed, 20, LehrSampler(seed=3)))
    assert parameters(study) != parameters(run(mixed, 20, LehrSampler(seed=4)))
    assert next_proposal(study, LehrSampler()) != next_proposal(study, LehrSampler())


def test_reseeding_changes_the_draws():
    study = run(mixed, 20, LehrSampler(seed=3))
    sampler = LehrSampler(seed=3)
    assert next_proposal(study, sampler) == next_proposal(study, LehrSampler(seed=3))
    sampler.reseed_rng()
    assert next_proposal(study, sampler) != next_proposal(study, LehrSampler(seed=3))


def test_a_sampler_can_be_pickled_at_any_time():
    study = run(mixed, 20, LehrSampler("tba", seed=3, options={"patience": 2}))
    copy = pickle.loads(pickle.dumps(study.sampler))
    assert next_proposal(study, copy) == next_proposal(study, study.sampler)


def test_one_sampler_may_serve_several_studies():
    sampler = LehrSampler(seed=0)
    one, two = (
        optuna.create_study(sampler=sampler),
        optuna.create_study(sampler=sampler, direction="maximize"),
    )
    for _ in range(12):
        one.optimize(mixed, n_trials=1)
        two.optimize(branches, n_trials=1)
    assert parameters(one) == parameters(run(mixed, 12, LehrSampler(seed=0)))
    assert parameters(two) == parameters(run(branches, 12, LehrSampler(seed=0), direction="maximize"))
