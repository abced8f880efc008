"""The densities of the native Parzen estimator are those of Optuna 5, to 1e-9."""

from __future__ import annotations

import functools
import types
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers._tpe import parzen_estimator
from optuna.samplers._tpe.sampler import default_weights

from lehr import _core

pytestmark = pytest.mark.slow

Values = npt.NDArray[np.float64]


def dimension(distribution: BaseDistribution) -> _core.Dimension:
    if isinstance(distribution, CategoricalDistribution):
        return _core.Dimension(choices=len(distribution.choices))
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return _core.Dimension(
        low=distribution.low, high=distribution.high, log=distribution.log, step=distribution.step or 0.0
    )


def draw(distribution: BaseDistribution, rng: np.random.Generator, n: int) -> Values:
    """Values all over the domain, its bounds among them."""
    if isinstance(distribution, CategoricalDistribution):
        return rng.integers(len(distribution.choices), size=n).astype(float)
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    low, high = distribution.low, distribution.high
    kind = rng.integers(10, size=n)
    unit = np.where(kind == 0, 0.0, np.where(kind == 1, 1.0, rng.random(n)))
    unit = np.where(kind == 2, 0.1 + 0.01 * rng.random(n), unit)  # a cluster, far from most
    values = low * (high / low) ** unit if distribution.log else low + (high - low) * unit
    if distribution.step is not None:
        values = low + np.round((values - low) / distribution.step) * distribution.step
    if isinstance(distribution, FloatDistribution) and distribution.log:
        # NumPy's logarithms of an array and of a number differ in the last digit, and Optuna's density of a bound is
        # then zero.
        low, high = low * (1.0 + 1e-12), high * (1.0 - 1e-12)
    return np.clip(values, low, high)


def oracle(
    distributions: list[BaseDistribution], observations: Values, points: Values, prior_weight: float = 1.0
) -> Values:
    """Optuna's log densities, save that its sort, on which bandwidths of equal values depend, is stable."""
    stable = types.SimpleNamespace(**{k: getattr(np, k) for k in dir(np) if not k.startswith("__")})
    stable.argsort = functools.partial(np.argsort, kind="stable")
    parameters = parzen_estimator._ParzenEstimatorParameters(
        prior_weight=prior_weight,
        consider_magic_clip=True,
        consider_endpoints=False,
        weights=default_weights,
        multivariate=True,
    )
    space = {f"x{i}": distribution for i, distribution in enumerate(distributions)}
    with mock.patch.object(parzen_estimator, "np", stable), np.errstate(divide="ignore", invalid="ignore"):
        theirs = parzen_estimator._ParzenEstimator(
            {f"x{i}": observations[:, i] for i in range(len(distributions))}, space, parameters
        )
        result = theirs.log_pdf({f"x{i}": points[:, i] for i in range(len(distributions))})
    return np.asarray(result, dtype=np.float64)


def ours(
    distributions: list[BaseDistribution], observations: Values, points: Values, prior_weight: float = 1.0
) -> Values:
    estimator = _core.ParzenEstimator([dimension(d) for d in distributions], observations, prior_weight)
    return estimator.log_pdf(points)


def check(
    distributions: list[BaseDistribution], n: int, seed: int, count: int = 40, weight: float = 1.0
) -> None:
    rng = np.random.default_rng(seed)
    observations = np.column_stack([draw(d, rng, n) for d in distributions])
    points = np.column_stack([draw(d, rng, count) for d in distributions])
    expected = oracle(distributions, observations, points, weight)
    actual = ours(distributions, observations, points, weight)
    assert not np.isnan(actual).any()
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


ALL: list[BaseDistribution] = [
    FloatDistribution(-3.0, 7.5),
    FloatDistribution(1e-6, 10.0, log=True),
    FloatDistribution(0.0, 1.0, step=0.05),
    FloatDistribution(-1.0, 0.8, step=0.3),
    IntDistribution(1, 10),
    IntDistribution(-1000, 100000),
    IntDistribution(1, 64, log=True),
    IntDistribution(3, 40000, log=True),
    IntDistribution(0, 64, step=8),
    CategoricalDistribution(["a", "b", "c"]),
    CategoricalDistribution(list(range(40))),
]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 24, 25, 26, 27, 100, 1000])
@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_one_dimension(distribution: BaseDistribution, n: int) -> None:
    check([distribution], n, seed=n)


