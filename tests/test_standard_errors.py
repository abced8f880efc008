"""Results told with their standard errors: what is accepted, kept and shown, and which trial is then the best."""

from __future__ import annotations

import json
import math
import random

import pytest

import lehr
from testing_core import lehr_testing

SPACE = lehr.Space([lehr.Categorical("kind", ["a", "b", "c", "d"]), lehr.Float("x", 0.0, 1.0)])
LIMITS = {"latency": 20.0, "memory": 512.0}
GOOD = {"latency": 10.0, "memory": 100.0}
METHODS = ["random", "tba", "tpe", "tba-tpe", "guided"]


def search(method="random", constraints=LIMITS, **keywords) -> lehr.Optimizer:
    return lehr.Optimizer(SPACE, method=method, constraints=constraints, **{"seed": 7, **keywords})


def added(optimizer: lehr.Optimizer, *results: tuple[float, float | None, float]) -> lehr.Optimizer:
    """Results of as many configurations: objective, its standard error and x."""
    for objective, sem, x in results:
        optimizer.add({"kind": "a", "x": x}, objective, GOOD, objective_sem=sem)
    return optimizer


def measured(config, luck: random.Random, told: bool = True):
    """A made-up measurement whose noise differs from trial to trial."""
    sem = luck.choice([0.01, 0.3])
    if config["kind"] == "d":
        return {"outcome": "crashed"}
    latency = 30.0 * config["x"] + sem * luck.gauss(0.0, 1.0)
    result = {
        "objective": config["x"] + sem * luck.gauss(0.0, 1.0),
        "metrics": {"latency": latency, "memory": 100.0},
    }
    return result | ({"objective_sem": sem, "metrics_sem": {"latency": sem}} if told else {})


class TestTold:
    def test_a_trial_shows_what_was_told(self):
        optimizer = search()
        trial = optimizer.ask()
        assert (trial.objective_sem, trial.metrics_sem) == (None, {})
        optimizer.tell(trial, 1.0, GOOD, objective_sem=0.5, metrics_sem={"latency": 2})
        assert (trial.objective_sem, trial.metrics_sem) == (0.5, {"latency": 2.0})
        again = optimizer.add(
            {"kind": "a", "x": 0.5}, 1.0, GOOD, metrics_sem={"latency": None, "memory": 3.0}
        )
        assert (again.objective_sem, again.metrics_sem) == (None, {"memory": 3.0})
        plain = optimizer.add({"kind": "b", "x": 0.5}, 1.0, GOOD)
        assert (plain.objective_sem, plain.metrics_sem) == (None, {})
        assert optimizer.trials == [trial, again, plain]

    def test_a_number_instead_of_a_trial(self):
        optimizer = search()
        optimizer.ask()
        optimizer.tell(0, 1.0, GOOD, objective_sem=0.5)
        assert optimizer.trials[0].objective_sem == 0.5

    def test_a_trial_that_was_stopped_has_errors_of_what_it_measured(self):
        optimizer = search()
        trial = optimizer.ask()
        optimizer.tell(trial, None, {"latency": 80.0}, "early_stopped", metrics_sem={"latency": 5.0})
        assert trial.metrics_sem == {"latency": 5.0}

    @pytest.mark.parametrize(
        ("errors", "message"),
        [
            ({"objective_sem": -0.1}, "objective_sem is -0.1; give a finite number of at least 0, or None"),
            ({"objective_sem": math.nan}, "objective_sem is nan; give a finite number"),
            ({"objective_sem": math.inf}, "objective_sem is inf; give a finite number"),
            ({"objective_sem": "1"}, "objective_sem is '1', a str; give a number"),
            ({"metrics_sem": [0.1]}, "metrics_sem is a list; give standard errors by metric"),
            ({"metrics_sem": {"latency": -1.0}}, "metrics_sem of 'latency' is -1.0; give a finite number"),
            ({"metrics_sem": {"latency": "x"}}, "metrics_sem of 'latency' is 'x', a str; give a number"),
            ({"metrics_sem": {"latancy": 1.0}}, "unknown metric 'latancy'.*did you mean 'latency'"),
            ({"outcome": "crashed", "objective_sem": 1.0}, "objective_sem is 1.0, but there is no objective"),
            (
                {"outcome": "timeout", "metrics_sem": {"memory": 1.0}},
                "metrics_sem of 'memory' is 1.0, but there is no metric 'memory'",
            ),
        ],
    )
    def test_what_cannot_be_an_error_is_refused_in_a_sentence(self, errors, message):
        optimizer = search()
        trial = optimizer.ask()
        before = optimizer.to_json()
        result = {} if "outcome" in errors else {"objective": 1.0, "metrics": GOOD}
        for tell in (
            lambda: optimizer.tell(trial, **result, **errors),
            lambda: optimizer.add({"kind": "a", "x": 0.5}, **result, **errors),
        ):
            with pytest.raises(lehr.ResultError, match=message) as caught:
                tell()
            assert "\n" not in str(caught.value)
        assert optimizer.to_json() == before

    def test_the_core_refuses_too(self):
        core = search()._core
        core.ask()
        for sems in ((-1.0, []), (math.inf, []), (math.nan, [0.1]), (math.nan, [math.nan, -1.0])):
            with pytest.raises(lehr.ResultError, match="standard error"):
                core.tell(0, "ok", 1.0, [1.0, 1.0], math.nan, sems)
        with pytest.raises(lehr.ResultError, match="one for each limit"):
            core.tell(0, "ok", 1.0, [1.0], math.nan)


