"""The guided search as a whole: what it avoids, covers, learns and says."""

from __future__ import annotations

import json
import math

import pytest

import lehr

BACKENDS = ["eager", "compile", "onnx", "vendor"]
MODELS = ["small", "medium", "large", "huge"]
PRECISIONS = ["fp32", "fp16", "int8"]


def space() -> lehr.Space:
    return lehr.Space(
        [
            lehr.Categorical("model", MODELS),
            lehr.Categorical("backend", BACKENDS),
            lehr.Categorical("precision", PRECISIONS),
            lehr.Int("batch", 1, 64, log=True),
        ]
    )


def evaluate(config, speed=1.0, dead=("compile",)):
    """Accuracy by model; latency multiplies; `dead` backends crash, and so does vendor with int8."""
    if config["backend"] in dead or (config["backend"], config["precision"]) == ("vendor", "int8"):
        return {"outcome": "crashed"}
    latency = (
        speed
        * 2.0 ** MODELS.index(config["model"])
        * {"eager": 1.0, "compile": 1.0, "onnx": 0.6, "vendor": 0.4}[config["backend"]]
        * {"fp32": 1.0, "fp16": 0.6, "int8": 0.5}[config["precision"]]
        * config["batch"] ** 0.8
    )
    return {"objective": 0.7 + 0.03 * MODELS.index(config["model"]), "metrics": {"latency": latency}}


def search(seed=0, limit=8.0, **keywords) -> lehr.Optimizer:
    return lehr.Optimizer(space(), constraints={"latency": limit}, method="guided", seed=seed, **keywords)


def run(optimizer, trials=25, **world):
    for _ in range(trials):
        trial = optimizer.ask()
        optimizer.tell(trial, **evaluate(trial.config, **world))
    return optimizer


def test_finds_the_best_model_and_wastes_little():
    searches = [run(search(seed)) for seed in range(0, 400, 20)]
    assert sum(s.best is not None and s.best.config["model"] == "huge" for s in searches) >= 19
    wasted = sum(not trial.feasible for s in searches for trial in s.trials) / (25 * len(searches))
    by_chance = sum(
        not trial.feasible
        for seed in range(0, 400, 20)
        for trial in run(
            lehr.Optimizer(space(), constraints={"latency": 8.0}, method="random", seed=seed)
        ).trials
    ) / (25 * len(searches))
    assert wasted < 0.75 * by_chance


def test_every_value_gets_a_trial_that_ran_or_is_found_to_be_a_cause():
    optimizer = run(search(3), 20)
    ran = [trial.config for trial in optimizer.trials if trial.outcome == "ok"]
    assert {config["model"] for config in ran} == set(MODELS)
    assert {config["backend"] for config in ran} == set(BACKENDS) - {"compile"}
    assert {config["precision"] for config in ran} == set(PRECISIONS)


def test_explains_in_sentences_what_crashes():
    optimizer = search(1)
    for model in MODELS:
        optimizer.add(
            {"model": model, "backend": "compile", "precision": "fp16", "batch": 1}, outcome="crashed"
        )
        config = {"model": model, "backend": "eager", "precision": "fp16", "batch": 1}
        optimizer.add(config, **evaluate(config))
    words = optimizer.explain()
    assert "- backend=compile: crashes (4 of 4, across 4 values of model)" in words
    assert "values without a trial that ran" in words
    assert "backend=onnx" in words
    assert "backend=eager" not in words


def test_a_value_that_is_a_cause_is_left_alone():
    optimizer = search(1)
    for model in MODELS:
        for precision in ("fp32", "fp16"):
            compiled = {"model": model, "backend": "compile", "precision": precision, "batch": 2}
            optimizer.add(compiled, outcome="crashed")
            eager = {**compiled, "backend": "eager"}
            optimizer.add(eager, **evaluate(eager))
    # The precision that has not been seen with it may be tried, and a large gain may be worth a gamble.
    later = run(optimizer, 12).trials[16:]
    assert sum(trial.config["backend"] == "compile" for trial in later) <= 2


def test_a_stop_beyond_a_limit_is_not_a_crash_and_teaches_the_limit():
    optimizer = search(1)
    for model in MODELS:
        for backend in ("eager", "onnx"):
            config = {"model": model, "backend": backend, "precision": "fp32", "batch": 64}
            optimizer.add(config, outcome="early_stopped", metrics={"latency": 40.0})
    assert "crashes" not in optimizer.explain()
    assert sum(optimizer.ask().config["batch"] for _ in range(8)) / 8 < 40


def test_pending_trials_are_not_repeated_and_spread():
    optimizer = run(search(2), 6)
    pending = [json.dumps(optimizer.ask().config, sort_keys=True) for _ in range(12)]
    assert len(set(pending)) == 12


@pytest.mark.parametrize("limits", [{}, {"latency": 1e9}, {"latency": -1.0}, {"latency": 0.0}])
def test_limits_of_any_kind(limits):
    optimizer = lehr.Optimizer(space(), constraints=limits, method="guided")
    for _ in range(15):
        trial = optimizer.ask()
        result = evaluate(trial.config)
        if "metrics" in result and not limits:
            result["metrics"] = {}
        optimizer.tell(trial, **result)
    assert len({json.dumps(trial.config, sort_keys=True) for trial in optimizer.trials}) == 15