@pytest.mark.parametrize("n", [0, 1, 3, 22, 300, 1000])
def test_all_kinds_together(n: int) -> None:
    check(ALL, n, seed=n + 1)


@pytest.mark.parametrize("weight", [1e-3, 0.5, 7.0])
def test_prior_weight(weight: float) -> None:
    check(ALL, 30, seed=5, weight=weight)


def test_without_a_prior_far_tails_are_all_there_is() -> None:
    distributions = [FloatDistribution(0.0, 1.0), IntDistribution(0, 30), IntDistribution(1, 50, log=True)]
    rng = np.random.default_rng(0)
    observations = np.column_stack([0.1 + 0.001 * rng.random(200), rng.integers(2, size=200), np.ones(200)])
    points = np.array([[1.0, 30.0, 50.0], [0.9, 1.0, 1.0], [0.1, 0.0, 2.0], [0.5, 15.0, 20.0]])
    expected = oracle(distributions, observations, points, 0.0)
    assert expected[0] < -4000  # far below what a double holds
    np.testing.assert_allclose(ours(distributions, observations, points, 0.0), expected, rtol=1e-9, atol=1e-9)


def test_without_a_prior_an_unseen_choice_is_impossible() -> None:
    distributions: list[BaseDistribution] = [
        CategoricalDistribution(["a", "b", "c"]),
        FloatDistribution(0, 1),
    ]
    observations = np.array([[0.0, 0.2], [1.0, 0.3]])
    points = np.array([[0.0, 0.5], [2.0, 0.5]])
    result = ours(distributions, observations, points, 0.0)
    np.testing.assert_allclose(result, oracle(distributions, observations, points, 0.0), rtol=1e-9)
    assert result[1] == -np.inf


@st.composite
def distributions_strategy(draw_: Any) -> BaseDistribution:
    kind = draw_(st.sampled_from(["float", "log", "step", "int", "logint", "stepint", "categorical"]))
    if kind == "categorical":
        return CategoricalDistribution(list(range(draw_(st.integers(1, 12)))))
    if kind in {"float", "step"}:
        low = draw_(st.floats(-1e6, 1e6))
        width = draw_(st.floats(1e-3, 1e6)) * max(1.0, abs(low))  # else Optuna's midpoints lose digits
        if kind == "float":
            return FloatDistribution(low, low + width)
        low, steps = float(round(low)), draw_(st.integers(1, 200))
        step = draw_(st.sampled_from([0.125, 0.5, 2.0, 30.0]))
        return FloatDistribution(low, low + steps * step, step=step)
    if kind == "log":
        low = draw_(st.floats(1e-8, 1e3))
        return FloatDistribution(low, low * draw_(st.floats(1.5, 1e8)), log=True)
    low_int = draw_(st.integers(1, 1000)) if kind == "logint" else draw_(st.integers(-1000, 1000))
    step_int = draw_(st.integers(2, 9)) if kind == "stepint" else 1
    return IntDistribution(
        low_int, low_int + step_int * draw_(st.integers(1, 500)), log=kind == "logint", step=step_int
    )


@settings(max_examples=1000, deadline=None)
@given(
    distributions=st.lists(distributions_strategy(), min_size=1, max_size=6),
    n=st.integers(0, 60),
    seed=st.integers(0, 2**32),
    weight=st.sampled_from([1.0, 1.0, 0.1, 3.0]),
)
def test_any_dimensions(distributions: list[BaseDistribution], n: int, seed: int, weight: float) -> None:
    check(distributions, n, seed, count=12, weight=weight)


def test_the_oracle_is_optuna_five() -> None:
    assert optuna.__version__.split(".")[0] == "5"
