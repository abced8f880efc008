"""Recorded problems: the format, the lookup, and what a search finds on the recorded zoo."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

import lehr
from lehr.bench import ReplayProblem, replay_names


@pytest.fixture(scope="module")
def digits():
    return ReplayProblem.load("digits_edge")


def hashed_seed(number):
    """Seeds spread over the whole range: low integers are no random sample of it."""
    return int.from_bytes(hashlib.sha256(f"digits_edge {number}".encode()).digest()[:8], "big")


def search(problem, method, seed, budget=25, **keywords):
    optimizer = lehr.Optimizer(
        problem.space, constraints=problem.constraints, method=method, seed=seed, budget=budget, **keywords
    )
    for _ in range(budget):
        trial = optimizer.ask()
        optimizer.tell(trial, **problem.result(trial.config))
    return optimizer


def test_the_zoo_is_recorded_completely(digits):
    assert "digits_edge" in replay_names()
    assert len(digits) == digits.space.count()
    assert {"machine", "command", "date", "packages"} <= set(digits.recorded)
    assert "invalid" in digits.describe()


def test_its_limits_leave_a_hard_but_honest_problem(digits):
    draws = digits.space.sample(4000, seed=1)
    invalid = sum(not digits.feasible(config) for config in draws) / len(draws)
    assert 0.5 <= invalid <= 0.75
    assert 0.5 <= digits.invalid_share() <= 0.75
    outcomes = {digits.lookup(config).outcome for config in digits.space.enumerate()}
    assert {"ok", "crashed"} <= outcomes


def test_the_optimum_is_the_best_of_all_feasible_configurations(digits):
    config, value = digits.optimum()
    assert digits.feasible(config)
    values = [
        digits.lookup(other).metrics[digits.objective]
        for other in digits.space.enumerate()
        if digits.feasible(other)
    ]
    assert value == max(values)


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_hybrid_finds_something_feasible_in_49_of_50_seeds(digits, preset):
    found = [search(digits, "tba-tpe", hashed_seed(number), preset=preset).best for number in range(50)]
    assert sum(best is not None for best in found) >= 49
    assert all(digits.feasible(best.config) for best in found if best is not None)


def test_other_limits_can_be_asked(digits):
    strict = {"latency_p95_ms": 1e-6}
    assert digits.invalid_share(strict) == 1.0
    assert digits.optimum(strict) is None


def test_a_configuration_outside_the_space_is_refused(digits):
    with pytest.raises(lehr.ConfigurationError):
        digits.lookup({"model": "mlp"})


HEADER = {
    "format": "lehr.replay",
    "version": 1,
    "name": "tiny",
    "space": json.loads(lehr.Space([lehr.Categorical("a", [1, 2])]).to_json()),
    "objective": "speed",
    "direction": "maximize",
    "constraints": {"latency": 2.0},
    "recorded": {"machine": "made up"},
}
LINES = [
    {"config": {"a": 1}, "outcome": "ok", "metrics": {"speed": 3.0, "latency": 1.0}, "seconds": 0.1},
    {"config": {"a": 2}, "outcome": "crashed", "metrics": {}, "seconds": 0.2, "error": "boom"},
]


def write(path, *lines, compress=False):
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if compress else data)
    return path


@pytest.mark.parametrize("compress", [False, True])
def test_any_file_of_the_format_loads(tmp_path, compress):
    problem = ReplayProblem.load(write(tmp_path / "tiny.jsonl", HEADER, *LINES, compress=compress))
    assert problem.result({"a": 1}) == {"outcome": "ok", "objective": 3.0, "metrics": {"latency": 1.0}}
    assert problem.result({"a": 2}) == {"outcome": "crashed", "metrics": {}}
    assert problem.lookup({"a": 2}).error == "boom"
    assert problem.optimum() == ({"a": 1}, 3.0)
    assert problem.invalid_share() == 0.5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no header"),
        ([LINES[0]], "no header"),
        ([HEADER | {"version": 9}, *LINES], "version 9"),
        ([HEADER, LINES[0]], "records 1 of the 2"),
        ([HEADER, LINES[0], {"config": {"a": 3}}], "damaged"),
        ([HEADER, LINES[0], LINES[1] | {"outcome": "melted"}], "melted"),
        ([{k: v for k, v in HEADER.items() if k != "objective"}, *LINES], "damaged"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, lines, message):
    with pytest.raises(lehr.LehrError, match=message):
        ReplayProblem.load(write(tmp_path / "bad.jsonl", *lines))


def test_no_such_problem_names_those_there_are():
    with pytest.raises(lehr.LehrError, match="digits_edge"):
        ReplayProblem.load("nothing_of_the_kind")
