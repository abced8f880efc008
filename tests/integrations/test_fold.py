"""However trials overlap, the search is a function of the storage: a sampler that watched every step agrees with one
that sees the storage for the first time."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import Trial, TrialState

from lehr.integrations.optuna import LehrSampler

STEP = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 3)),  # and look at so many parameters
    st.tuples(st.just("look"), st.integers(0, 5)),
    st.tuples(st.sampled_from(["complete", "prune", "fail", "violate"]), st.integers(0, 5)),
    st.tuples(st.just("enqueue"), st.integers(0, 4)),
    st.tuples(st.just("add"), st.integers(0, 4)),
)


def look(trial: Trial, count: int) -> None:
    """Parameters one by one; what comes third depends on the first, and the range of the second changes."""
    if count > 0 and trial.suggest_categorical("a", ["x", "y", 1, True]) == "x":
        if count > 2:
            trial.suggest_float("b", 0.0, 1.0)
    elif count > 2:
        trial.suggest_int("c", 1, 64, log=True)
    if count > 1:
        trial.suggest_float("d", 0.0, 1.0 + trial.number % 3, step=0.25)


@pytest.mark.parametrize("method", ["tba-tpe", "tpe", "grid", "guided"])
@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEP, max_size=40))
def test_a_watching_sampler_and_a_fresh_one_propose_the_same(method, steps):
    watching = LehrSampler(method, seed=6, options={"startup_trials": 2})
    study = optuna.create_study(sampler=watching, study_name="one")
    running: list[Trial] = []
    for action, n in steps:
        if action == "ask":
            trial = study.ask()
            frozen = study.trials[trial.number]
            fresh = LehrSampler(method, seed=6, options={"startup_trials": 2})
            space = fresh.infer_relative_search_space(study, frozen)
            expected = fresh.sample_relative(study, frozen, space)
            assert trial.relative_params == expected
            assert trial.relative_search_space == space
            look(trial, n)
            running.append(trial)
        elif action == "enqueue":
            study.enqueue_trial({"a": ["x", "y"][n % 2], "d": n / 4})
        elif action == "add":
            study.add_trial(
                optuna.create_trial(
                    value=float(n),
                    params={"d": n / 4},
                    distributions={"d": optuna.distributions.FloatDistribution(0.0, 1.0, step=0.25)},
                )
            )
        elif n < len(running):
            trial = running[n]
            if action == "look":
                look(trial, 3)
                continue
            del running[n]
            if action == "violate":
                trial.set_constraint("limit", 1.0 + trial.number % 4)
            if action == "prune":
                trial.report(1.0, step=trial.number % 5)
            ends = {"prune": TrialState.PRUNED, "fail": TrialState.FAIL}
            value = float(trial.number % 7)
            study.tell(trial, **({"state": ends[action]} if action in ends else {"values": value}))
