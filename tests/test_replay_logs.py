"""Trial logs as problems."""

from __future__ import annotations

import gzip
import json

import pytest

import lehr
from lehr.bench import Problem
from lehr.errors import ConfigurationError, LehrError
from recorded_files import LOG, configs, log, recorded, trial, write


def test_a_log_is_the_space_of_its_configurations_alone(tmp_path):
    problem = Problem.replay(write(tmp_path / "edge.jsonl", log(*LOG)))
    assert configs(problem) == recorded(*(line["config"] for line in LOG[:4]))
    assert problem.name == "edge.jsonl"
    assert problem.direction == "maximize"
    assert problem.constraints == {"missed_limits": 0.0}
    assert problem.optimum() == (
        {"backend": "b", "batch": 1, "threads": 2},
        2.0,
    )  # the lower middle of 2.0, 2.5
    missed = problem.evaluate({"backend": "a", "batch": 4})
    assert (missed.outcome, missed.objective, missed.metrics) == ("ok", 3.0, {"missed_limits": 1.0})
    assert not problem.feasible(missed)
    crash = problem.evaluate({"backend": "b", "batch": 8, "threads": 1})
    assert (crash.outcome, crash.cause, crash.seconds) == ("crashed", "boom", 4.0)
    assert {problem.evaluate(LOG[2]["config"], repeat=k).objective for k in (0, 1)} == {2.0, 2.5}
    for config in ({"backend": "a", "batch": 8}, {"backend": "b", "batch": 1, "threads": 1}):
        with pytest.raises(ConfigurationError):
            problem.evaluate(config)


def test_limits_objective_and_direction_of_a_log_can_be_given(tmp_path):
    path = write(tmp_path / "edge.jsonl", log(*LOG))
    problem = Problem.replay(path, objective="latency", direction="minimize", constraints={"latency": 25.0})
    assert problem.optimum() == ({"backend": "a", "batch": 1}, 10.0)
    assert not problem.feasible(problem.truth({"backend": "a", "batch": 4}))
    with pytest.raises(LehrError, match=r"trial 0 did not measure memory; it measured latency, objective"):
        Problem.replay(path, constraints={"memory": 1.0})


@pytest.mark.parametrize("method", ["random", "grid", "tba", "tpe", "tba-tpe"])
def test_methods_keep_to_what_was_recorded(tmp_path, method):
    problem = Problem.replay(write(tmp_path / "edge.jsonl", log(*LOG)))
    optimizer = lehr.Optimizer(
        problem.space,
        constraints=problem.constraints,
        direction=problem.direction,
        method=method,
        seed=1,
        budget=4,
    )
    for _ in range(4):
        asked = optimizer.ask()
        optimizer.tell(asked, **problem.evaluate(asked.config).told())
    assert optimizer.best.config == problem.optimum()[0]


@pytest.mark.slow
def test_what_a_real_study_logs_replays(tmp_path):
    space = lehr.Space(
        [
            lehr.Categorical("kind", ["x", "y"]),
            lehr.Float("rate", 0.0, 1.0),
            lehr.Int("depth", 1, 5, when=lehr.param("kind") == "y"),
        ]
    )
    storage = tmp_path / "real.journal"
    study = lehr.run(
        evaluate, space, objective="score", constraints=["cost <= 0.8"], budget=8, storage=storage, seed=3
    )
    problem = Problem.replay(tmp_path / "real.jsonl")
    assert configs(problem) == recorded(*{json.dumps(t.config): t.config for t in study.trials}.values())
    for finished in study.trials:
        again = problem.evaluate(finished.config)
        assert again.outcome == finished.outcome
        assert again.objective == finished.objective
        assert problem.feasible(again) == finished.feasible


def evaluate(config):
    if config["rate"] < 0.2:
        raise RuntimeError("too slow")
    return {"score": config["rate"] + config.get("depth", 0), "cost": config["rate"]}


def test_several_studies_in_one_log(tmp_path):
    path = write(tmp_path / "two.jsonl", log(LOG[0], LOG[1] | {"study": "other"}))
    with pytest.raises(LehrError, match="holds the studies edge, other; say which"):
        Problem.replay(path)
    assert configs(Problem.replay(path, study="other")) == recorded(LOG[1]["config"])
    with pytest.raises(LehrError, match="holds no study third"):
        Problem.replay(path, study="third")
    sweep = log(*({k: v for k, v in t.items() if k != "metrics"} | {"study": i} for i, t in enumerate(LOG)))
    packed = tmp_path / "trials.jsonl.gz"
    packed.write_bytes(gzip.compress(sweep.encode()))
    assert len(configs(Problem.replay(packed))) == 4


def test_presence_that_hangs_on_two_variables(tmp_path):
    trials = []
    for a in (1, 2):
        for b in ("x", "y"):
            for c in (0.5, 0.25) if (a, b) in ((1, "y"), (2, "x")) else (None,):
                config = {"a": a, "b": b} | ({} if c is None else {"c": c})
                trials.append(trial(len(trials), config, float(len(trials))))
    problem = Problem.replay(write(tmp_path / "two.jsonl", log(*trials)))
    assert configs(problem) == recorded(*(t["config"] for t in trials))
    assert problem.space["c"].values == (0.25, 0.5)


def test_ints_among_floats_are_floats(tmp_path):
    problem = Problem.replay(
        write(tmp_path / "m.jsonl", log(trial(0, {"a": 1}, 1.0), trial(1, {"a": 0.5}, 2.0)))
    )
    assert problem.space["a"].values == (0.5, 1.0)
    assert problem.truth({"a": 1.0}).objective == 1.0


def test_thousands_of_scattered_configurations(tmp_path):
    """Beyond what a table of every forbidden combination would bear."""
    kept = [
        {"a": a, "b": b, "c": c, "d": d}
        for a in range(16)
        for b in range(16)
        for c in range(12)
        for d in range(8)
        if a * b % 7 == c % 5 and (a + d) % 3
    ]
    assert len(kept) > 2000
    problem = Problem.replay(
        write(tmp_path / "big.jsonl", log(*(trial(i, config, float(i)) for i, config in enumerate(kept))))
    )
    assert problem.space.count() == len(kept)
    assert problem.optimum() == (kept[-1], float(len(kept) - 1))
    assert problem.space.sample(seed=1) in kept
