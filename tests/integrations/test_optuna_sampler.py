"""What LehrSampler promises beyond Optuna's contract: what it learns from, and how it hands trials out."""

from __future__ import annotations

import statistics
import warnings
from collections import Counter

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from studies import branches, crashing, mixed, next_proposal, parameters, run

import lehr
from lehr.integrations.optuna import LehrSampler

# -- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["tba-tpe", "tpe", "tba", "guided"])
def test_failed_trials_are_learned_from(method):
    def failures(learn: bool) -> int:
        count = 0
        for seed in range(8):
            study = run(crashing, 40, LehrSampler(method, seed=seed, learn_from_failures=learn))
            count += sum(trial.state == TrialState.FAIL for trial in study.trials)
        return count

    learned, ignored = failures(True), failures(False)
    assert learned < 0.5 * 8 * 40  # two thirds of the space crash
    assert learned < ignored


def test_a_failed_configuration_is_not_proposed_again():
    def objective(trial: optuna.Trial) -> float:
        a = trial.suggest_int("a", 0, 3)
        b = trial.suggest_categorical("b", ["x", "y", "z"])
        if a % 2:
            raise RuntimeError("odd")
        return a + len(b)

    study = run(objective, 12)
    assert len({tuple(params.items()) for params in parameters(study)}) == 12


def test_a_trial_cut_short_does_not_rule_out_its_whole_branch():
    study = optuna.create_study(sampler=LehrSampler("random", seed=1))
    study.optimize(branches, n_trials=1)
    for backend in ("cpu", "gpu"):  # interrupted right after the first parameter
        study.enqueue_trial({"backend": backend})
        trial = study.ask()
        trial.suggest_categorical("backend", ["cpu", "gpu"])
        study.tell(trial, state=TrialState.FAIL)
    study.optimize(branches, n_trials=20)
    assert {trial.params["backend"] for trial in study.trials[3:]} == {"cpu", "gpu"}


def test_an_exhausted_space_gives_repeats():
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_int("a", 0, 1) + trial.suggest_categorical("b", [1, 2])

    for method in ("tba-tpe", "tba", "tpe", "random", "grid", "guided"):
        study = run(objective, 12, LehrSampler(method, seed=3))
        first, rest = parameters(study)[:4], parameters(study)[4:]
        assert len({tuple(params.items()) for params in first}) == 4, method
        assert all(params in first for params in rest)


def test_constraints_are_respected():
    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("y", 0.0, 1.0)
        trial.set_constraint("sum", x + y - 0.4)  # 8 % of the space
        return x + y

    feasible = []
    for seed in range(6):
        study = run(objective, 60, LehrSampler(seed=seed), direction="maximize")
        feasible += [trial.constraints["sum"] <= 0 for trial in study.trials[30:]]
        assert study.best_trial.constraints["sum"] <= 0
        assert study.best_value > 0.25
    assert sum(feasible) / len(feasible) > 0.2


def test_it_finds_good_values_in_a_space_with_every_kind_of_parameter():
    best = [run(mixed, 80, LehrSampler(seed=seed)).best_value for seed in range(7)]
    assert statistics.median(best) < 0.7  # random search: about 1.3


def test_conditional_spaces_are_discovered_on_the_way():
    study = run(branches, 60, LehrSampler(seed=2))
    looked = Counter(name for trial in study.trials for name in trial.params)
    assert set(looked) == {"backend", "threads", "pinning", "clock"}
    assert looked["backend"] == 60
    assert study.best_value < 0.01
    runs = [tuple(sorted(params.items())) for params in parameters(study)]
    known = [runs[i] for i in range(60) if "lehr:proposal:0" in study.trials[i].system_attrs]
    whole = [r for r in known if dict(r).get("backend") == "cpu"]
    assert (
        len(set(whole)) >= len(whole) - 3
    )  # a branch met for the first time may repeat what another one drew


def test_minimise_and_maximise_are_mirror_images():
    down = run(mixed, 30, LehrSampler(seed=5), direction="minimize")
    up = run(lambda trial: -mixed(trial), 30, LehrSampler(seed=5), direction="maximize")
    assert parameters(down) == parameters(up)


