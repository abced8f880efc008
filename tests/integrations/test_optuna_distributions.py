"""LehrSampler on every kind of distribution that Optuna has."""

from __future__ import annotations

import math

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from studies import parameters, run

from lehr.integrations.optuna import LehrSampler


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
