"""Random deployment-like spaces: what the generator promises of every seed."""

from __future__ import annotations

import hashlib
import math
import statistics

import pytest

from lehr.bench import Problem
from lehr.errors import OptionError
from testing_core import lehr_testing

SEEDS = [*range(24), 2**31 - 1, 2**31 - 2]


@pytest.fixture(scope="module", params=SEEDS)
def problem(request):
    return Problem.load(f"deploy_space#{request.param}")


def test_every_seed_is_a_small_mixed_space_that_can_be_listed(problem):
    kinds = [type(variable).__name__ for variable in problem.space.variables]
    assert 3 <= len(kinds) <= 8
    assert kinds[:2] == ["Categorical", "Int"]
    assert 2 <= problem.space.count() <= 60_000
    assert problem.family == "model"
    assert set(problem.constraints) == {"latency_ms", "memory_mb"}


def test_between_30_and_97_percent_are_invalid_and_something_is_feasible(problem):
    share = problem.invalid_share()
    assert share.exact
    assert 0.30 <= share.share <= 0.97
    assert f"{100 * share.share:.1f} % of random draws invalid" in problem.describe()
    config, objective = problem.optimum()
    assert problem.feasible(problem.truth(config))
    assert problem.truth(config).objective == objective


def test_the_optimum_stands_against_search(problem):
    _, objective = problem.optimum()
    _, found, _ = lehr_testing.search_hard(problem._core, 50_000, 3)
    sign = 1.0 if problem.direction == "maximize" else -1.0
    assert sign * (found - objective) <= 0.0


def test_something_fails_and_says_why(problem):
    truths = [problem.truth(config) for config in problem.space.sample(1000, seed=2)]
    failed = [truth for truth in truths if truth.outcome != "ok"]
    assert all(truth.cause and not truth.metrics and truth.seconds > 0 for truth in failed)
    causes = {truth.cause for truth in failed}
    assert all(cause.endswith(("crashes", "hangs")) or cause == "out of memory" for cause in causes)


def test_all_kinds_occur_among_the_seeds():
    problems = [Problem.load(f"deploy_space#{seed}") for seed in range(40)]
    outcomes = {
        problem.truth(config).outcome for problem in problems for config in problem.space.sample(300, seed=1)
    }
    assert outcomes == {"ok", "crashed", "timeout", "oom"}
    assert {(problem.objective, problem.direction) for problem in problems} == {
        ("quality", "maximize"),
        ("error_rate", "minimize"),
        ("items_per_s", "maximize"),
    }
    kinds = {type(variable).__name__ for problem in problems for variable in problem.space.variables}
    assert kinds == {"Categorical", "Ordinal", "Int"}
    assert any(variable.when is not None for problem in problems for variable in problem.space.variables)
    shares = [problem.invalid_share().share for problem in problems]
    assert min(shares) < 0.4
    assert max(shares) > 0.88


def test_latency_is_log_normal_about_the_truth():
    problem = Problem.load("deploy_space#1")
    config, _ = problem.optimum()
    truth = problem.truth(config).metrics["latency_ms"]
    logs = [
        math.log(problem.evaluate(config, seed=seed).metrics["latency_ms"] / truth) for seed in range(3000)
    ]
    assert abs(statistics.fmean(logs)) < 0.01
    assert 0.03 <= statistics.stdev(logs) <= 0.10


def test_the_law_is_frozen():
    """Published results name a seed; a change of the generator would make them lies."""
    digest = hashlib.sha256()
    for seed in (0, 1, 2, 3, 2**31 - 1):
        problem = Problem.load(f"deploy_space#{seed}")
        digest.update(problem.space.to_json().encode())
        for limit in problem.constraints.values():
            digest.update(f"{limit:.9g} ".encode())
        for config in problem.space.sample(50, seed=9):
            evaluation = problem.evaluate(config, seed=4, repeat=1)
            numbers = [evaluation.objective or 0.0, *evaluation.metrics.values(), evaluation.seconds]
            digest.update((evaluation.outcome + "".join(f" {number:.9g}" for number in numbers)).encode())
    assert digest.hexdigest() == "2f120e9fdf9dc76ff57699318845ed639254a898bad9fcf16c6f964b7cc03d49"


@pytest.mark.parametrize("name", ["deploy_space#", "deploy_space#x", "deploy_space#-1", "deploy_space#1.5"])
def test_a_name_without_a_seed_is_refused(name):
    with pytest.raises(OptionError, match="names no problem: write deploy_space#SEED"):
        Problem.load(name)


def test_a_seed_out_of_range_and_a_bare_name_are_refused():
    with pytest.raises(OptionError, match=r"below 2\^31"):
        Problem.load(f"deploy_space#{2**31}")
    with pytest.raises(OptionError, match="deploy_space#SEED"):
        Problem.load("deploy_space")
