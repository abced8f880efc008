"""How Optuna's trials are ranked: checked against the split of Optuna's own sampler."""

from __future__ import annotations

import math
from itertools import pairwise

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import _split_trials
from optuna.trial import FrozenTrial, TrialState, create_trial

from lehr.integrations._judgement import OUTCOMES, judge


def rank(trial: FrozenTrial, *, maximize: bool = False) -> tuple[float, ...]:
    """Smaller is better, as the native search sorts."""
    judged = judge(trial, maximize=maximize)
    outcome = OUTCOMES[judged.outcome]
    if outcome == "ok" and judged.violation == 0.0:
        return (0, -judged.objective if maximize else judged.objective)
    if outcome in ("ok", "early_stopped") and judged.violation > 0.0:
        return (1, judged.violation)
    return (2,)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
complete = st.builds(
    lambda value, limits: create_trial(value=value, constraints=limits),
    finite,
    st.dictionaries(st.sampled_from("ab"), st.floats(-5.0, 0.0) | st.floats(1e-60, 5.0)),
)
pruned = st.builds(
    lambda values: create_trial(state=TrialState.PRUNED, intermediate_values=values),
    st.dictionaries(st.integers(0, 50), st.one_of(finite, st.just(math.nan)), max_size=3),
)


@given(
    trials=st.lists(st.one_of(complete, pruned), max_size=12),
    direction=st.sampled_from(["minimize", "maximize"]),
    below=st.integers(0, 12),
)
def test_trials_are_ranked_as_by_optunas_own_sampler(trials, direction, below):
    study = optuna.create_study(direction=direction)
    study.add_trials(trials)
    good, bad = _split_trials(study, study.trials, below)
    maximize = direction == "maximize"
    ranks = sorted(rank(trial, maximize=maximize) for trial in study.trials)
    assert sorted(rank(trial, maximize=maximize) for trial in good) == ranks[: len(good)]
    assert sorted(rank(trial, maximize=maximize) for trial in bad) == ranks[len(good) :]


def test_the_order_of_kinds():
    trials = [
        create_trial(value=1.0),
        create_trial(value=1e300),
        create_trial(state=TrialState.PRUNED, intermediate_values={0: 5.0, 10**9: math.inf}),
        create_trial(state=TrialState.PRUNED, intermediate_values={3: -1e-300}),
        create_trial(state=TrialState.PRUNED, intermediate_values={3: 0.0}),
        create_trial(state=TrialState.PRUNED, intermediate_values={3: 1e-300}),
        create_trial(state=TrialState.PRUNED, intermediate_values={3: math.nan}),
        create_trial(state=TrialState.PRUNED, intermediate_values={2: 0.0}),
        create_trial(state=TrialState.PRUNED),
        create_trial(value=0.0, constraints={"a": 1e-60}),
        create_trial(state=TrialState.PRUNED, constraints={"a": 0.5, "b": 0.5, "c": -9.0}),
        create_trial(value=0.0, constraints={"a": 2.0}),
        create_trial(value=0.0, constraints={"a": math.inf}),
        create_trial(state=TrialState.FAIL),
    ]
    assert all(better < worse for better, worse in pairwise(map(rank, trials)))


@pytest.mark.parametrize("maximize", [False, True])
def test_the_worst_infinity_is_a_crash_and_the_best_one_is_a_value(maximize):
    worst = -math.inf if maximize else math.inf
    assert OUTCOMES[judge(create_trial(value=worst), maximize=maximize).outcome] == "crashed"
    best = judge(create_trial(value=-worst), maximize=maximize)
    assert OUTCOMES[best.outcome] == "ok"
    assert math.isfinite(best.objective)
    assert rank(create_trial(value=-worst), maximize=maximize) < rank(
        create_trial(value=0.0), maximize=maximize
    )


@pytest.mark.parametrize("outcome", ["crashed", "timeout", "oom", "early_stopped"])
def test_a_trial_of_lehr_run_that_did_not_end_well_never_counts_as_complete(outcome):
    stored = create_trial(
        value=math.inf, user_attrs={"outcome": outcome}, constraints={"outcome": 1e9, "latency": -1.0}
    )
    judged = judge(stored, maximize=False)
    assert OUTCOMES[judged.outcome] == outcome
    assert math.isnan(judged.objective)
    assert math.isnan(judged.violation)


def test_an_early_stop_of_lehr_run_counts_by_what_it_measured():
    stored = create_trial(
        value=math.inf, user_attrs={"outcome": "early_stopped"}, constraints={"outcome": 1e9, "latency": 3.0}
    )
    assert judge(stored, maximize=False).violation == 3.0


def test_somebody_elses_attribute_named_outcome_means_nothing():
    stored = create_trial(value=1.0, user_attrs={"outcome": "crashed"}, constraints={"latency": 3.0})
    assert judge(stored, maximize=False) == (0, 1.0, 3.0)
    assert judge(create_trial(value=1.0, user_attrs={"outcome": ["x"]}), maximize=False) == (0, 1.0, 0.0)
    odd = create_trial(state=TrialState.FAIL, user_attrs={"outcome": {"a": 1}})
    assert OUTCOMES[judge(odd, maximize=False).outcome] == "crashed"
