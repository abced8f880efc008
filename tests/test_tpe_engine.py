"""TPE over a growing history: the densities it keeps, its split, and that nothing but the history matters."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import _split_trials, default_gamma

import lehr
from lehr import _core
from lehr.parzen import _dimension


def mixed_space():
    return lehr.Space(
        [
            lehr.Categorical("backend", ["eager", "compile", "onnx"]),
            lehr.Float("rate", 1e-4, 1e-1, log=True),
            lehr.Float("share", 0.0, 1.0, step=0.1),
            lehr.Int("batch", 1, 64, log=True),
            lehr.Int("threads", 1, 8, when=lehr.param("backend") != "compile"),
            lehr.Categorical("fused", [True, False], when=lehr.param("backend") == "compile"),
        ]
    )


LIMITS = {"latency": 20.0, "memory": 512.0}


def evaluate(config, rng):
    if config["backend"] == "onnx" and rng.random() < 0.4:
        return {"outcome": "crashed"}
    latency = config["batch"] * (0.5 + config["share"]) / config.get("threads", 3) ** 0.5
    return {
        "objective": round(config["share"] - abs(math.log10(config["rate"]) + 2.5), 1),
        "metrics": {"latency": latency, "memory": 100.0 + 10 * config["batch"]},
    }


def optimizer(seed=0, **keywords):
    keywords.setdefault("constraints", LIMITS)
    keywords.setdefault("method", "tpe")
    return lehr.Optimizer(mixed_space(), seed=seed, **keywords)


def grown(count, seed=0, pending=3, **keywords):
    """A history with some trials still pending, told out of order."""
    rng = random.Random(seed)
    search = optimizer(seed, **keywords)
    waiting = []
    for _ in range(count):
        waiting.append(search.ask())
        while len(waiting) > pending:
            trial = waiting.pop(rng.randrange(len(waiting)))
            search.tell(trial, **evaluate(trial.config, rng))
    return search


@pytest.mark.parametrize("count", [12, 40, 97, 130, 320])
def test_the_score_is_that_of_estimators_fitted_to_the_split(count):
    search = grown(count, seed=count)
    dimensions = [_dimension(variable) for variable in search.space]
    codes = np.array([search.space._encode(trial.config) for trial in search.trials])
    below, above = (_core.ParzenEstimator(dimensions, codes[list(side)]) for side in search.split())
    configs = search.space.sample(50, seed=1)
    points = np.array([search.space._encode(config) for config in configs])
    np.testing.assert_allclose(
        search.score(configs), below.log_pdf(points) - above.log_pdf(points), rtol=1e-12, atol=1e-11
    )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), acquisition=st.sampled_from(["ratio", "c-tpe"]))
def test_saving_and_looking_leave_no_trace(seed, acquisition):
    rng = random.Random(seed)
    stops = {rng.randrange(400) for _ in range(5)}
    looks = {rng.randrange(400) for _ in range(20)}
    size = max(stops) + 2
    method = rng.choice(["tpe", "tba-tpe"])
    plain, interrupted = (
        optimizer(seed % 1000, method=method, acquisition=acquisition, options={"failures_below": seed % 2})
        for _ in range(2)
    )
    waiting = []
    for number in range(size):
        trial, twin = plain.ask(), interrupted.ask()
        assert trial.config == twin.config
        waiting.append(trial)
        while len(waiting) > 2:
            told = waiting.pop(rng.randrange(len(waiting)))
            result = evaluate(told.config, rng)
            for search in (plain, interrupted):
                search.tell(told.number, **result)
        if number in looks:
            interrupted.score(interrupted.space.sample(3, seed=number))
            interrupted.split()
        if number in stops:
            interrupted = lehr.Optimizer.from_json(interrupted.to_json())
    configs = plain.space.sample(20, seed=2)
    assert (np.asarray(plain.score(configs)) == np.asarray(interrupted.score(configs))).all()


PROGRAM = """
import json, sys
sys.path.insert(0, {folder!r})
import test_tpe_engine as t
from lehr import _core
search = t.grown(int(sys.argv[1]), seed=4)
scores = search.score(search.space.sample(40, seed=8))
print(json.dumps([_core.isa(), [trial.config for trial in search.trials], [float(x).hex() for x in scores]]))
"""


def run_with(isa, count=160):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=os.path.dirname(__file__)), str(count)],
        env={**os.environ, "LEHR_FORCE_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_instruction_set_gives_the_same_digits():
    baseline = run_with("baseline")
    assert baseline.returncode == 0, baseline.stderr
    name, *digits = json.loads(baseline.stdout)
    assert name == "baseline"
    for isa in ("avx2", "avx512"):
        wider = run_with(isa)
        if wider.returncode != 0:  # this processor lacks it, and says so
            assert f"LEHR_FORCE_ISA is '{isa}'" in wider.stderr
            continue
        assert json.loads(wider.stdout) == [isa, *digits]


def test_an_unknown_instruction_set_is_refused_in_one_sentence():
    refused = run_with("sse9", count=12)
    assert refused.returncode != 0
    assert "LEHR_FORCE_ISA is 'sse9', which is unknown or not supported" in refused.stderr
    assert "baseline" in refused.stderr


@settings(max_examples=60, deadline=None)
@given(
    results=st.lists(
        st.one_of(
            st.none(),
            st.just("crashed"),
            st.tuples(st.integers(-3, 3), st.sampled_from([5.0, 20.0, 21.0, 30.0]), st.just(100.0)),
            st.tuples(st.integers(-3, 3), st.just(40.0), st.sampled_from([500.0, 600.0])),
        ),
        min_size=1,
        max_size=60,
    ),
    direction=st.sampled_from(["minimize", "maximize"]),
)
def test_the_split_is_optunas(results, direction):
    """Pending results stand for running trials; raw sums of violations, as Optuna's."""
    search = optimizer(
        direction=direction,
        allow_repeats=True,
        options={"failures_below": True, "relative_violations": False, "startup_trials": 1000},
    )
    study = optuna.create_study(direction=direction)
    trials = []
    finished = 0
    for number, result in enumerate(results):
        ours = search.ask()
        if result is None:
            trials.append(
                optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, params={}, distributions={})
            )
        elif result == "crashed":
            search.tell(ours, outcome="crashed")
            trials.append(optuna.trial.create_trial(value=0.0, system_attrs={"constraints": [math.inf]}))
        else:
            objective, latency, memory = result
            search.tell(ours, objective=objective, metrics={"latency": latency, "memory": memory})
            excess = [latency - LIMITS["latency"], memory - LIMITS["memory"]]
            trials.append(
                optuna.trial.create_trial(value=float(objective), system_attrs={"constraints": excess})
            )
        finished += result is not None
        trials[-1].number = number
    below, above = _split_trials(study, trials, default_gamma(finished))
    assert search.split() == ([t.number for t in below], [t.number for t in above])


