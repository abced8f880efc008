"""What the guided search proposes follows from space, options, seed and results alone, foreign results included."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import pytest

import lehr
from guided_runs import MIXED, categories, guided, key, ok, on, run
from lehr.bench import Problem, hashed_seed

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
            f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_guided_sequence as t\n"
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