@pytest.mark.parametrize("method", METHODS)
class TestSequence:
    def run(self, method, count=30, stops=(), **keywords) -> list[lehr.Trial]:
        optimizer, luck = search(method, **keywords), random.Random(5)
        for number in range(count):
            if number in stops:
                optimizer = lehr.Optimizer.from_json(optimizer.to_json())
            trial = optimizer.ask()
            optimizer.tell(trial, **measured(trial.config, luck))
        return optimizer.trials

    def test_saved_and_loaded_continues_exactly(self, method):
        assert self.run(method) == self.run(method, stops=(3, 11, 20, 29))

    def test_saving_keeps_what_is_known_and_only_that(self, method):
        optimizer = search(method)
        for result in (
            {"objective_sem": 0.5},
            {},
            {"metrics_sem": {"memory": 1.0}, "seconds": 2.0},
            {"seconds": 3.0},
        ):
            optimizer.tell(optimizer.ask(), 1.0, GOOD, **result)
        state = json.loads(optimizer.to_json())
        tells = [event[5:] for event in state["events"] if event[0] == "tell"]
        assert tells == [[None, 0.5, [None, None]], [], [2.0, None, [None, 1.0]], [3.0]]
        assert lehr.Optimizer.from_state(state).trials == optimizer.trials

    def test_errors_that_are_not_known_change_nothing(self, method):
        sequences = []
        for unknown in ({}, {"objective_sem": None, "metrics_sem": {"latency": None}}, {"metrics_sem": {}}):
            optimizer, luck = search(method), random.Random(5)
            for _ in range(30):
                trial = optimizer.ask()
                optimizer.tell(trial, **measured(trial.config, luck, told=False), **unknown)
            sequences.append([trial.config for trial in optimizer.trials])
        assert sequences[0] == sequences[1] == sequences[2]

    def test_minimise_mirrors_maximise(self, method):
        configs = []
        for direction, sign in (("maximize", 1.0), ("minimize", -1.0)):
            optimizer, luck = search(method, direction=direction), random.Random(5)
            for _ in range(25):
                trial = optimizer.ask()
                result = measured(trial.config, luck)
                if "objective" in result:
                    result["objective"] *= sign
                optimizer.tell(trial, **result)
            configs.append([trial.config for trial in optimizer.trials])
        assert configs[0] == configs[1]


def test_searches_saved_before_there_were_errors_and_lower_limits_open():
    optimizer = search("guided")
    for seconds in (None, 2.0):
        optimizer.tell(optimizer.ask(), 1.0, GOOD, seconds=seconds)
    old = optimizer.state() | {"constraints": [["latency", 20.0], ["memory", 512.0]]}
    del old["acquisition"]
    loaded = lehr.Optimizer.from_state(old)
    assert loaded.trials == optimizer.trials
    assert loaded.ask() == optimizer.ask()


def test_a_damaged_error_is_refused():
    optimizer = added(search(), (1.0, 0.1, 0.5))
    state = optimizer.state()
    event = state["events"][-1]
    for sems in ([None, -1.0, [None, None]], [None, 0.1, [0.1]], [None, "x", []], [None, 0.1, None, 3]):
        with pytest.raises(lehr.LehrError):
            lehr.Optimizer.from_state(state | {"events": [*state["events"][:-1], [*event[:5], *sems]]})
    with pytest.raises(lehr.LehrError, match="NaN is not JSON"):
        lehr.Optimizer.from_json(optimizer.to_json().replace("0.1", "NaN"))


