"""smooth_space#SEED and rugged_space#SEED: moved classics and NK landscapes with known optima."""

from __future__ import annotations

import hashlib
import itertools
import re

import pytest

import lehr
from lehr.bench import Problem
from lehr.errors import OptionError
from testing_core import lehr_testing

NAMES = [
    f"{family}#{seed}" for family in ("smooth_space", "rugged_space") for seed in (*range(12), 2**31 - 1)
]


@pytest.fixture(scope="module", params=NAMES)
def problem(request):
    return Problem.load(request.param)


def test_nothing_fails_and_nothing_is_noisy(problem):
    assert (problem.objective, problem.direction) == ("value", "minimize")
    assert problem.constraints == {}
    for config in problem.space.sample(50, seed=1):
        truth = problem.truth(config)
        assert truth == problem.evaluate(config, seed=9, repeat=2)
        assert truth.outcome == "ok"
        assert truth.objective > 0


def test_the_optimum_is_attained_and_not_beaten(problem):
    config, objective = problem.optimum()
    assert problem.truth(config).objective == objective
    _, found, _ = lehr_testing.search_hard(problem._core, 50_000, 3)
    assert found >= objective - 1e-12
    if "NK" not in problem.describe():
        assert objective == pytest.approx(1.0, abs=1e-9)


def test_it_is_not_trivial(problem):
    _, objective = problem.optimum()
    values = sorted(problem.truth(config).objective for config in problem.space.sample(1000, seed=4))
    assert values[500] > 1.8 * objective
    assert sum(value <= 1.05 * objective for value in values) <= 50


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("rugged")])
def test_the_optimum_of_an_nk_landscape_is_that_of_enumeration(name):
    problem = Problem.load(name)
    if "NK" not in problem.describe() or problem.space.count() > 20_000:
        assert problem.optimum()[0]
        return
    domains = [
        variable.choices if isinstance(variable, lehr.Categorical) else variable.values
        for variable in problem.space.variables
    ]
    names = [variable.name for variable in problem.space.variables]
    values = [
        problem.truth(dict(zip(names, values, strict=True))).objective
        for values in itertools.product(*domains)
    ]
    assert problem.optimum()[1] == min(values)


def test_all_kinds_occur_among_the_seeds():
    def words(family):
        return {
            re.sub(r" in .*| landscape, N.*", "", Problem.load(f"{family}#{seed}").describe().split(": ")[1])
            for seed in range(60)
        }

    assert words("smooth_space") == {
        "the sphere",
        "the ellipsoid",
        "the sum of powers",
        "the cone",
        "the Rosenbrock function",
    }
    assert words("rugged_space") == {
        "an NK",
        "the Rastrigin function",
        "the Ackley function",
        "the Griewank function",
        "the Levy function",
    }


def test_the_laws_are_frozen():
    digest = hashlib.sha256()
    for name in NAMES:
        problem = Problem.load(name)
        digest.update(problem.space.to_json().encode())
        for config in problem.space.sample(20, seed=9):
            digest.update(f"{problem.truth(config).objective:.7g}".encode())
    assert digest.hexdigest() == "f73bc383fbe0b42ab4a157b6c86f1602c78fec944e47f2d105b06da92f17c411"


@pytest.mark.parametrize("family", ["smooth_space", "rugged_space"])
def test_a_seed_out_of_range_is_refused(family):
    with pytest.raises(OptionError, match=r"below 2\^31"):
        Problem.load(f"{family}#{2**31}")
