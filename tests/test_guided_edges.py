"""The guided search at the edges: extreme numbers, odd spaces, nothing but failures, many open asks."""

from __future__ import annotations

import json
import math
import random

import pytest

import lehr
from guided_runs import MIXED, categories, guided, ok, param, run
from lehr.bench import hashed_seed


class TestExtremeNumbers:
    @pytest.mark.parametrize("size", [1.7e308, -1e300, 1e160, 1e-160, 5e-324, -1e-310, 0.0, -0.0])
    @pytest.mark.parametrize("shape", ["constant", "linear", "of both signs"])
    def test_values_of_any_size(self, size, shape):
        def value(config):
            return size * {"constant": 1.0, "linear": config["x"], "of both signs": config["x"] - 0.5}[shape]

        optimizer = guided(limits={"m": size / 2})
        run(optimizer, 20, lambda config, _: ok(value(config), m=value(config)), looks={5, 19})

    @pytest.mark.parametrize("scale", [1e-100, 1e-10, 1e10, 1e100])
    def test_the_unit_of_a_quantity_does_not_matter(self, scale):
        """Not the same digits, since scaling rounds, but the same quality."""
        gaps = []
        for seed in range(4):
            optimizer = guided(limits={"m": scale / 2}, seed=hashed_seed(seed))
            run(optimizer, 25, lambda c, _: ok(scale * (1 - abs(c["x"] - 0.4)), m=scale * c["x"]))
            gaps.append(1 - optimizer.best.objective / scale)
        assert max(gaps) < 0.05

    def test_one_absurd_measurement_does_not_end_the_search(self):
        def evaluate(config, number):
            objective = -1e300 if number % 6 == 2 else 1 - abs(config["x"] - 0.4)
            return ok(objective, m=1e308 if number % 6 == 4 else config["x"])

        optimizer = guided(limits={"m": 0.5})
        run(optimizer, 40, evaluate, looks={20, 39})
        assert optimizer.best.objective > 0.8

    def test_a_limit_that_only_zero_meets(self):
        optimizer = guided(limits={"m": 0.0})
        run(optimizer, 30, lambda config, _: ok(config["x"], m=float(config["a"] != "v2")))
        assert optimizer.best.config["a"] == "v2"

    def test_negative_metrics_under_a_negative_limit(self):
        optimizer = guided(limits={"m": -0.5})
        run(optimizer, 30, lambda config, _: ok(-config["x"], m=-config["x"]))
        assert 0.5 <= optimizer.best.config["x"] < 0.6


class TestOddSpaces:
    @pytest.mark.parametrize(
        "space",
        [
            lehr.Space([lehr.Categorical("only", ["one"])]),
            lehr.Space([lehr.Int("n", 3, 3), lehr.Float("x", 0.5, 0.5)]),
        ],
    )
    def test_a_single_configuration(self, space):
        optimizer = guided(space)
        run(optimizer, 1, lambda *_: ok(1.0), looks={0})
        with pytest.raises(lehr.ExhaustedError, match="all 1 legal configurations"):
            optimizer.ask()
        assert optimizer.finished is None

    def test_a_space_that_is_used_up_is_not_said_to_be_finished(self):
        optimizer = guided(lehr.Space([lehr.Int("n", 0, 11)]))
        run(optimizer, 12, lambda config, _: ok(float(config["n"])))
        assert optimizer.finished is None
        with pytest.raises(lehr.ExhaustedError):
            optimizer.ask()

    def test_all_but_ten_of_a_thousand_forbidden(self):
        space = lehr.Space(
            [categories("a", 10), categories("b", 10), categories("c", 10)],
            forbid=[(param("a") != "v3") | (param("b") != "v7")],
        )
        sequence = run(guided(space), 10, lambda *_: ok(1.0), pending=3)
        assert len(sequence) == 10

    def test_three_hundred_categorical_variables(self):
        space = lehr.Space([categories(f"c{i}", 3) for i in range(300)])

        def evaluate(config, _):
            if config["c0"] == "v1":
                return {"outcome": "crashed"}
            return ok(sum(value == "v2" for value in config.values()))

        optimizer = guided(space)
        run(optimizer, 30, evaluate, looks={29})
        assert sum(trial.config["c0"] == "v1" for trial in optimizer.trials[15:]) <= 8

    def test_five_hundred_choices(self):
        space = lehr.Space([categories("k", 500), lehr.Float("x", 0.0, 1.0)])

        def evaluate(config, _):
            return ok(config["x"]) if int(config["k"][1:]) % 3 else {"outcome": "crashed"}

        optimizer = guided(space)
        run(optimizer, 40, evaluate, looks={39})
        assert " and " in optimizer.explain().split("without a trial that ran: ")[1].split("\n")[0]

    def test_a_chain_of_conditions(self):
        variables = [lehr.Categorical("c0", ["stop", "on"])]
        for i in range(1, 10):
            variables.append(lehr.Categorical(f"c{i}", ["stop", "on"], when=param(f"c{i - 1}") == "on"))
        variables.append(lehr.Float("leaf", 0.0, 1.0, when=param("c9") == "on"))
        optimizer = guided(lehr.Space(variables))
        run(optimizer, 20, lambda config, _: ok(len(config) + config.get("leaf", 0.0)))
        assert optimizer.best.objective > 11

    def test_odd_lengths_of_a_chain_crash(self):
        variables = [lehr.Categorical("c0", ["stop", "on"])]
        for i in range(1, 8):
            variables.append(lehr.Categorical(f"c{i}", ["stop", "on"], when=param(f"c{i - 1}") == "on"))
        optimizer = guided(lehr.Space(variables))
        run(optimizer, 8, lambda c, _: ok(len(c)) if len(c) % 2 else {"outcome": "crashed"}, looks=range(8))

    def test_ordinal_values_in_words(self):
        optimizer = guided(lehr.Space([lehr.Ordinal("size", ["s", "m", "l", "xl"]), categories("a", 12)]))
        for number, size in enumerate(["s", "m", "l", "xl"] * 3):
            outcome = {"outcome": "oom"} if size == "xl" else ok(1.0)
            optimizer.add({"size": size, "a": f"v{number}"}, **outcome)
        assert "size from xl up: runs out of memory (3 of 3, across 3 values of a)" in optimizer.explain()
        later = run(optimizer, 12, lambda c, _: {"outcome": "oom"} if c["size"] == "xl" else ok(1.0))
        assert sum(json.loads(config)["size"] == "xl" for config in later) <= 1


