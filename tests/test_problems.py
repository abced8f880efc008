"""DeployBench's native problems: definitions, optima and invalid shares."""

from __future__ import annotations

import pytest

from lehr.bench import Problem, problem_names
from lehr.errors import OptionError


def test_an_unknown_problem_is_answered_with_the_names_there_are():
    with pytest.raises(OptionError, match="crashy_branin"):
        Problem.load("crashy")


@pytest.mark.parametrize("name", problem_names())
def test_the_optimum_is_feasible_and_worth_what_it_claims(name):
    problem = Problem.load(name)
    config, objective = problem.optimum()
    truth = problem.truth(config)
    assert problem.feasible(truth)
    assert truth.objective == pytest.approx(objective, rel=1e-12)


def test_crashy_branin_wastes_65_percent_of_random_points():
    problem = Problem.load("crashy_branin")
    configs = problem.space.sample(20_000, seed=5)
    wasted = sum(not problem.feasible(problem.evaluate(config)) for config in configs) / len(configs)
    assert wasted == pytest.approx(0.65, abs=0.02)
