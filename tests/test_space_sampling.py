"""Draws have the distribution they promise, however tight the forbidden combinations are."""

from __future__ import annotations

import math
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

import lehr
from lehr import Categorical, Float, Int, Ordinal, _core, param

DRAWS = 20_000
# Seeds are fixed, so these tests give the same result every time.
LEVEL = 1e-3


def frequencies_fit(observed: Counter[Any], chances: dict[Any, float]) -> bool:
    total = sum(observed.values())
    assert set(observed) <= set(chances)
    assert math.isclose(sum(chances.values()), 1.0, abs_tol=1e-12)
    expected = [chances[value] * total for value in chances]
    return bool(stats.chisquare([observed[value] for value in chances], expected).pvalue > LEVEL)


@pytest.mark.parametrize(
    ("variable", "chances"),
    [
        (Categorical("x", ["a", 1, 1.5, True, None]), {repr(v): 0.2 for v in ["a", 1, 1.5, True, None]}),
        (Ordinal("x", [16, 32, 64]), {"16": 1 / 3, "32": 1 / 3, "64": 1 / 3}),
        (Int("x", -2, 2), {str(k): 0.2 for k in range(-2, 3)}),
        (Int("x", 1, 10, step=4), {"1": 1 / 3, "5": 1 / 3, "9": 1 / 3}),
        (Float("x", 0.1, 0.5, step=0.1), {repr(k / 10): 0.2 for k in range(1, 6)}),
        (
            Int(
                "x", 1, 8, log=True
            ),  # Optuna's rule: uniform in the logarithm over [low - 1/2, high + 1/2], rounded
            {str(k): math.log((k + 0.5) / (k - 0.5)) / math.log(8.5 / 0.5) for k in range(1, 9)},
        ),
    ],
)
def test_a_discrete_variable_is_uniform_in_its_own_scale(variable: Any, chances: dict[str, float]) -> None:
    drawn = lehr.Space([variable]).sample(DRAWS, seed=1)
    assert frequencies_fit(Counter(repr(config["x"]) for config in drawn), chances)


def test_a_continuous_variable_is_uniform_in_its_own_scale() -> None:
    drawn = lehr.Space([Float("x", -3, 5), Float("y", 1e-6, 10, log=True)]).sample(DRAWS, seed=2)
    x = np.array([config["x"] for config in drawn])
    y = np.log([config["y"] for config in drawn])
    assert stats.kstest(x, stats.uniform(-3, 8).cdf).pvalue > LEVEL
    assert stats.kstest(y, stats.uniform(math.log(1e-6), math.log(1e7)).cdf).pvalue > LEVEL
    assert abs(stats.spearmanr(x, y).statistic) < 0.03


def test_children_are_drawn_within_their_parents() -> None:
    space = lehr.Space([Categorical("a", ["x", "y", "z"]), Int("n", 1, 4, when=param("a").isin(["x", "y"]))])
    drawn = Counter((config["a"], config.get("n")) for config in space.sample(DRAWS, seed=3))
    chances: dict[Any, float] = {(a, n): 1 / 12 for a in "xy" for n in range(1, 5)}
    assert frequencies_fit(drawn, {**chances, ("z", None): 1 / 3})


def conditional_space(width: int) -> tuple[lehr.Space, dict[Any, float]]:
    """A space in which about one in `width` draws is legal, and the exact chances of what is legal."""
    space = lehr.Space(
        [
            Categorical("a", ["x", "y"]),
            Int("n", 1, width),
            Int("m", 1, 8, log=True, when=param("a") == "x"),
            Ordinal("o", [1, 2, 3], when=param("n") < 3),
        ],
        [
            (param("n") > 2) & (param("n") != width),
            (param("a") == "y") & (param("n") > 2),
            (param("m") < 7) & (param("n") <= 2),
            (param("o") == 2) & (param("m") == 8),
        ],
    )
    log_chances = {k: math.log((k + 0.5) / (k - 0.5)) / math.log(17) for k in range(1, 9)}
    weights = {}
    for config in space.enumerate():
        weight = 0.5 / width
        if "m" in config:
            weight *= log_chances[config["m"]]
        if "o" in config:
            weight /= 3
        weights[tuple(config.items())] = weight
    total = sum(weights.values())
    return space, {config: weight / total for config, weight in weights.items()}


@pytest.mark.parametrize("width", [4, 10_000_000])  # rejection suffices; only the exact sampler can
def test_forbidden_combinations_condition_the_distribution_exactly(width: int) -> None:
    space, chances = conditional_space(width)
    drawn = Counter(tuple(config.items()) for config in space.sample(DRAWS, seed=4))
    assert frequencies_fit(drawn, chances)


def test_a_single_point_of_a_continuous_variable_is_found() -> None:
    space = lehr.Space(
        [Float("x", 0, 1), Float("y", 1e-3, 1, log=True), Categorical("c", [1, 2])],
        [
            param("x") != 0.5,
            ~((param("y") >= 0.1) & (param("y") <= 0.1)),
            (param("x") == 0.5) & (param("c") == 1),
        ],
    )
    assert space.sample(3, seed=0) == [{"x": 0.5, "y": 0.1, "c": 2}] * 3
    assert space.neighbour(space.sample(seed=0), seed=0) is None


