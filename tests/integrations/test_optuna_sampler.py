"""What LehrSampler promises beyond Optuna's contract."""

from __future__ import annotations

import math
import pickle
import statistics
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import optuna
import pytest
import studies
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from studies import branches, crashing, journal, mixed

import lehr
from lehr.integrations.optuna import LehrSampler

Objective = Callable[[optuna.Trial], float]


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


# -- storages and processes -------------------------------------------------------------------------------------------


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


# -- distributions ----------------------------------------------------------------------------------------------------


def test_choices_that_look_the_same_are_told_apart():
    choices = [1, 1.0, True, "1", None, "None"]
    seen = []

    def objective(trial: optuna.Trial) -> float:
        choice = trial.suggest_categorical("choice", choices)
        seen.append(choice)
        return 0.0 if choice is True else 1.0

    run(objective, 1 + len(choices), LehrSampler("random", seed=1))
    assert {(type(choice), choice) for choice in seen} == {(type(choice), choice) for choice in choices}


def test_choices_may_be_nan_and_floats():
    study = run(lambda t: float(str(t.suggest_categorical("c", [math.nan, 0.5, math.inf])) == "nan"), 6)
    assert len({str(params["c"]) for params in parameters(study)}) == 3


def test_stepped_floats_are_the_decimals_that_a_user_expects():
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", -0.3, 0.9, step=0.1) + trial.suggest_float(
            "y", 0.0, 1e-3, step=2.5e-5
        )

    study = run(objective, 40)
    for params in parameters(study)[1:]:
        assert params["x"] == round(params["x"], 1)
        assert params["y"] == round(params["y"], 7)


def test_a_range_may_change_from_trial_to_trial():
    def objective(trial: optuna.Trial) -> float:
        high = 10 + trial.number % 3
        return trial.suggest_int("n", 0, high) + trial.suggest_float("x", 0.0, float(high), step=0.5)

    study = run(objective, 30)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_integers_that_no_double_can_tell_apart_are_drawn_at_random():
    def objective(trial: optuna.Trial) -> float:
        return float(trial.suggest_int("n", 0, 2**60)) + trial.suggest_float("x", 0.0, 1.0)

    study = run(objective, 10)
    assert len({params["n"] for params in parameters(study)}) == 10
    assert all("n" not in str(trial.system_attrs.get("lehr:proposal:0", "")) for trial in study.trials)


def test_results_from_elsewhere_count():
    study = optuna.create_study(sampler=LehrSampler("tpe", seed=0))
    space = {
        "x": FloatDistribution(0.0, 1.0),
        "n": IntDistribution(0, 5),
        "c": CategoricalDistribution(["a", "b"]),
        "one": IntDistribution(3, 3),
    }
    for i in range(40):
        x = i / 39
        params = {"x": x, "n": i % 6, "c": "ab"[i % 2], "one": 3}
        study.add_trial(create_trial(params=params, distributions=space, value=(x - 0.7) ** 2))
    near = [abs(study.ask(space).params["x"] - 0.7) < 0.2 for _ in range(20)]
    assert sum(near) >= 14


def test_names_may_be_anything():
    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("", 0.0, 1.0) + trial.suggest_float("a b\n'\"é", 0.0, 1.0)

    assert len(run(objective, 10).trials) == 10


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