class TestConstrainedRatios:
    """c-TPE by hand: a sum of log r, r = l / (gamma l + (1 - gamma) g), objective first."""

    SPACE = lehr.Space([lehr.Float("x", 0.0, 1.0), lehr.Int("k", 1, 5)])

    def search(self, results, **keywords):
        keywords.setdefault("constraints", {"latency": 10.0})
        search = lehr.Optimizer(self.SPACE, method="tpe", acquisition="c-tpe", **keywords)
        for i, result in enumerate(results):
            search.add({"x": 0.03 + 0.9 * i / len(results), "k": 1 + i % 5}, **result)
        return search

    def log_ratio(self, search, below, above, configs):
        dimensions = [_dimension(variable) for variable in self.SPACE]
        codes = np.array([self.SPACE._encode(trial.config) for trial in search.trials])
        points = np.array([self.SPACE._encode(config) for config in configs])
        lower = _core.ParzenEstimator(dimensions, codes[below].reshape(-1, 2)).log_pdf(points)
        upper = _core.ParzenEstimator(dimensions, codes[above].reshape(-1, 2)).log_pdf(points)
        gamma = len(below) / (len(below) + len(above))
        return -np.log(gamma + (1 - gamma) * np.exp(upper - lower))

    def check(self, search, *pairs):
        configs = self.SPACE.sample(30, seed=1)
        expected = sum(self.log_ratio(search, *pair, configs) for pair in pairs)
        np.testing.assert_allclose(search.score(configs), expected, rtol=1e-11, atol=1e-11)

    def test_objective_constraint_and_crashes(self):
        search = self.search(
            [
                {"objective": 5.0, "metrics": {"latency": 50.0}},  # best, but misses the limit
                {"objective": 4.0, "metrics": {"latency": 5.0}},
                {"objective": 1.0, "metrics": {"latency": 5.0}},
                {"outcome": "crashed"},
                {"objective": 3.0, "metrics": {"latency": 10.0}},
            ]
        )
        # ceil(0.1 * 5) = 1 feasible one is wanted below: the better infeasible one comes along.
        assert search.split() == ([0, 1], [2, 4])
        self.check(search, ([0, 1], [2, 4]), ([1, 2, 4], [0, 3]), ([0, 1, 2, 4], [3]))

    def test_without_anything_satisfying_a_limit_its_least_violation_is_below(self):
        search = self.search(
            [{"objective": float(i), "metrics": {"latency": 30.0 - 3 * i}} for i in (4, 5, 3)]
            + [{"outcome": "oom"}]
        )
        # No feasible result: every result is below and the objective has no say.
        assert search.split() == ([0, 1, 2], [])
        self.check(search, ([1], [0, 2, 3]), ([0, 1, 2], [3]))
        search.add({"x": 0.5, "k": 3}, objective=0.0, metrics={"latency": 9.0})
        self.check(search, ([0, 1, 2, 4], []), ([4], [0, 1, 2, 3]), ([0, 1, 2, 4], [3]))

    def test_two_limits_are_two_ratios(self):
        search = self.search(
            [
                {"objective": 1.0, "metrics": {"latency": 5.0, "memory": 9.0}},
                {"objective": 2.0, "metrics": {"latency": 5.0, "memory": 1.0}},
                {"objective": 3.0, "metrics": {"latency": 15.0, "memory": 1.0}},
            ],
            constraints={"latency": 10.0, "memory": 4.0},
        )
        self.check(search, ([1, 2], [0]), ([0, 1], [2]), ([1, 2], [0]))

    def test_pending_trials_are_above_for_the_objective_only(self):
        results = [{"objective": float(i), "metrics": {"latency": 5.0}} for i in range(12)]
        search = self.search(results, options={"startup_trials": 0})
        pending = search.ask()
        below, above = search.split()
        assert below == [10, 11]
        assert above == [*range(10), pending.number]
        # gamma counts finished trials only.
        configs = self.SPACE.sample(5, seed=3)
        dimensions = [_dimension(variable) for variable in self.SPACE]
        codes = np.array([self.SPACE._encode(trial.config) for trial in search.trials])
        points = np.array([self.SPACE._encode(config) for config in configs])
        lower, upper = (
            _core.ParzenEstimator(dimensions, codes[side]).log_pdf(points) for side in (below, above)
        )
        gamma = 2 / 12
        expected = -np.log(gamma + (1 - gamma) * np.exp(upper - lower))
        np.testing.assert_allclose(search.score(configs), expected, rtol=1e-11, atol=1e-11)

    def test_an_unknown_acquisition_is_refused(self):
        with pytest.raises(lehr.OptionError, match="unknown acquisition 'ei'; use 'ratio' or 'c-tpe'"):
            lehr.Optimizer(self.SPACE, acquisition="ei")

    def test_it_is_saved(self):
        search = self.search([{"objective": 1.0, "metrics": {"latency": 5.0}}])
        assert lehr.Optimizer.from_json(search.to_json()).acquisition == "c-tpe"
        state = search.state()
        del state["acquisition"]  # saved before there was a choice
        assert lehr.Optimizer.from_state(state).acquisition == "ratio"