class TestBest:
    def test_is_not_the_luckiest(self):
        results = [(1.0, 0.01, 0.1), (1.1, 0.01, 0.2), (1.2, 0.01, 0.3), (1.5, 1.0, 0.4)]
        optimizer = added(search(), *results)
        assert optimizer.best.config["x"] == 0.3
        assert optimizer.best.objective == 1.2
        assert added(search(), *((value, None, x) for value, _, x in results)).best.config["x"] == 0.4

    def test_is_the_luckiest_where_all_are_as_certain(self):
        for sem in (0.0, 0.01, 3.0):
            optimizer = added(search(), (1.0, sem, 0.1), (1.5, sem, 0.2), (1.2, sem, 0.3))
            assert optimizer.best.config["x"] == 0.2

    def test_when_minimising(self):
        results = [(-1.0, 0.01, 0.1), (-1.1, 0.01, 0.2), (-1.2, 0.01, 0.3), (-1.5, 1.0, 0.4)]
        assert added(search(direction="minimize"), *results).best.config["x"] == 0.3

    def test_an_error_that_was_not_told_counts_as_the_median(self):
        optimizer = added(search(), (1.0, 0.01, 0.1), (1.1, 0.02, 0.2), (1.3, None, 0.3), (1.5, 1.0, 0.4))
        assert optimizer.best.config["x"] == 0.3

    def test_repeats_of_a_configuration_count_as_one(self):
        optimizer = added(search(), (1.5, 0.1, 0.1), (1.3, 0.1, 0.2), (0.9, 0.1, 0.1), (0.9, 0.2, 0.1))
        assert optimizer.best.config["x"] == 0.2
        assert added(search(), (1.5, None, 0.1), (1.3, None, 0.2), (0.9, None, 0.1)).best.number == 0
        # Of a configuration's results the most certain stands for it.
        assert added(optimizer, (1.6, 0.01, 0.1), (1.6, 0.5, 0.1)).best.number == 4

    def test_repeats_settle_whether_a_limit_is_met(self):
        optimizer = search()

        def add(x, objective, latency, sem):
            optimizer.add(
                {"kind": "a", "x": x}, objective, {"latency": latency, "memory": 1.0},
                objective_sem=0.01, metrics_sem={"latency": sem},
            )  # fmt: skip

        add(0.1, 2.0, 19.0, 2.0)
        add(0.2, 1.0, 19.0, 2.0)
        assert optimizer.best.config["x"] == 0.1
        add(0.1, 2.0, 21.0, 0.5)
        assert optimizer.best.config["x"] == 0.2
        add(0.2, 1.0, 21.0, 0.5)  # now neither meets it: what was feasible once is better than nothing
        assert optimizer.best.number == 0

    def test_of_one_result_or_of_equal_ones(self):
        assert added(search(), (1.0, 0.5, 0.1)).best.number == 0
        assert added(search(), (1.0, 0.5, 0.1), (1.0, 0.5, 0.2)).best.number == 0
        assert added(search(), (1.0, 0.5, 0.1), (1.0, 0.1, 0.2)).best.number == 1

    @pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
    def test_at_the_ends_of_the_scale(self, size):
        optimizer = added(search(), (size, size, 0.1), (2 * size, size, 0.2), (0.0, 0.0, 0.3))
        assert optimizer.best is not None
        assert math.isfinite(optimizer.best.objective)


def test_what_tpe_counts_as_better_stays_as_measured():
    optimizer = search("tpe", options={"below_share": 0.25})
    added(optimizer, (1.0, 0.01, 0.1), (1.1, 0.01, 0.2), (1.2, 0.01, 0.3), (1.5, 1.0, 0.4))
    assert optimizer.split()[0] == [3]


class TestEstimates:
    def test_combined_weighs_by_the_inverse_of_the_variance(self):
        value, variance = lehr_testing.combined([1.0, 2.0], [1.0, 2.0])
        assert value == pytest.approx((1.0 / 1 + 2.0 / 4) / (1 / 1 + 1 / 4))
        assert variance == pytest.approx(1 / (1 / 1 + 1 / 4))

    def test_combined_of_exact_ones(self):
        assert lehr_testing.combined([1.0, 2.0, 9.0], [0.0, 0.0, 1.0]) == (1.5, 0.0)
        assert lehr_testing.combined([3.0], [2.0]) == (3.0, 4.0)

    def test_shrunk_by_hand(self):
        values, sems = [0.0, 2.0, 4.0], [0.0, 1.0, 2.0]
        between = 4.0 - (0 + 1 + 4) / 3
        weights = [1 / (between + sem**2) for sem in sems]
        mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
        expected = [mean + between / (between + s**2) * (v - mean) for v, s in zip(values, sems, strict=True)]
        assert lehr_testing.shrunk(values, sems) == pytest.approx(expected)

    def test_shrunk_keeps_what_is_exact(self):
        assert lehr_testing.shrunk([0.1, 0.3, 0.7], [0.0, 0.0, 0.0]) == [0.1, 0.3, 0.7]
        assert lehr_testing.shrunk([1.0, 1.0], [5.0, 5.0]) == [1.0, 1.0]
        assert lehr_testing.shrunk([], []) == []

    def test_shrunk_keeps_the_order_where_errors_explain_everything(self):
        worth = lehr_testing.shrunk([1.0, 1.1, 1.2], [9.0, 9.0, 9.0])
        assert sorted(worth) == worth
        assert worth[2] - worth[0] < 0.01