@pytest.mark.parametrize(
    "part",
    [
        *(
            "failure_model",
            "pairs",
            "triples",
            "thresholds",
            "limits",
            "growth",
            "unskew",
            "spread",
            "coverage",
        ),
        *("mains", "whole", "refine"),
    ],
)
def test_every_part_can_be_switched_off(part):
    optimizer = run(search(4, options={f"guided_{part}": False}), 12)
    assert optimizer.options[f"guided_{part}"] == 0
    assert len(optimizer.trials) == 12


def test_a_large_constant_objective_and_metrics():
    optimizer = search(5, limit=1e300)
    for _ in range(12):
        optimizer.tell(optimizer.ask(), objective=1e300, metrics={"latency": 1e299})
    tiny = search(5, limit=1e-300)
    for _ in range(12):
        tiny.tell(tiny.ask(), objective=-1e-300, metrics={"latency": 1e-301})
    assert tiny.best is not None


class TestFinished:
    def test_says_when_nothing_is_left_to_gain(self):
        optimizer = search(7)
        assert optimizer.finished is None
        words = run(optimizer, 60).finished
        assert words is not None
        assert f"trial {optimizer.best.number}" in words

    def test_not_while_trials_are_pending_or_enqueued(self):
        optimizer = run(search(7), 60)
        optimizer.enqueue({"model": "huge", "backend": "onnx", "precision": "fp32", "batch": 63})
        assert optimizer.finished is None

    def test_asking_does_not_change_the_search(self):
        asked, left = run(search(8), 20), run(search(8), 20)
        assert asked.finished == left.finished
        assert asked.ask().config == left.ask().config

    def test_other_methods_do_not_tell(self):
        assert lehr.Optimizer(space(), method="tpe").finished is None


class TestLearning:
    def test_the_best_of_another_device_comes_first(self):
        previous = run(search(1), speed=1.3)
        optimizer = search(2)
        assert optimizer.learn(previous) == 25
        first = optimizer.ask()
        assert first.origin == "transfer"
        assert first.config == previous.best.config

    def test_never_more_than_two_trials_lost_on_a_wrong_prior(self):
        previous = run(search(1), dead=("onnx", "eager", "vendor"))
        optimizer = search(2)
        optimizer.learn(previous)
        run(optimizer)
        assert [trial.origin for trial in optimizer.trials].count("transfer") <= 2
        assert optimizer.best.config["model"] == "huge"

    def test_known_failures_are_avoided(self):
        previous = run(search(1, limit=16.0), 40)
        crashes = {True: 0, False: 0}
        for learned in (True, False):
            for seed in range(6):
                optimizer = search(seed, limit=6.0)
                if learned:
                    optimizer.learn(previous)
                run(optimizer, 10, speed=0.8)
                crashes[learned] += sum(trial.outcome == "crashed" for trial in optimizer.trials)
        assert crashes[True] < crashes[False]

    def test_it_is_part_of_the_saved_state(self):
        optimizer = search(2)
        optimizer.learn(run(search(1), 15))
        run(optimizer, 7)
        again = lehr.Optimizer.from_json(optimizer.to_json())
        assert run(again, 5).explain() == run(optimizer, 5).explain()
        assert [t.config for t in again.trials] == [t.config for t in optimizer.trials]
        assert "Learned from 15 trials" in again.explain()

    def test_what_does_not_fit_is_left_out_and_nothing_that_fits_is_an_error(self):
        wider = [
            lehr.Categorical("model", [*MODELS, "giant"]),
            lehr.Categorical("backend", BACKENDS),
            lehr.Categorical("precision", PRECISIONS),
            lehr.Int("batch", 1, 256, log=True),
        ]
        other = lehr.Optimizer(lehr.Space(wider), method="random")
        for _ in range(30):
            other.tell(other.ask(), objective=1.0)
        fit = [t for t in other.trials if t.config["model"] != "giant" and t.config["batch"] <= 64]
        assert 0 < len(fit) < 30
        assert search().learn(other) == len(fit)
        strangers = [trial for trial in other.trials if trial not in fit]
        message = f"none of the {len(strangers)} finished trials to learn from is legal in this space"
        with pytest.raises(lehr.ConfigurationError, match=message):
            search().learn(strangers)

    def test_only_before_the_first_trial_and_only_guided(self):
        optimizer = run(search(), 2)
        with pytest.raises(lehr.OptionError, match="before the first ask"):
            optimizer.learn([])
        with pytest.raises(lehr.OptionError, match="use method 'guided'"):
            lehr.Optimizer(space(), method="tpe").learn([])

    @pytest.mark.parametrize("what", [3, [3], ["trial"]])
    def test_what_is_no_history_is_refused(self, what):
        with pytest.raises(lehr.ResultError, match="learn takes"):
            search().learn(what)


class TestSeconds:
    def test_are_kept_and_saved(self):
        optimizer = search()
        trial = optimizer.ask()
        optimizer.tell(trial, outcome="crashed", seconds=120)
        assert trial.seconds == 120.0
        loaded = lehr.Optimizer.from_json(optimizer.to_json())
        assert loaded.trials[0].seconds == 120.0
        optimizer.tell(optimizer.ask(), outcome="crashed")
        assert optimizer.trials[1].seconds is None

    @pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, "long"])
    def test_must_be_a_duration(self, seconds):
        optimizer = search()
        with pytest.raises(lehr.ResultError, match="seconds"):
            optimizer.tell(optimizer.ask(), outcome="crashed", seconds=seconds)
        assert optimizer.trials[0].outcome is None
