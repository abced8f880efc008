"""Ruling out: what would end as a finished trial did, whatever else is chosen, is not proposed again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lehr

METHODS = ("random", "grid", "tba", "tpe", "tba-tpe", "guided")


def space() -> lehr.Space:
    static = lehr.param("recipe") == "static"
    return lehr.Space(
        [
            lehr.Categorical("recipe", ["plain", "half", "dynamic", "static"]),
            lehr.Categorical("per_channel", [False, True], when=static),
            lehr.Int("batch", 1, 64, log=True),
            lehr.Categorical("threads", [1, 2]),
        ]
    )


def search(method: str, seed: int = 0, **options: object) -> lehr.Optimizer:
    return lehr.Optimizer(space(), method=method, budget=25, seed=seed, **options)


def run(optimizer: lehr.Optimizer, trials: int, broken: dict[str, list[str]]) -> list[lehr.Trial]:
    """Trials of which those with a broken recipe crash, and settle all that agree on these variables."""
    asked = []
    for _ in range(trials):
        try:
            trial = optimizer.ask()
        except lehr.ExhaustedError:  # a grid has few points
            break
        asked.append(trial)
        recipe = trial.config["recipe"]
        if recipe in broken:
            optimizer.tell(trial, outcome="crashed")
            optimizer.rule_out(trial, broken[recipe])
        else:
            optimizer.tell(trial, objective=float(trial.config["batch"]))
    return asked


def recipes(trials: list[lehr.Trial]) -> list[str]:
    return [str(trial.config["recipe"]) for trial in trials]


@settings(max_examples=20, deadline=None)
@given(method=st.sampled_from(METHODS), seed=st.integers(0, 2**32), repeats=st.booleans())
def test_each_broken_value_is_proposed_once(method: str, seed: int, repeats: bool) -> None:
    optimizer = search(method, seed, allow_repeats=repeats)
    seen = recipes(run(optimizer, 25, {"dynamic": ["recipe"], "static": ["recipe"]}))
    assert seen.count("dynamic") <= 1
    assert seen.count("static") <= 1


@pytest.mark.parametrize("method", METHODS)
def test_it_counts_by_all_variables_named_together(method: str) -> None:
    optimizer = search(method, allow_repeats=False)
    broken = {"static": ["recipe", "per_channel"], "half": ["recipe", "threads"]}
    trials = run(optimizer, 60, broken)
    static = [trial.config["per_channel"] for trial in trials if trial.config["recipe"] == "static"]
    half = [trial.config["threads"] for trial in trials if trial.config["recipe"] == "half"]
    assert len(static) == len(set(static))
    assert len(half) == len(set(half))


def test_where_the_trial_had_it_inactive_only_what_has_it_inactive_agrees() -> None:
    optimizer = search("random")
    trial = optimizer.add({"recipe": "half", "batch": 1, "threads": 1}, outcome="crashed")
    optimizer.rule_out(trial, ["per_channel", "threads"])
    for other in run(optimizer, 40, {}):
        assert other.config["threads"] == 2 or other.config["recipe"] == "static"
    assert "Ruled out, because trial 0 settles it: per_channel=inactive, threads=1." in optimizer.explain()


def test_what_is_enqueued_is_asked_all_the_same() -> None:
    optimizer = search("guided")
    config = {"recipe": "half", "batch": 1, "threads": 1}
    optimizer.rule_out(optimizer.add(config, outcome="crashed"), ["recipe"])
    optimizer.enqueue(config | {"batch": 2})
    assert optimizer.ask().config == config | {"batch": 2}


@pytest.mark.parametrize("method", METHODS)
def test_nothing_left_is_exhausted_and_not_a_repeat(method: str) -> None:
    optimizer = search(method, allow_repeats=True)
    for recipe in ("plain", "half", "dynamic"):
        trial = optimizer.add({"recipe": recipe, "batch": 1, "threads": 1}, outcome="crashed")
        optimizer.rule_out(trial, ["recipe"])
    config = {"recipe": "static", "per_channel": True, "batch": 3, "threads": 1}
    trial = optimizer.add(config, objective=1.0)
    assert optimizer.ask().config["recipe"] == "static"
    optimizer.rule_out(trial, ["recipe"])
    with pytest.raises(lehr.ExhaustedError, match="ruled out"):
        optimizer.ask()


def test_the_guided_search_wants_no_value_that_is_ruled_out() -> None:
    """Otherwise it would spend every other trial on a draw that covers nothing."""
    optimizer = search("guided", allow_repeats=True)
    trials = run(optimizer, 40, {"dynamic": ["recipe"], "static": ["recipe"]})
    assert {trial.origin for trial in trials[25:]} == {"improvement"}


@pytest.mark.parametrize("method", METHODS)
def test_it_is_saved_with_the_search(method: str) -> None:
    broken = {"dynamic": ["recipe"], "static": ["per_channel", "recipe"]}
    optimizer = search(method, seed=3)
    run(optimizer, 12, broken)
    again = lehr.Optimizer.from_json(optimizer.to_json())
    assert again.state() == optimizer.state()
    assert [one.config for one in run(again, 10, broken)] == [
        one.config for one in run(optimizer, 10, broken)
    ]


@pytest.mark.parametrize(
    "rules", [[[7, ["recipe"]]], [[0, ["nobody"]]], [[0, []]], [[0]], 5, [[0, ["recipe"], 1]]]
)
def test_damage_in_what_was_saved_is_told(rules: object) -> None:
    optimizer = search("random")
    run(optimizer, 2, {"plain": ["recipe"]})
    state = json.loads(optimizer.to_json()) | {"ruled_out": rules}
    with pytest.raises(lehr.LehrError):
        lehr.Optimizer.from_state(state)


def test_wrong_use_is_one_sentence() -> None:
    optimizer = search("random")
    trial = optimizer.ask()
    with pytest.raises(lehr.ResultError, match="is not told yet"):
        optimizer.rule_out(trial, ["recipe"])
    optimizer.tell(trial, outcome="crashed")
    with pytest.raises(lehr.ResultError, match="trial 9 is unknown"):
        optimizer.rule_out(9, ["recipe"])
    for wrong in ([], "recipe", ["recipes"], [3], None):
        with pytest.raises(lehr.OptionError, match="recipe, per_channel, batch, threads"):
            optimizer.rule_out(trial, wrong)  # type: ignore[arg-type]
