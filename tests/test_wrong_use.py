"""What a user gets wrong gets one sentence: what was given, what is allowed, what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lehr
from lehr.bench import Problem, Store, hashed_seed, run_study, sweep
from lehr.bench.runs import run as run_methods
from lehr.errors import ConfigurationError, LehrError, OptionError, ResultError
from lehr.integrations.optuna import LehrSampler

SPACE = lehr.Space([lehr.Categorical("b", ["x", "y"]), lehr.Int("n", 1, 8)])
CONFIG = {"b": "x", "n": 1}
HUGE = 10**400  # an integer beyond every float


def search(**keywords: Any) -> lehr.Optimizer:
    return lehr.Optimizer(SPACE, **keywords)


def told(*arguments: Any, trial: Any = None, **keywords: Any) -> None:
    """One trial of a search with a limit on `lat`, told so."""
    optimizer = search(constraints={"lat": 5.0})
    asked = optimizer.ask()
    optimizer.tell(asked if trial is None else trial, *arguments, **keywords)


def refused(error: type[LehrError], words: str, action: Callable[[], object]) -> None:
    with pytest.raises(error) as caught:
        action()
    said = str(caught.value)
    assert words in said
    assert "incompatible" not in said  # the bindings' own words
    assert "\n" not in said


@pytest.mark.parametrize(
    ("error", "words", "action"),
    [
        (OptionError, "n is '3'; give an integer of at least 0", lambda: SPACE.sample("3")),
        (OptionError, "seed is 'a'; give an integer from 0", lambda: SPACE.sample(seed="a")),
        (OptionError, "seed is 1180591620717411303424", lambda: SPACE.sample(seed=2**70)),
        (OptionError, "resolution is 0; give an integer of at least 1", lambda: list(SPACE.enumerate(0))),
        (OptionError, "scale is '1', a str; give a number", lambda: SPACE.neighbour(CONFIG, scale="1")),
        (OptionError, "scale must be a positive finite", lambda: SPACE.neighbour(CONFIG, scale=math.inf)),
        (
            ConfigurationError,
            "a dict from names of variables to values, not int",
            lambda: SPACE.neighbours(3),
        ),
        (OptionError, "options is a list; give settings by name", lambda: search(options=[1])),
        (OptionError, "options is a str; give settings by name", lambda: search(options="patience")),
        (OptionError, "option 'patience' is too large", lambda: search(options={"patience": HUGE})),
        (OptionError, "allow_repeats is 'yes'; give True or False", lambda: search(allow_repeats="yes")),
        (OptionError, "cannot read 'lat': write it as", lambda: search(constraints=["lat"])),
        (OptionError, "'lat': '20ms': 'lat' has no unit", lambda: search(constraints={"lat": "20ms"})),
        (OptionError, "unknown method 'bayes'; use one of", lambda: search(method="bayes")),
        (OptionError, "unknown direction 'max'; use", lambda: search(direction="max")),
        (OptionError, "space is a list; give a lehr.Space", lambda: lehr.Optimizer([lehr.Int("n", 1, 2)])),
        (ConfigurationError, "not NoneType", lambda: search().add(None, 1.0)),
        (ConfigurationError, "not str", lambda: search().add("ab", 1.0)),
        (ConfigurationError, "not list", lambda: search().enqueue([("b", "x")])),
        (ConfigurationError, "not int", lambda: search().enqueue(3)),
        (ConfigurationError, "not NoneType", lambda: search().replay_ask(None, "initial")),
        (ConfigurationError, "put the one you have in [ ]", lambda: search(method="tpe").score(CONFIG)),
        (ConfigurationError, "configs must be a list", lambda: search(method="tpe").score("abc")),
        (OptionError, "does not learn from other searches; use", lambda: search().learn(search())),
        (ResultError, "this is a NoneType", lambda: search(method="guided").learn(None)),
        (ResultError, "this is a dict", lambda: search(method="guided").learn([CONFIG])),
        (LehrError, "not a saved lehr search", lambda: lehr.Optimizer.from_json(None)),
        (LehrError, "not a saved lehr search", lambda: lehr.Optimizer.from_state([])),
    ],
)
def test_spaces_and_searches(error: type[LehrError], words: str, action: Callable[[], object]) -> None:
    refused(error, words, action)


@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("None is not a trial; give what ask() returned", lambda: search().tell(None, 1.0)),
        ("True is not a trial", lambda: told(1.0, {"lat": 1.0}, trial=True)),
        ("trial -1 is unknown; trials are numbered from 0", lambda: told(1.0, {"lat": 1.0}, trial=-1)),
        ("is unknown; trials are numbered from 0", lambda: told(1.0, {"lat": 1.0}, trial=2**70)),
        ("trial 99 is unknown; trials 0 to 0 were asked", lambda: told(1.0, {"lat": 1.0}, trial=99)),
        ("the objective is missing; tell a finite number", lambda: told(metrics={"lat": 1.0})),
        ("the objective is array([1., 2.]), a ndarray", lambda: told(np.array([1.0, 2.0]), {"lat": 1.0})),
        ("the objective is too large", lambda: told(HUGE, {"lat": 1.0})),
        ("metric 'lat' is too large", lambda: told(1.0, {"lat": HUGE})),
        ("metrics is a list; give a dict of numbers", lambda: told(1.0, [1.0])),
        ("metrics is a float; give a dict of numbers", lambda: told(1.0, 1.0)),
        ("metrics is a str; give a dict of numbers", lambda: told(1.0, "lat")),
        ("metrics is a list; give a dict of numbers", lambda: told(None, [], "crashed")),
        ("did you mean 'lat'?", lambda: told(1.0, {"lta": 1.0})),
        ("metric 'lat' is None, a NoneType; give a number", lambda: told(1.0, {"lat": None})),
        ("unknown outcome 'failed'; use one of ok, crashed", lambda: told(1.0, {"lat": 1.0}, "failed")),
        ("seconds is -1; give a finite number of at least 0", lambda: told(1.0, {"lat": 1.0}, seconds=-1)),
    ],
)
def test_results(words: str, action: Callable[[], object]) -> None:
    refused(ResultError, words, action)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"options": 3}, "options is a int; give settings by name"),
        ({"budget": "x"}, "budget is 'x'; give an integer"),
        ({"events": [3]}, "damaged"),
        ({"queue": [3]}, "damaged"),
        ({"constraints": [3]}, "damaged"),
        ({"space": "abc"}, "not the JSON form of a space"),
    ],
)
def test_saved_searches_that_were_damaged(damage: dict[str, Any], words: str) -> None:
    state = search().state()
    refused(LehrError, words, lambda: lehr.Optimizer.from_state(state | damage))
    (name,) = damage
    del state[name]
    refused(LehrError, f"damaged: '{name}' is missing", lambda: lehr.Optimizer.from_state(state))


@pytest.mark.parametrize(
    ("error", "words", "action"),
    [
        (OptionError, "space is a list; give a lehr.Space", lambda: lehr.ParzenEstimator([1], [])),
        (ConfigurationError, "observations must be a list", lambda: lehr.ParzenEstimator(SPACE, None)),
        (ConfigurationError, "put the one you have in [ ]", lambda: lehr.ParzenEstimator(SPACE, CONFIG)),
        (OptionError, "prior_weight is '1'", lambda: lehr.ParzenEstimator(SPACE, [], prior_weight="1")),
        (ConfigurationError, "configs must be a list", lambda: lehr.ParzenEstimator(SPACE, []).log_pdf(None)),
        (OptionError, "unknown method 'None'", lambda: LehrSampler(None)),
        (OptionError, "options is a list; give settings by name", lambda: LehrSampler(options=[1])),
        (OptionError, "allow_repeats is 'no'; give True", lambda: LehrSampler(allow_repeats="no")),
        (OptionError, "learn_from_failures is 'no'", lambda: LehrSampler(learn_from_failures="no")),
        (OptionError, "budget is '25'; give an integer from 1", lambda: LehrSampler(budget="25")),
    ],
)
def test_densities_and_the_sampler(error: type[LehrError], words: str, action: Callable[[], object]) -> None:
    refused(error, words, action)


PROBLEM = Problem.load("crashy_branin")
LEGAL = PROBLEM.space.sample(seed=1)


@pytest.mark.parametrize(
    ("error", "words", "action"),
    [
        (OptionError, "this is a NoneType; give a str", lambda: Problem.load(None)),
        (OptionError, "unknown problem 'nope'; use one of", lambda: Problem.load("nope")),
        (LehrError, "a recording is named by its path", lambda: Problem.replay(None)),
        (ConfigurationError, "not NoneType", lambda: PROBLEM.evaluate(None)),
        (ConfigurationError, "not int", lambda: PROBLEM.truth(3)),
        (OptionError, "seed is -1; give an integer from 0", lambda: PROBLEM.evaluate(LEGAL, -1)),
        (OptionError, "repeat is -1; give an integer from 0", lambda: PROBLEM.evaluate(LEGAL, 0, -1)),
        (OptionError, "n is -1; give an integer from 0", lambda: PROBLEM.invalid_share(-1)),
        (OptionError, "problem is a str; give what", lambda: run_study("crashy_branin", "tpe", 5, 0)),
        (OptionError, "a method is None, a NoneType", lambda: run_study(PROBLEM, None, 5, 0)),
        (OptionError, "index is -1", lambda: hashed_seed(-1)),
        (OptionError, "a results folder is named by a path", lambda: Store(None)),
    ],
)
def test_problems(error: type[LehrError], words: str, action: Callable[[], object]) -> None:
    refused(error, words, action)


@pytest.mark.parametrize("run", [sweep, run_methods])
@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("give a list of at least one problem, not 'crashy_branin'", {"problems": "crashy_branin"}),
        ("give a list of at least one problem, not None", {"problems": None}),
        ("this is a int; give a str", {"problems": [3]}),
        ("give a list of at least one method, not 'tpe'", {"methods": "tpe"}),
        ("a method is 3, a int; give its name", {"methods": [3]}),
        ("give a list of at least one budget, not 5", {"budgets": 5}),
        ("budget is '5'; give an integer", {"budgets": ["5"]}),
        ("seeds is 0; give an integer", {"seeds": 0}),
        ("lies below a file; give a folder", {"out": __file__ + "/x"}),
    ],
)
def test_sweeps(run: Callable[..., object], words: str, wrong: dict[str, Any], tmp_path: Any) -> None:
    asked = {"problems": ["crashy_branin"], "methods": ["random"], "budgets": [2], "seeds": 1}
    refused(OptionError, words, lambda: run(**(asked | {"out": tmp_path / "out"} | wrong)))
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match="'z' is not a variable of this space; its variables are b, n"):
        SPACE["z"]
