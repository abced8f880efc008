"""DeployBench's problems: definitions, optima, invalid shares, and that evaluations are pure."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from lehr.bench import Problem, problem_names
from lehr.errors import OptionError
from testing_core import lehr_testing


@pytest.fixture(scope="module", params=problem_names())
def problem(request):
    return Problem.load(request.param)


def test_an_unknown_problem_is_answered_with_the_names_there_are():
    with pytest.raises(OptionError, match="crashy_branin"):
        Problem.load("crashy")


def test_the_optimum_is_feasible_and_worth_what_it_claims(problem):
    config, objective = problem.optimum()
    assert problem.certificate()
    if problem.name == "all_fail":
        assert config == {}
        assert math.isnan(objective)
        assert problem.invalid_share(1000).share == 1.0
        return
    truth = problem.truth(config)
    assert problem.feasible(truth)
    assert truth.objective == pytest.approx(objective, rel=1e-12)
    for family in problem.best_families():
        assert family in problem.space[problem.family].choices


def test_a_million_random_and_climbing_points_do_not_beat_the_optimum(problem):
    config, objective = problem.optimum()
    codes, found, evaluations = lehr_testing.search_hard(problem._core, 1_000_000, 7)
    assert evaluations >= 990_000
    if problem.name == "all_fail":
        assert (config, codes) == ({}, [])
        return
    best = problem.space._core.decode(codes)
    sign = 1.0 if problem.direction == "maximize" else -1.0
    assert sign * (found - objective) <= 1e-12 * max(1.0, abs(objective))
    assert problem.feasible(problem.truth(best))
    assert problem.truth(best).objective == found
    # The search is no straw man: it reaches the optimum, or all but, so a claim below what can be reached would show.
    assert abs(found - objective) <= 0.005 * abs(objective) + 1e-5


def test_evaluations_are_a_function_of_configuration_seed_and_repeat(problem):
    configs = problem.space.sample(40, seed=11)
    calls = [(config, seed, repeat) for config in configs for seed in (0, 2**64 - 1) for repeat in (0, 3)]

    def parts(call):
        config, seed, repeat = call
        evaluation = problem.evaluate(config, seed=seed, repeat=repeat)
        return (
            evaluation.outcome,
            evaluation.objective,
            dict(evaluation.metrics),
            evaluation.seconds,
            evaluation.cause,
        )

    forwards = [parts(call) for call in calls]
    backwards = [parts(call) for call in reversed(calls)][::-1]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(parts, calls))
    assert forwards == backwards == threaded


def test_evaluations_cost_seconds_and_failures_say_why(problem):
    for config in problem.space.sample(200, seed=3):
        for evaluation in (problem.evaluate(config, seed=5), problem.truth(config)):
            assert evaluation.seconds > 0.0
            assert bool(evaluation.cause) == (evaluation.outcome != "ok")
            assert (evaluation.objective is None) == (evaluation.outcome != "ok")


def test_the_invalid_share_is_what_random_draws_waste(problem):
    stated = problem.invalid_share(50_000, seed=1)
    assert 0.0 <= stated.low <= stated.share <= stated.high <= 1.0
    configs = problem.space.sample(5000, seed=5)
    wasted = sum(not problem.feasible(problem.truth(config)) for config in configs) / len(configs)
    assert wasted == pytest.approx(stated.share, abs=0.025)


def test_problems_describe_themselves(problem):
    assert problem.describe().startswith(problem.name.partition("#")[0])


def test_crashy_branin_wastes_65_percent_of_random_points():
    share = Problem.load("crashy_branin").invalid_share(200_000)
    assert not share.exact
    assert share.share == pytest.approx(0.65, abs=0.01)
    assert share.low < share.share < share.high


def test_hierarchical_rosenbrock_ties_in_every_mode():
    problem = Problem.load("hierarchical_rosenbrock")
    assert problem.best_families() == ["simple", "extended", "full"]
    ones = {
        "simple": {"x1": 1.0, "x2": 1.0},
        "extended": dict.fromkeys(["x1", "x2", "x3", "x4"], 1.0),
        "full": dict.fromkeys(["x1", "x2", "x3", "x4", "x5"], 1.0),
    }
    for mode, point in ones.items():
        for iterations in (1, 20):
            truth = problem.truth({"mode": mode, **point, "n_iters": iterations})
            assert problem.feasible(truth)
            assert truth.objective == 0.0
            assert truth.seconds == pytest.approx(0.1 * iterations)
    # One step beyond in mode full, and the limit cuts.
    point = ones["full"] | {"x5": 1.0 + 1e-9}
    assert not problem.feasible(problem.truth({"mode": "full", **point, "n_iters": 1}))


def test_hierarchical_rosenbrock_by_hand():
    problem = Problem.load("hierarchical_rosenbrock")
    config = {"mode": "extended", "x1": 0.0, "x2": 2.0, "x3": -1.0, "x4": 0.5, "n_iters": 4}
    # 100 (2 - 0)^2 + 1; 100 (-1 - 4)^2 + 1; 100 (0.5 - 1)^2 + 4
    assert problem.truth(config).objective == pytest.approx(-(401.0 + 2501.0 + 29.0))
    assert problem.truth(config).metrics == {"sum_excess": pytest.approx(-3.5)}
    noise = [
        4.0 * (problem.truth(config).objective - problem.evaluate(config, seed=s).objective)
        for s in range(4000)
    ]
    assert abs(sum(noise) / 4000) < 0.06
    assert sum(x * x for x in noise) / 4000 == pytest.approx(1.0, abs=0.08)
    crash = {"mode": "full", "x1": 3.5, "x2": 0.0, "x3": 0.0, "x4": 0.0, "x5": 3.5, "n_iters": 9}
    assert problem.evaluate(crash).outcome == "crashed"
    assert problem.evaluate(crash | {"x5": 3.0}).outcome == "ok"


def test_the_benign_space_in_its_three_tempers():
    none, everything, some = (Problem.load(name) for name in ("none_fail", "all_fail", "random_fail"))
    assert none.space == everything.space == some.space
    assert none.invalid_share().share == 0.0
    assert everything.invalid_share().share == 1.0
    # Half of the configurations; draws favour the few with small batches.
    assert some.invalid_share().share == pytest.approx(0.5, abs=0.04)
    for config in none.space.sample(300, seed=1):
        assert everything.evaluate(config).outcome == "crashed"
        fails = {some.evaluate(config, seed=seed, repeat=1).outcome for seed in range(4)}
        assert len(fails) == 1
        assert some.truth(config).outcome in fails
        if fails == {"ok"}:
            assert some.truth(config) == none.truth(config)


def test_no_value_explains_what_fails_at_random():
    problem = Problem.load("random_fail")
    failures = {}
    for config in problem.space.enumerate():
        for item in config.items():
            failures.setdefault(item, []).append(problem.truth(config).outcome != "ok")
    for outcomes in failures.values():
        assert sum(outcomes) / len(outcomes) == pytest.approx(0.5, abs=4.0 * 0.5 / len(outcomes) ** 0.5)


def test_known_minima():
    assert Problem.load("branin").optimum()[1] == pytest.approx(0.39788735772973816, rel=1e-14)
    assert Problem.load("hartmann6").optimum()[1] == pytest.approx(-3.322368011415515, rel=1e-14)
    sphere = Problem.load("sphere100")
    assert sphere.optimum()[1] == 0.0
    moved = sphere.optimum()[0] | {"x100": sphere.optimum()[0]["x100"] + 0.5}
    assert sphere.truth(moved).objective == pytest.approx(0.25)


def test_the_rugged_space_is_nearly_without_structure():
    problem = Problem.load("rugged")
    assert problem.space.count() == 8**7
    values = [problem.truth(config).objective for config in problem.space.sample(4000, seed=1)]
    assert min(values) > 0.0
    assert max(values) < problem.optimum()[1]
    assert max(values) > 1.15


GOLDEN = {
    "crashy_branin": "c01843cc2205f037",
    "hierarchical_rosenbrock": "a1072cef300200b3",
    "branin": "bd3ae0df69ff6224",
    "hartmann6": "1b6c1d04f6875d30",
    "sphere100": "ad449fe6c059a833",
    "rugged": "dc40afe7ae6a9f13",
    "none_fail": "293c032339a67d09",
    "all_fail": "f7eb212553c912df",
    "random_fail": "c679c67482000682",
    "digits_edge": "0ae4d0af23108834",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_problems_are_frozen(name):
    """Published results name a problem; a change of its values would make them lies."""
    problem = Problem.load(name)
    digest = hashlib.sha256()
    for config in problem.space.sample(30, seed=9):
        evaluation = problem.evaluate(config, seed=4, repeat=1)
        numbers = [evaluation.objective or 0.0, *evaluation.metrics.values(), evaluation.seconds]
        digest.update((evaluation.outcome + "".join(f" {number:.9g}" for number in numbers)).encode())
    assert digest.hexdigest()[:16] == GOLDEN[name]
