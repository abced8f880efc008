"""The guided search told the standard errors of what it models."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

import lehr
from guided_runs import MIXED, guided, ok, run
from lehr.bench import Problem, hashed_seed
from testing_core import lehr_testing

LINE = lehr.Space([lehr.Float("x", 0.0, 1.0)])


class TestProcess:
    ROWS = tuple([x] for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    VALUES = (0.0, 0.2, 0.4, 5.0, 0.8, 1.0)

    def fitted(self, variances, values=VALUES):
        process = lehr_testing.GaussianProcess([0])
        process.fit(self.ROWS, values, variances=variances)
        return process

    def at(self, process, x):
        mean, variance = process.predict([[x]])
        return mean[0], math.sqrt(variance[0])

    def test_a_value_of_a_large_variance_hardly_counts(self):
        mean, deviation = self.at(self.fitted([0.0, 0.0, 0.0, 100.0, 0.0, 0.0]), 0.6)
        assert mean == pytest.approx(0.6, abs=0.1)
        assert deviation > 2 * self.at(self.fitted([0.0] * 6, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)), 0.6)[1]

    def test_variances_of_zero_are_none(self):
        rows = [[x] for x in np.linspace(0.0, 1.0, 21)]
        assert self.fitted([0.0] * 6).predict(rows) == self.fitted([]).predict(rows)

    def test_repeats_are_combined(self):
        """Twice with variance 2 v is once with variance v."""
        once, twice = lehr_testing.GaussianProcess([0]), lehr_testing.GaussianProcess([0])
        once.fit([[0.0], [0.5], [1.0]], [0.0, 1.0, 0.0], evaluations=0, variances=[0.0, 0.01, 0.0])
        # As the values' spread is estimated from their number, the repeat is of a value that the others surround.
        twice.fit(
            [[0.0], [0.5], [0.5], [1.0]],
            [0.0, 1.0, 1.0, 0.0],
            evaluations=0,
            variances=[0.0, 0.02, 0.02, 0.0],
        )
        assert twice.predict([[0.5]])[0] == pytest.approx(once.predict([[0.5]])[0], abs=0.05)

    def test_it_fits_the_noise_that_is_left(self):
        """Its own noise is what the told variances leave unexplained."""
        rng = np.random.default_rng(3)
        rows = [[x] for x in np.linspace(0.0, 1.0, 60)]
        values = [3 * row[0] + 0.3 * rng.standard_normal() for row in rows]
        # Of a straight line alone: what it does not explain is noise.
        unknown, known = (lehr_testing.GaussianProcess([0], whole=False) for _ in range(2))
        unknown.fit(rows, values, evaluations=300)
        known.fit(rows, values, evaluations=300, variances=[0.09] * 60)
        assert unknown.noise_variance == pytest.approx(0.09, rel=0.5)
        assert known.noise_variance < 0.03


def sem_at(x: float, uncertain: float) -> float:
    return 2.0 if x == uncertain else 0.01


class TestObjective:
    """The best is at 0.3; a lucky result far from it was measured at 0.9."""

    def proposals(self, *, told: bool, size: float = 1.0, lift: float = 0.0) -> list[float]:
        optimizer = guided(LINE, seed=1)
        known = {x: -((x - 0.3) ** 2) for x in (0.05, 0.2, 0.4, 0.6, 0.8)} | {0.9: 0.5}
        for x, value in known.items():
            sem = {"objective_sem": size * sem_at(x, 0.9)} if told else {}
            optimizer.add({"x": x}, size * (value + lift), **sem)
        run(optimizer, 6, lambda c, _: ok(size * (lift - (c["x"] - 0.3) ** 2)))
        return [trial.config["x"] for trial in optimizer.trials[6:]]

    @pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
    @pytest.mark.parametrize("lift", [0.0, 3.0])
    def test_a_lucky_result_does_not_draw_the_search(self, size, lift):
        """In any unit, and on the scales that the model takes for values of either sign."""
        near = [abs(x - 0.3) < 0.2 for x in self.proposals(told=True, size=size, lift=lift)]
        assert sum(near) >= 4
        lured = [x > 0.75 for x in self.proposals(told=False, size=size, lift=lift)[:4]]
        assert sum(lured) >= 2

    def test_the_incumbent_is_not_the_luckiest_result(self):
        """A lucky value that nothing can beat would leave nothing to gain."""

        def looked(sem):
            optimizer = guided(LINE, seed=1)
            for x in np.linspace(0.0, 1.0, 9):
                optimizer.add({"x": float(x)}, 10 * float(x), objective_sem=0.01)
            optimizer.add({"x": 0.01}, 30.0, objective_sem=sem)
            run(optimizer, 3, lambda c, _: ok(10 * c["x"]) | {"objective_sem": 0.01})
            return statistics.mean(trial.config["x"] for trial in optimizer.trials[10:])

        assert looked(30.0) > 0.8


class TestLimits:
    @pytest.mark.parametrize("unit", [1.0, 1000.0])
    def test_a_lucky_metric_does_not_draw_the_search(self, unit):
        """The metric is x and its limit 0.5, the objective is x; at 0.9 the metric was measured as 0.2."""
        limit = {"m": 0.5 * unit}

        def wasted(told):
            optimizer = guided(LINE, limits=limit, seed=2)
            for x in (0.05, 0.2, 0.4, 0.6, 0.9):
                value = 0.2 if x == 0.9 else x
                sems = {"metrics_sem": {"m": unit * (0.7 if x == 0.9 else 0.001)}}
                optimizer.add({"x": x}, x, {"m": unit * value}, **(sems if told else {}))
            run(optimizer, 8, lambda c, _: ok(c["x"], m=unit * c["x"]))
            return sum(not trial.feasible for trial in optimizer.trials[5:])

        assert wasted(told=True) < wasted(told=False)


class TestLearning:
    def other(self, *results, sems=True):
        optimizer = guided(LINE, limits={"m": 0.5})
        for x, objective, sem in results:
            errors = {"objective_sem": sem, "metrics_sem": {"m": sem}} if sems else {}
            optimizer.add({"x": x}, objective, {"m": 0.1}, **errors)
        return optimizer

    RESULTS = ((0.1, 1.0, 0.01), (0.2, 1.2, 0.01), (0.9, 1.5, 2.0))

    def test_the_luckiest_does_not_come_first(self):
        for sems, first in ((True, 0.2), (False, 0.9)):
            optimizer = guided(LINE, limits={"m": 0.5}, seed=8)
            assert optimizer.learn(self.other(*self.RESULTS, sems=sems)) == 3
            trial = optimizer.ask()
            assert (trial.config["x"], trial.origin) == (first, "transfer")

    def test_what_was_learned_is_saved_with_its_errors(self):
        sequences = []
        for saved in (False, True):
            optimizer = guided(LINE, limits={"m": 0.5}, seed=8)
            optimizer.learn(self.other(*self.RESULTS).trials)
            assert optimizer.state()["learned"][2] == [{"x": 0.9}, "ok", 1.5, [0.1], 2.0, [2.0]]
            if saved:
                optimizer = lehr.Optimizer.from_json(optimizer.to_json())
            sequences.append(run(optimizer, 10, lambda c, _: ok(c["x"], m=c["x"])))
        assert sequences[0] == sequences[1]

    @pytest.mark.parametrize("sem", [-1.0, math.inf, "much"])
    def test_a_trial_with_an_impossible_error_is_refused(self, sem):
        trial = lehr.Trial(0, {"x": 0.5}, outcome="ok", objective=1.0, metrics={"m": 0.1}, objective_sem=sem)
        with pytest.raises(lehr.ResultError, match="standard error of the objective"):
            guided(LINE, limits={"m": 0.5}).learn([trial])


def test_a_run_with_errors_is_legal_whatever_is_pending():
    rng = np.random.default_rng(1)

    def evaluate(config, number):
        if config["a"] == "v3":
            return {"outcome": "crashed"}
        sem = float(rng.choice([0.0, 0.01, 1.0, 100.0]))
        return ok(config["x"], m=config["x"]) | {"objective_sem": sem, "metrics_sem": {"m": sem}}

    optimizer = guided(MIXED, limits={"m": 0.6})
    run(optimizer, 60, evaluate, pending=4, looks=range(0, 60, 7))
    assert lehr.Optimizer.from_json(optimizer.to_json()).ask() == optimizer.ask()


def test_repeats_are_allowed_and_combined():
    optimizer = guided(lehr.Space([lehr.Int("n", 0, 4)]), allow_repeats=True, seed=4)
    rng = np.random.default_rng(2)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["n"] + 2 * rng.standard_normal(), objective_sem=2.0)
    assert optimizer.best.config["n"] in (3, 4)


def test_telling_errors_finds_better_winners():
    """Where a quarter of the results is disturbed (bench/noisy_results.py has the figures)."""
    regret = {True: 0.0, False: 0.0}
    for number in range(12):
        problem = Problem.load(f"deploy_space#{2 * number}")
        size = abs(problem.optimum()[1])
        for told in regret:
            optimizer = guided(
                problem.space, problem.constraints, direction=problem.direction, seed=hashed_seed(number)
            )
            for trial_number in range(25):
                trial = optimizer.ask()
                truth = problem.truth(trial.config)
                if truth.outcome != "ok":
                    optimizer.tell(trial, outcome=truth.outcome)
                    continue
                rng = np.random.default_rng((number, trial_number))
                sem = size * (0.3 if rng.random() < 0.25 else 0.01)
                value = truth.objective + sem * rng.standard_normal()
                optimizer.tell(trial, value, truth.metrics, objective_sem=sem if told else None)
            found = problem.truth(optimizer.best.config).objective
            regret[told] += abs(problem.optimum()[1] - found) / size / 12
    assert regret[True] < 0.5 * regret[False]