class TestNothingRuns:
    @pytest.mark.parametrize("outcome", ["crashed", "timeout", "oom", "early_stopped"])
    def test_two_hundred_failures(self, outcome):
        optimizer = guided(limits={"m": 1.0})
        run(optimizer, 200 if outcome == "crashed" else 60, lambda *_: {"outcome": outcome}, looks={59, 199})
        tried = {(trial.config["a"], trial.config["b"]) for trial in optimizer.trials}
        assert len(tried) >= 9
        assert {a for a, _ in tried} == set(MIXED.variables[0].choices)
        assert "Nothing has run yet." in optimizer.explain()
        assert optimizer.finished is None

    def test_timeouts_that_measured_teach_the_limit(self):
        """Latency grows with n; the deadline strikes beyond 10, with or without a measurement."""
        late = {}
        for measured in (True, False):
            count = 0
            for seed in range(6):
                optimizer = guided(limits={"m": 10.0}, seed=hashed_seed(seed))

                def evaluate(config, _, measured=measured):
                    if config["n"] <= 10:
                        return ok(config["x"], m=float(config["n"]))
                    return {"outcome": "timeout", "metrics": {"m": float(config["n"])} if measured else {}}

                run(optimizer, 25, evaluate)
                count += sum(trial.config["n"] > 10 for trial in optimizer.trials)
            late[measured] = count / 150
        assert late[True] < 0.3
        assert late[False] < 0.4

    def test_a_timeout_below_its_limit_is_a_failure_of_another_kind(self):
        optimizer = guided(limits={"m": 10.0})

        def evaluate(config, _):
            if config["a"] == "v1":
                return {"outcome": "timeout", "metrics": {"m": 1.0}}
            return ok(config["x"], m=2.0)

        run(optimizer, 25, evaluate)
        assert sum(trial.config["a"] == "v1" for trial in optimizer.trials) <= 5
        assert "a=v1: runs into its deadline" in optimizer.explain()


class TestOpenAsks:
    @pytest.mark.parametrize("pending", [2, 8, 40])
    def test_no_duplicates_and_no_stall(self, pending):
        optimizer = guided(limits={"m": 20.0})
        latency = {"v0": 1.0, "v1": 2.0, "v2": 4.0, "v3": 8.0}
        run(
            optimizer,
            60,
            lambda c, _: ok(c["x"] * c["n"], m=latency[c["a"]] * c["n"] ** 0.8),
            pending,
            looks=range(0, 60, 9),
        )
        assert optimizer.best is not None

    def test_a_small_space_with_everything_pending(self):
        optimizer = guided(lehr.Space([categories("a", 3), categories("b", 4)]))
        run(optimizer, 12, lambda *_: ok(1.0), pending=12)
        with pytest.raises(lehr.ExhaustedError):
            optimizer.ask()

    def test_tells_in_any_order_rebuild_to_the_same_search(self):
        rng = random.Random(4)
        plain, saved = guided(limits={"m": 0.7}), guided(limits={"m": 0.7})
        waiting = []
        for number in range(40):
            trial, twin = plain.ask(), saved.ask()
            assert trial.config == twin.config
            waiting.append(trial)
            while len(waiting) > 4:
                done = waiting.pop(rng.randrange(len(waiting)))
                result = {"outcome": "crashed"} if done.config["a"] == "v1" else ok(1.0, m=done.config["x"])
                plain.tell(done.number, **result)
                saved.tell(done.number, **result)
            if number % 7 == 3:
                saved = lehr.Optimizer.from_json(saved.to_json())


class TestNoise:
    def test_noise_alone_is_searched_without_end_or_repeat(self):
        rng = random.Random(1)
        optimizer = guided(limits={"m": 1.0})
        run(optimizer, 60, lambda *_: ok(rng.gauss(0, 1), m=math.exp(rng.gauss(0, 3))), looks={30, 59})
        assert optimizer.finished is None

    def test_borderline_metrics(self):
        """Everything measures within noise of its limit; what is feasible by luck is still the best feasible."""
        rng = random.Random(2)
        optimizer = guided(limits={"m": 1.0})
        run(optimizer, 40, lambda c, _: ok(c["x"], m=1.0 + rng.gauss(0, 1e-3)))
        feasible = [trial for trial in optimizer.trials if trial.feasible]
        assert len(feasible) > 10
        assert optimizer.best.objective == max(trial.objective for trial in feasible) > 0.7
