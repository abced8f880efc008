"""The optimiser's contract: one suite that every method passes. A new method is one line in METHODS."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lehr
from lehr.limits import Limit

METHODS = ["random", "grid", "tba", "tpe", "tba-tpe", "tpe c-tpe", "tba-tpe c-tpe", "guided"]
PRESETS = ["default", "paper"]

method_and_preset = pytest.mark.parametrize(
    ("method", "preset"), [(method, preset) for method in METHODS for preset in PRESETS]
)


def deployment_space():
    return lehr.Space(
        [
            lehr.Categorical("model", ["small", "medium", "large"]),
            lehr.Categorical("backend", ["eager", "compile", "onnx"]),
            lehr.Categorical("precision", ["fp32", "fp16", "int8"]),
            lehr.Int("batch", 1, 32, log=True),
            lehr.Int("threads", 1, 8, when=lehr.param("backend").isin(["eager", "onnx"])),
            lehr.Ordinal("tile", [16, 32, 64], when=lehr.param("backend") == "compile"),
            lehr.Float("rate", 1e-4, 1e-1, log=True),
        ],
        forbid=[(lehr.param("backend") == "compile") & (lehr.param("precision") == "int8")],
    )


LIMITS = {"latency": 20.0, "memory": 512.0}


def evaluate(config):
    """A made-up deployment: a third crashes, another third misses a limit."""
    if config["backend"] == "onnx" and config["precision"] == "fp16":
        return {"outcome": "crashed"}
    if config["model"] == "large" and config["batch"] > 16:
        return {"outcome": "oom"}
    size = {"small": 1.0, "medium": 2.0, "large": 4.0}[config["model"]]
    speed = {"fp32": 1.0, "fp16": 0.6, "int8": 0.5}[config["precision"]]
    latency = 3.0 * size * speed * config["batch"] ** 0.8 / config.get("threads", 4) ** 0.5
    memory = 100.0 * size * speed + 8.0 * config["batch"]
    accuracy = 0.7 + 0.05 * math.log2(size) - 0.02 * (1.0 - speed) + 0.01 * math.log10(config["rate"] / 1e-4)
    return {"objective": accuracy, "metrics": {"latency": latency, "memory": memory}}


def optimizer_of(space, method, **keywords):
    """A method, or a method and an acquisition."""
    name, _, acquisition = method.partition(" ")
    return lehr.Optimizer(space, method=name, acquisition=acquisition or "ratio", **keywords)


def make(method="tba-tpe", preset="default", seed=1, budget=25, **keywords):
    keywords.setdefault("constraints", LIMITS)
    return optimizer_of(deployment_space(), method, preset=preset, seed=seed, budget=budget, **keywords)


def run(optimizer, count, function=evaluate):
    for _ in range(count):
        trial = optimizer.ask()
        optimizer.tell(trial, **function(trial.config))
    return [trial.config for trial in optimizer.trials]


@method_and_preset
def test_every_proposal_is_legal(method, preset):
    optimizer = make(method, preset)
    for config in run(optimizer, 40):
        optimizer.space.validate(config)


@method_and_preset
def test_same_seed_same_sequence(method, preset):
    assert run(make(method, preset), 30) == run(make(method, preset), 30)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "grid"])
def test_other_seed_other_sequence(method):
    assert run(make(method, seed=1), 5) != run(make(method, seed=2), 5)


@method_and_preset
def test_saved_and_loaded_continues_exactly(method, preset):
    unbroken = run(make(method, preset), 30)
    optimizer = make(method, preset)
    for stop in (2, 7, 16, 30):
        run(optimizer, stop - len(optimizer.trials))
        optimizer = lehr.Optimizer.from_json(optimizer.to_json())
    assert [trial.config for trial in optimizer.trials] == unbroken


@method_and_preset
def test_saving_keeps_pending_and_enqueued_trials(method, preset):
    optimizer = make(method, preset)
    run(optimizer, 6)
    pending = [optimizer.ask() for _ in range(3)]
    queued = optimizer.space.sample(seed=5)
    optimizer.enqueue(queued)
    loaded = lehr.Optimizer.from_json(optimizer.to_json())
    assert loaded.to_json() == optimizer.to_json()
    for trial in reversed(pending):
        for each in (optimizer, loaded):
            each.tell(trial.number, **evaluate(trial.config))
    assert loaded.ask().config == queued
    assert optimizer.ask().config == queued
    assert [loaded.ask().config for _ in range(4)] == [optimizer.ask().config for _ in range(4)]


@pytest.mark.parametrize("method", METHODS)
def test_default_preset_does_not_depend_on_the_budget(method):
    if method == "grid":
        pytest.skip("a grid's order depends on how much of it the budget covers")
    assert run(make(method, budget=10), 25) == run(make(method, budget=25), 25)


@pytest.mark.parametrize("method", METHODS)
def test_no_configuration_comes_twice(method):
    configs = [json.dumps(config, sort_keys=True) for config in run(make(method), 60)]
    assert len(set(configs)) == 60


@pytest.mark.parametrize("method", METHODS)
def test_a_finite_space_is_used_up_exactly_once(method):
    space = lehr.Space(
        [lehr.Categorical("a", [1, 2, 3]), lehr.Int("b", 1, 4), lehr.Categorical("c", [True, None])]
    )
    optimizer = optimizer_of(space, method, seed=3, budget=100)
    seen = {str(config) for config in run(optimizer, 24, lambda config: {"objective": float(config["b"])})}
    assert len(seen) == 24
    with pytest.raises(lehr.ExhaustedError, match="24"):
        optimizer.ask()
    assert len(optimizer.trials) == 24


@pytest.mark.parametrize("method", [m for m in METHODS if m != "grid"])
def test_repeats_when_asked_for(method):
    space = lehr.Space([lehr.Categorical("a", ["x", "y"])])
    optimizer = optimizer_of(space, method, allow_repeats=True)
    run(optimizer, 12, lambda config: {"objective": 1.0 if config["a"] == "x" else 0.0})
    assert len(optimizer.trials) == 12


@method_and_preset
def test_many_asks_open_at_once_told_in_any_order(method, preset):
    optimizer = make(method, preset)
    for round_ in range(6):
        trials = [optimizer.ask() for _ in range(5)]
        for trial in trials[::-1] if round_ % 2 else trials:
            optimizer.tell(trial, **evaluate(trial.config))
    assert len(optimizer.trials) == 30
    assert all(trial.outcome is not None for trial in optimizer.trials)


@pytest.mark.parametrize("method", METHODS)
def test_pending_trials_are_not_proposed_again(method):
    optimizer = make(method)
    configs = [json.dumps(optimizer.ask().config, sort_keys=True) for _ in range(30)]
    assert len(set(configs)) == 30


@method_and_preset
def test_minimise_mirrors_maximise(method, preset):
    def mirrored(config):
        result = evaluate(config)
        return result | {"objective": -result["objective"]} if "objective" in result else result

    assert run(make(method, preset), 30) == run(make(method, preset, direction="minimize"), 30, mirrored)


@method_and_preset
@pytest.mark.parametrize("outcome", ["crashed", "timeout", "oom", "early_stopped"])
def test_survives_a_space_where_nothing_runs(method, preset, outcome):
    optimizer = make(method, preset)
    run(optimizer, 30, lambda config: {"outcome": outcome})
    assert optimizer.best is None
    assert all(not trial.feasible and trial.violation > 0 for trial in optimizer.trials)


@method_and_preset
def test_survives_a_plateau(method, preset):
    optimizer = make(method, preset)
    run(optimizer, 30, lambda config: {"objective": 1.0, "metrics": {"latency": 1.0, "memory": 1.0}})
    assert optimizer.best.number == 0


@method_and_preset
def test_all_results_added_from_elsewhere(method, preset):
    optimizer = make(method, preset)
    for seed in range(20):
        config = optimizer.space.sample(seed=seed)
        optimizer.add(config, **evaluate(config))
    trial = optimizer.ask()
    assert trial.number == 20
    optimizer.space.validate(trial.config)
    assert {trial.origin for trial in optimizer.trials[:20]} == {"added"}


@pytest.mark.parametrize("method", METHODS)
def test_explain_speaks_at_every_moment(method):
    optimizer = make(method)
    for _ in range(25):
        words = optimizer.explain()
        assert words.startswith(f"Phase {optimizer.phase}")
        assert f"{len(optimizer.trials)} trials told" in words
        trial = optimizer.ask()
        assert "1 pending" in optimizer.explain()
        optimizer.tell(trial, **evaluate(trial.config))


def test_best_is_feasible_and_the_first_among_equals():
    optimizer = make("random")
    for objective, latency in [(5.0, 30.0), (1.0, 10.0), (2.0, 20.0), (2.0, 5.0)]:
        trial = optimizer.ask()
        optimizer.tell(trial, objective=objective, metrics={"latency": latency, "memory": 1.0})
    assert optimizer.best.number == 2
    assert [trial.feasible for trial in optimizer.trials] == [False, True, True, True]
    assert optimizer.trials[0].violation == pytest.approx(0.5)


def test_best_when_minimising():
    optimizer = make("random", direction="minimize", constraints={})
    for objective in (3.0, -1.0, 2.0):
        optimizer.tell(optimizer.ask(), objective=objective)
    assert optimizer.best.objective == -1.0


def test_tell_fills_the_trial_that_was_asked():
    optimizer = make()
    trial = optimizer.ask()
    assert (trial.outcome, trial.objective) == (None, None)
    optimizer.tell(trial, objective=0.5, metrics={"latency": 25.0, "memory": 1.0})
    assert (trial.outcome, trial.objective, trial.feasible) == ("ok", 0.5, False)
    assert trial.metrics == {"latency": 25.0, "memory": 1.0}


GOOD = {"latency": 1.0, "memory": 1.0}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"objective": math.nan, "metrics": GOOD}, "objective is nan"),
        ({"objective": math.inf, "metrics": GOOD}, "objective is inf"),
        ({"objective": None, "metrics": GOOD}, "objective is missing"),
        ({"objective": "0.7", "metrics": GOOD}, "give a number"),
        ({"objective": 1.0, "metrics": {"latency": 1.0}}, "missing metric 'memory'"),
        ({"objective": 1.0}, "missing metrics 'latency', 'memory'"),
        (
            {"objective": 1.0, "metrics": GOOD | {"latancy": 1.0}},
            "unknown metric 'latancy'.*did you mean 'latency'",
        ),
        ({"objective": 1.0, "metrics": GOOD | {"memory": math.nan}}, "'memory' is nan"),
        ({"objective": 1.0, "metrics": GOOD | {"memory": -math.inf}}, "'memory' is -inf"),
        ({"objective": 1.0, "metrics": GOOD | {"memory": None}}, "'memory' is None"),
        ({"outcome": "exploded"}, "unknown outcome 'exploded'"),
        ({"objective": 1.0, "outcome": "crashed"}, "only outcome 'ok'"),
        ({"outcome": "early_stopped", "metrics": {"speed": 1.0}}, "unknown metric 'speed'"),
    ],
)
def test_a_bad_result_is_refused_and_changes_nothing(result, message):
    optimizer = make()
    run(optimizer, 4)
    trial = optimizer.ask()
    before = optimizer.to_json()
    with pytest.raises(lehr.ResultError, match=message):
        optimizer.tell(trial, **result)
    with pytest.raises(lehr.ResultError, match=message):
        optimizer.add(optimizer.space.sample(seed=1), **result)
    assert optimizer.to_json() == before
    optimizer.tell(trial, **evaluate(trial.config))


def test_told_twice_or_unknown_changes_nothing():
    optimizer = make()
    trial = optimizer.ask()
    optimizer.tell(trial, outcome="crashed")
    before = optimizer.to_json()
    with pytest.raises(lehr.ResultError, match="told already"):
        optimizer.tell(trial, outcome="crashed")
    for unknown in (1, 99, -1, "first", 0.5):
        with pytest.raises(lehr.ResultError):
            optimizer.tell(unknown, outcome="crashed")
    assert optimizer.to_json() == before


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"method": "magic"}, "unknown method 'magic'"),
        ({"preset": "mine"}, "unknown preset 'mine'"),
        ({"direction": "up"}, "unknown direction 'up'"),
        ({"budget": 0}, "budget is 0"),
        ({"budget": 2.5}, "budget is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"constraints": {"latency": math.inf}}, "must be finite"),
        ({"constraints": [Limit("latency", math.inf)]}, "not a finite number"),
        ({"constraints": [Limit("", 1.0)]}, "empty metric name"),
        ({"constraints": {"latency": "20ms"}}, "no unit that lehr knows"),
        ({"constraints": ["latency == 20"]}, "asks for equality"),
        ({"constraints": 20.0}, "no limit"),
        ({"options": {"snapback": 0}}, "unknown option 'snapback'.*snap_back"),
        ({"options": {"snap_back": 2}}, "'snap_back' is 2.*from 0 to 1"),
        ({"options": {"patience": 1.5}}, "an integer from 1"),
        ({"options": {"blacklist": 3}}, "True or False"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(keywords, message):
    with pytest.raises(lehr.OptionError, match=message):
        make(**keywords)


def test_a_space_is_required():
    with pytest.raises(lehr.OptionError, match=r"lehr\.Space"):
        lehr.Optimizer([lehr.Int("x", 1, 2)])


def test_enqueued_configurations_come_first_in_order_even_if_known():
    optimizer = make()
    first = optimizer.ask()
    optimizer.tell(first, **evaluate(first.config))
    other = optimizer.space.sample(seed=9)
    optimizer.enqueue(other)
    optimizer.enqueue(first.config)
    assert [optimizer.ask().config for _ in range(2)] == [other, first.config]
    with pytest.raises(lehr.ConfigurationError):
        optimizer.enqueue({"model": "small"})


def test_a_damaged_or_newer_save_is_refused():
    saved = make().state()
    for damage in (
        {"version": 99},
        {"format": "else"},
        {"events": [["tell", 5, "ok", 1.0, [1.0, 1.0]]]},
        {"seed": "x"},
    ):
        with pytest.raises(lehr.LehrError):
            lehr.Optimizer.from_state(saved | damage)
    for text in ("", "{", "[]", "null"):
        with pytest.raises(lehr.LehrError):
            lehr.Optimizer.from_json(text)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    method=st.sampled_from(METHODS),
    preset=st.sampled_from(PRESETS),
    results=st.lists(
        st.one_of(
            st.sampled_from([{"outcome": "crashed"}, {"outcome": "timeout"}, {"outcome": "oom"}]),
            st.builds(
                lambda f, g: {"objective": f, "metrics": {"latency": g, "memory": 1.0}},
                st.floats(-1e6, 1e6),
                st.floats(-1e3, 1e6),
            ),
            st.builds(lambda g: {"outcome": "early_stopped", "metrics": {"latency": g}}, st.floats(0, 1e6)),
        ),
        min_size=1,
        max_size=40,
    ),
)
def test_any_history_gives_legal_proposals_and_survives_saving(seed, method, preset, results):
    optimizer = make(method, preset, seed=seed)
    for result in results:
        trial = optimizer.ask()
        optimizer.space.validate(trial.config)
        optimizer.tell(trial, **result)
    loaded = lehr.Optimizer.from_json(optimizer.to_json())
    assert loaded.to_json() == optimizer.to_json()
    assert loaded.ask() == optimizer.ask()
