"""Rules of the guided search that decide what is tried next, each on a space made to need it."""

from __future__ import annotations

import statistics

import lehr
from guided_runs import categories, guided, ok
from lehr.bench import Problem, hashed_seed
from testing_core import lehr_testing


def counted(optimizer, count, evaluate):
    """Asks and tells; the configurations, and whether each ran."""
    seen = []
    for _ in range(count):
        trial = optimizer.ask()
        told = evaluate(trial.config)
        optimizer.tell(trial, **told)
        seen.append((trial.config, "objective" in told))
    return seen


class TestThreeValues:
    """A failure that needs three values at once, each pair of which works elsewhere."""

    def test_are_found_to_be_a_cause_together(self):
        model = lehr_testing.FailureModel([3, 3, 3])
        ran = [(0, 0, 1), (0, 1, 0), (1, 0, 0), (2, 2, 2), (1, 1, 1)]
        for row in ran:
            model.observe([float(v) for v in row], True)
        for _ in range(2):
            model.observe([0.0, 0.0, 0.0], False)
        assert model.causes(0.5)[0]["values"] == [(0, 0), (1, 0), (2, 0)]
        assert model.probability([0.0, 0.0, 0.0]) < 0.2
        assert model.probability([0.0, 0.0, 2.0]) > 0.7

    def test_are_not_tried_over_and_over(self):
        space = lehr.Space(
            [categories("a", 3), categories("b", 3), categories("c", 3), lehr.Float("x", 0.0, 1.0)]
        )

        def evaluate(config):
            worst = config["a"] == config["b"] == config["c"] == "v0"
            value = sum(config[name] == "v0" for name in "abc")  # the best is beside what crashes
            return {"outcome": "crashed"} if worst else ok(value + 0.1 * config["x"])

        for seed in range(6):
            seen = counted(guided(space, seed=seed, budget=30), 30, evaluate)
            assert sum(not ran for _, ran in seen) <= 4


def test_two_failures_in_bad_company_do_not_condemn_a_value():
    """The best family failed twice, each time for a reason of its own; it still gets its fair trial."""
    space = lehr.Space(
        [
            categories("family", 5),
            lehr.Categorical("backend", ["eager", "compile", "onnx"]),
            lehr.Categorical("precision", ["fp32", "fp16", "int8"]),
            lehr.Int("batch", 1, 32, log=True),
        ]
    )

    def evaluate(config):
        compiled = config["backend"] == "compile" and config["precision"] == "int8"
        exported = config["family"] == "v4" and config["backend"] == "onnx" and config["precision"] == "fp16"
        if compiled or exported:
            return {"outcome": "crashed"}
        return ok(0.7 + 0.02 * int(config["family"][1]))

    for seed in range(8):
        optimizer = guided(space, seed=seed)
        for backend, precision in (("compile", "int8"), ("onnx", "fp16")):
            config = {"family": "v4", "backend": backend, "precision": precision, "batch": 1}
            optimizer.add(config, outcome="crashed")
        counted(optimizer, 16, evaluate)
        assert optimizer.best.config["family"] == "v4"


def test_while_nothing_runs_it_moves_on():
    """One of twelve pairs of values runs. Random search needs twelve trials on average."""
    space = lehr.Space([categories("a", 4), categories("b", 3), lehr.Int("n", 1, 64), lehr.Float("x", 0, 1)])

    def evaluate(config):
        return ok(config["x"]) if (config["a"], config["b"]) == ("v2", "v1") else {"outcome": "crashed"}

    first = []
    for seed in range(20):
        seen = counted(guided(space, seed=seed, budget=40), 40, evaluate)
        first.append(next((k for k, (_, ran) in enumerate(seen, 1) if ran), 41))
    assert max(first) <= 40
    assert statistics.mean(first) < 12


def test_a_variable_of_many_values_leaves_room_for_improvement():
    space = lehr.Space([categories("kind", 40), lehr.Float("x", 0.0, 1.0), lehr.Float("y", 0.0, 1.0)])

    def evaluate(config):
        return ok(config["x"] + config["y"] + int(config["kind"][1:]) / 40)

    for seed in range(5):
        optimizer = guided(space, seed=seed, budget=30)
        counted(optimizer, 30, evaluate)
        assert optimizer.best.objective > 2.3


def test_limited_quantities_are_expected_to_grow_with_logarithmic_variables():
    """The first trials of a space of which nothing is known start small, and only there."""
    space = lehr.Space(
        [categories("a", 3), lehr.Int("batch", 1, 64, log=True), lehr.Float("share", 0.0, 1.0)]
    )
    limits = {"latency": 10.0}

    def first(**keywords):
        return [guided(space, seed=seed, **keywords).ask().config for seed in range(30)]

    def mean(configs, name):
        return statistics.mean(config[name] for config in configs)

    assert mean(first(limits=limits), "batch") < 4
    assert mean(first(), "batch") > 8
    assert mean(first(limits={"latency": -10.0}), "batch") > 8  # a lower limit, negated
    assert mean(first(limits=limits, options={"guided_growth": False}), "batch") > 8
    assert 0.3 < mean(first(limits=limits), "share") < 0.7


def test_the_objective_may_lie_far_from_zero():
    problem = Problem.load("branin")

    def regret(offset):
        def evaluate(config):
            return ok(problem.evaluate(config, 0).told()["objective"] + offset)

        found = []
        for seed in range(6):
            optimizer = guided(problem.space, direction="minimize", seed=hashed_seed(seed))
            counted(optimizer, 25, evaluate)
            found.append(optimizer.best.objective - offset - problem.optimum()[1])
        return statistics.median(found)

    assert regret(0.0) < 0.2
    assert regret(1e6) < 0.2