def test_seeds_decide_and_no_seed_varies() -> None:
    space = lehr.Space([Float("x", 0, 1)])
    assert space.sample(5, seed=7) == space.sample(5, seed=7)
    assert space.sample(5, seed=7) != space.sample(5, seed=8)
    assert space.sample(seed=7) == space.sample(5, seed=7)[0]
    assert space.sample(2) != space.sample(2)
    assert space.sample(0) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.sample(-1),
        lambda s: s.sample(1.5),
        lambda s: s.sample(True),
        lambda s: s.sample(seed=-1),
        lambda s: s.sample(seed=2**64),
        lambda s: s.sample(seed="0"),
        lambda s: s.enumerate(0),
        lambda s: s.enumerate(),
        lambda s: s.neighbour({"x": 0.5}, kind="both"),
        lambda s: s.neighbour({"x": 0.5}, scale=0),
        lambda s: s.neighbour({"x": 0.5}, scale=float("nan")),
    ],
)
def test_arguments_out_of_range_are_refused(call: Any) -> None:
    with pytest.raises(lehr.OptionError):
        call(lehr.Space([Float("x", 0, 1)]))


def test_large_spaces_are_handled() -> None:
    """Hundreds of children under one root, each with children of its own: states must not multiply."""
    variables: list[Any] = [Categorical("root", list(range(10)))]
    forbid = []
    for k in range(200):
        variables.append(Int(f"c{k}", 1, 8, when=param("root") == k % 10))
        variables.append(Float(f"g{k}", 0, 1, step=0.25, when=param(f"c{k}") > 4))
        forbid.append((param(f"c{k}") == 8) & (param(f"g{k}") == 0.5))
    space = lehr.Space(variables, forbid)
    assert space.count() == 10 * (4 + 4 * 5 - 1) ** 20
    assert all(config in space for config in space.sample(5, seed=0))


def test_counts_are_exact_beyond_any_float() -> None:
    space = lehr.Space([Int(f"x{k}", 0, 2**53 - 1) for k in range(300)], [param("x0") == 0])
    assert space.count() == (2**53 - 1) * 2 ** (53 * 299)


def entangled() -> lehr.Space:
    """A colouring problem too entangled for an exact answer: no two of these may be equal, modulo noise."""
    names = [f"v{k}" for k in range(24)]
    forbid = []
    for i in range(24):
        for j in range(i):
            for colour in range(26):
                if (7 * i + 3 * j + colour) % 3:
                    forbid.append((param(names[i]) == colour) & (param(names[j]) == (colour + i * j) % 26))
    return lehr.Space([Categorical(name, list(range(26))) for name in names], forbid)


def test_entangled_spaces_still_give_legal_draws_but_no_count() -> None:
    space = entangled()
    for config in space.sample(3, seed=0):
        assert config in space
        other = space.neighbour(config, seed=0)
        assert other is not None
        assert other in space
    assert space.sample(2, seed=1) == space.sample(2, seed=1)
    with pytest.raises(lehr.LehrError, match="too entangled"):
        space.count()


def test_numeric_steps_scale_with_the_range_in_the_variables_own_scale() -> None:
    space = lehr.Space([Float("x", 1e-4, 1e4, log=True)])
    start = space._core.encode({"x": 1.0})
    rng = _core.Rng(0)
    own = [_core.numeric_move(space._core, start, 0.05, True, None, rng) for _ in range(4000)]
    steps = np.log10([codes[0] for codes in own if codes]) / 8  # eight decades
    assert stats.kstest(steps, stats.norm(0, 0.05).cdf).pvalue > LEVEL
    raw = [_core.numeric_move(space._core, start, 0.05, False, None, rng) for _ in range(4000)]
    jumps = np.array([codes[0] for codes in raw if codes])
    inside = jumps[jumps > 1e-4]  # the others were clipped to the lower bound
    assert abs(np.mean(jumps <= 1e-4) - 0.5) < 0.03
    assert stats.kstest((inside - 1.0) / 1e4, stats.halfnorm(0, 0.05).cdf).pvalue > LEVEL


def test_a_small_step_of_a_discrete_variable_goes_to_the_next_value() -> None:
    space = lehr.Space([Int("n", 1, 1000)])
    rng = _core.Rng(1)
    for at, expected in ((1, {2}), (500, {499, 501}), (1000, {999})):
        found = set()
        for _ in range(50):
            codes = _core.numeric_move(space._core, [float(at)], 1e-9, True, None, rng)
            assert codes is not None
            found.add(int(codes[0]))
        assert found == expected


def test_more_configurations_than_fit_are_refused_before_any_is_drawn() -> None:
    space = lehr.Space([Float("x", 0.0, 1.0), Int("y", 0, 10**6)])
    begun = time.monotonic()
    with pytest.raises(lehr.OptionError, match=r"n is 10+: so many configurations would take about \d+ GB"):
        space.sample(10**13)
    assert time.monotonic() - begun < 1.0
    assert len(space.sample(1000)) == 1000
