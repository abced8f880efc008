"""The guided search at the edges: extreme numbers, odd spaces, nothing but failures, many open asks."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import subprocess
import sys

import pytest

import lehr
from lehr.bench import Problem, hashed_seed

param = lehr.param


def categories(name: str, count: int, **keywords) -> lehr.Categorical:
    return lehr.Categorical(name, [f"v{i}" for i in range(count)], **keywords)


MIXED = lehr.Space(
    [
        categories("a", 4),
        categories("b", 3),
        lehr.Int("n", 1, 64, log=True),
        lehr.Float("x", 0.0, 1.0),
        lehr.Ordinal("o", [1, 2, 8, 32], when=param("b") == "v0"),
    ]
)


def guided(space=MIXED, limits=None, **keywords) -> lehr.Optimizer:
    return lehr.Optimizer(
        space, constraints=limits or {}, method="guided", **{"seed": 3, "budget": 25, **keywords}
    )


def key(config) -> str:
    return json.dumps(config, sort_keys=True)


def run(optimizer, count, evaluate, pending=1, looks=()):
    """Asks and tells with so many trials open; every configuration is legal and new. Returns the sequence."""
    waiting, sequence = [], []
    for number in range(count):
        trial = optimizer.ask()
        optimizer.space.validate(trial.config)
        sequence.append(key(trial.config))
        waiting.append(trial)
        if len(waiting) >= pending:
            done = waiting.pop(0)
            optimizer.tell(done, **evaluate(done.config, done.number))
        if number in looks:
            optimizer.explain()
            assert optimizer.finished is None or optimizer.best is not None
    for done in waiting:
        optimizer.tell(done, **evaluate(done.config, done.number))
    assert len(set(sequence)) == len(sequence)
    return sequence


def ok(objective, **metrics):
    return {"objective": objective, "metrics": metrics}


def on(problem, seed=0):
    return lambda config, _: problem.evaluate(config, hashed_seed(seed)).told()


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


PROBLEMS = ["edge_tight@h100", "crashy_branin", "hierarchical_rosenbrock", "deploy_space#2", "sphere100"]


class TestTheSequence:
    """A function of the space, the options, the seed and the results; of nothing else."""

    @pytest.mark.parametrize("name", PROBLEMS)
    def test_looking_at_it_changes_nothing(self, name):
        problem = Problem.load(name)
        options = {"direction": problem.direction, "seed": hashed_seed(1)}
        plain = run(guided(problem.space, problem.constraints, **options), 30, on(problem))
        looked_at = run(
            guided(problem.space, problem.constraints, **options), 30, on(problem), looks=range(30)
        )
        assert plain == looked_at

    @pytest.mark.parametrize("name", PROBLEMS)
    def test_minimising_the_negative_is_the_same(self, name):
        problem = Problem.load(name)

        def negative(config, number):
            told = on(problem)(config, number)
            return {**told, "objective": None if told["objective"] is None else -told["objective"]}

        other = {"maximize": "minimize", "minimize": "maximize"}[problem.direction]
        here = run(guided(problem.space, problem.constraints, direction=problem.direction), 25, on(problem))
        there = run(guided(problem.space, problem.constraints, direction=other), 25, negative)
        assert here == there

    @pytest.mark.parametrize("stops", [(1,), (8, 9), (24,), range(25)])
    def test_saved_and_loaded_it_is_the_same(self, stops):
        problem = Problem.load("deploy_space#4")
        whole = run(guided(problem.space, problem.constraints), 25, on(problem))
        optimizer = guided(problem.space, problem.constraints)
        for number in range(25):
            if number in stops:
                optimizer = lehr.Optimizer.from_json(optimizer.to_json())
            trial = optimizer.ask()
            optimizer.tell(trial, **on(problem)(trial.config, number))
        assert [key(trial.config) for trial in optimizer.trials] == whole

    def test_the_budget_is_no_part_of_it(self):
        sequences = [
            run(guided(budget=budget), 20, lambda c, _: ok(c["x"] * c["n"])) for budget in (5, 20, 10_000)
        ]
        assert sequences[0] == sequences[1] == sequences[2]

    def test_every_instruction_set_gives_the_same(self):
        program = (
            f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_guided_edges as t\n"
            "for name in t.PROBLEMS:\n"
            "    p = t.Problem.load(name)\n"
            "    print(t.run(t.guided(p.space, p.constraints, direction=p.direction), 25, t.on(p)))\n"
        )
        told = {}
        for isa in ("baseline", "avx2", "avx512"):
            done = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "LEHR_FORCE_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            if done.returncode != 0:
                assert f"LEHR_FORCE_ISA is '{isa}'" in done.stderr
                continue
            told[isa] = done.stdout
        assert "baseline" in told
        assert len(set(told.values())) == 1


class TestForeignResults:
    def test_added_results_are_used_and_not_proposed_again(self):
        optimizer = guided(lehr.Space([categories("a", 4), categories("b", 4)]))
        for a, b in itertools.product(("v0", "v1", "v2"), ("v0", "v1", "v2", "v3")):
            optimizer.add({"a": a, "b": b}, **({"outcome": "crashed"} if a == "v1" else ok(1.0)))
        assert "a=v1: crashes (4 of 4, across 4 values of b)" in optimizer.explain()
        left = run(optimizer, 4, lambda *_: ok(2.0))
        assert all(json.loads(config)["a"] == "v3" for config in left)

    def test_enqueued_configurations_come_first_and_count(self):
        optimizer = guided(limits={"m": 0.5})
        known = {"a": "v2", "b": "v1", "n": 7, "x": 0.25}
        run(optimizer, 5, lambda c, _: ok(c["x"], m=c["x"]))
        optimizer.enqueue(known)
        assert optimizer.finished is None
        trial = optimizer.ask()
        assert trial.config == known
        optimizer.tell(trial, 100.0, {"m": 0.25})
        run(optimizer, 10, lambda c, _: ok(c["x"], m=c["x"]))
        assert optimizer.best.config == known


class TestLearningAtTheEdges:
    def evaluated(self, direction="maximize", space=MIXED, count=12, **keywords):
        optimizer = guided(space, {"m": 0.5}, direction=direction, **keywords)
        run(optimizer, count, lambda c, _: ok(c["x"], m=c["x"]))
        return optimizer

    def test_nothing_to_learn_changes_nothing(self):
        optimizer = guided(limits={"m": 0.5})
        assert optimizer.learn(guided(limits={"m": 0.5})) == 0
        plain = run(guided(limits={"m": 0.5}), 12, lambda c, _: ok(c["x"], m=c["x"]))
        assert run(optimizer, 12, lambda c, _: ok(c["x"], m=c["x"])) == plain

    def test_the_other_direction_is_refused_in_one_sentence(self):
        with pytest.raises(lehr.OptionError, match="is to minimize its objective, this one to maximize it"):
            guided(limits={"m": 0.5}).learn(self.evaluated("minimize"))

    def test_another_space_is_refused_in_one_sentence(self):
        other = self.evaluated(space=lehr.Space([lehr.Float("x", 0.0, 1.0)]))
        with pytest.raises(lehr.ConfigurationError, match="none of the 12 finished trials") as caught:
            guided(limits={"m": 0.5}).learn(other)
        assert "\n" not in str(caught.value)

    def test_metrics_without_a_limit_here_are_left_out(self):
        optimizer = guided()
        assert optimizer.learn(self.evaluated()) == 12
        run(optimizer, 5, lambda c, _: ok(c["x"]))

    def test_failures_alone(self):
        previous = guided(limits={"m": 0.5}, seed=9)
        run(previous, 30, lambda *_: {"outcome": "crashed"})
        optimizer = guided(limits={"m": 0.5})
        assert optimizer.learn(previous) == 30
        run(optimizer, 25, lambda c, _: ok(c["x"], m=c["x"]), looks=range(25))
        assert optimizer.best.objective > 0.45

    def test_it_is_asked_and_saved_as_ever(self):
        sequences = []
        for stops in ((), (0, 1, 2, 9)):
            optimizer = guided(limits={"m": 0.4})
            optimizer.learn(self.evaluated(seed=5))
            for number in range(15):
                if number in stops:
                    optimizer.finished  # noqa: B018 -- looking must change nothing
                    optimizer = lehr.Optimizer.from_json(optimizer.to_json())
                trial = optimizer.ask()
                optimizer.tell(trial, trial.config["x"], {"m": 0.9 * trial.config["x"]})
            sequences.append([trial.config for trial in optimizer.trials])
        assert sequences[0] == sequences[1]


def test_a_thousand_trials_stay_legal_and_new():
    problem = Problem.load("edge_tight@t4")
    optimizer = guided(problem.space, problem.constraints, direction=problem.direction, budget=10_000)
    # Results from elsewhere bring it to size; its own proposals come on top.
    known = set()
    for config in problem.space.sample(1200, seed=1):
        if key(config) not in known and len(known) < 1000:
            known.add(key(config))
            optimizer.add(config, **on(problem)(config, 0))
    assert not known & set(run(optimizer, 12, on(problem), pending=3))