def test_pruned_trials_count_as_worse_than_complete_ones():
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(4):
            trial.report(x / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = run(objective, 60, pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    states = Counter(trial.state for trial in study.trials)
    assert states[TrialState.PRUNED] > 5
    assert states[TrialState.COMPLETE] > 5
    assert study.best_value < 0.1


def test_hyperband_brackets_are_studies_of_their_own():
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(9):
            trial.report(x, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = run(objective, 40, pruner=optuna.pruners.HyperbandPruner(max_resource=9))
    assert len(study.trials) == 40
    assert study.best_value < 0.2


# -- how trials are handed out ----------------------------------------------------------------------------------------


def test_enqueued_trials_come_first_and_are_not_proposed_again():
    study = optuna.create_study(sampler=LehrSampler(seed=0))
    study.enqueue_trial({"a": 2, "b": "y"})
    study.enqueue_trial({"b": "z"})

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_int("a", 0, 3) + len(trial.suggest_categorical("b", ["x", "y", "z"]))

    study.optimize(objective, n_trials=1)
    study.enqueue_trial({"a": 0, "b": "x"})
    waiting = study.ask(), study.ask()
    extra = [study.ask() for _ in range(9)]
    values = [
        (trial.suggest_int("a", 0, 3), trial.suggest_categorical("b", ["x", "y", "z"]))
        for trial in (*waiting, *extra)
    ]
    assert values[0][1] == "z"
    assert values[1] == (0, "x")
    assert len({(2, "y"), *values}) == 12


def test_a_configuration_that_waits_in_the_queue_is_not_proposed():
    def objective(trial: optuna.Trial) -> float:
        return float(trial.suggest_int("a", 0, 2))

    study = optuna.create_study(sampler=LehrSampler("random", seed=0))
    study.optimize(objective, n_trials=1)
    used = study.trials[0].params["a"]
    free = sorted({0, 1, 2} - {used})
    worker = study.ask()  # taken before the queue gets its trial
    study.enqueue_trial({"a": free[0]})
    assert worker.suggest_int("a", 0, 2) == free[1]


def test_ask_and_tell_in_any_order_gives_the_search_that_the_storage_describes():
    study = optuna.create_study(sampler=LehrSampler(seed=4))
    study.optimize(mixed, n_trials=6)
    pending = [study.ask() for _ in range(4)]
    values = [mixed(trial) for trial in pending]
    for i in (2, 0, 3, 1):
        study.tell(pending[i], values[i])
        fresh = LehrSampler(seed=4)
        # The sampler that saw every step and one that sees only the storage agree while trials overlap.
        trial = study.ask()
        space = study.sampler.infer_relative_search_space(study, trial._cached_frozen_trial)
        ours = study.sampler.sample_relative(study, trial._cached_frozen_trial, space)
        theirs = fresh.sample_relative(study, trial._cached_frozen_trial, space)
        assert ours == theirs
        study.tell(trial, state=TrialState.FAIL)
    assert next_proposal(study, LehrSampler(seed=4)) == next_proposal(study, study.sampler)


def test_values_may_be_fixed_in_part():
    study = run(mixed, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.PartialFixedSampler({"kind": "b", "even": 4}, study.sampler)
    study.optimize(mixed, n_trials=10)
    assert all(trial.params["kind"] == "b" and trial.params["even"] == 4 for trial in study.trials[12:])
    assert len({tuple(trial.params.values()) for trial in study.trials[12:]}) == 10


def test_threads_share_one_sampler_and_never_collide():
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_int("a", 0, 7) + trial.suggest_int("b", 0, 7)

    study = run(objective, 1)
    study.optimize(objective, n_trials=48, n_jobs=4)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert len({tuple(params.items()) for params in parameters(study)}) == 49


def test_an_unfinished_trial_of_another_worker_is_kept_clear_of():
    study = run(lambda trial: float(trial.suggest_int("a", 0, 9)), 1)
    asked = [study.ask() for _ in range(9)]
    proposals = [trial.relative_params["a"] for trial in asked]  # proposed, but not yet looked at
    assert len({study.trials[0].params["a"], *proposals}) == 10


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "cma"}, "unknown method 'cma'"),
        ({"preset": "fast"}, "unknown preset 'fast'"),
        ({"seed": -1}, "seed is -1; give an integer from 0"),
        ({"seed": True}, "seed is True"),
        ({"budget": 0}, "budget is 0; give an integer from 1"),
        ({"options": {"patients": 3}}, "unknown option 'patients'"),
        ({"options": {"patience": 0}}, "option 'patience' is 0"),
        ({"options": {"patience": "long"}}, "option 'patience' is 'long', a str; give a number"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, words):
    with pytest.raises(lehr.OptionError, match=words):
        LehrSampler(**arguments)


def test_a_study_of_several_objectives_is_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=LehrSampler(seed=0))
    with pytest.raises(ValueError, match="a study of 2 objectives; use a study of one"):
        study.ask({"x": FloatDistribution(0.0, 1.0)})
