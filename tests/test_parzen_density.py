"""The native Parzen estimator as a distribution: sums, integrals, draws, and dimensions that are missing."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lehr import _core
from lehr.errors import OptionError
from testing_core import lehr_testing

Values = npt.NDArray[np.float64]
NAN = math.nan

DISCRETE = {
    "int": (_core.Dimension(low=1, high=12, step=1), np.arange(1.0, 13.0)),
    "log int": (_core.Dimension(low=1, high=300, log=True, step=1), np.arange(1.0, 301.0)),
    "long int": (_core.Dimension(low=0, high=150_000, step=1), np.arange(0.0, 150_001.0)),
    "stepped": (_core.Dimension(low=-1.0, high=1.0, step=0.3), -1.0 + 0.3 * np.arange(7)),
    "categorical": (_core.Dimension(choices=5), np.arange(5.0)),
    "one choice": (_core.Dimension(choices=1), np.zeros(1)),
    "one int": (_core.Dimension(low=7, high=7, step=1), np.full(1, 7.0)),
}


@pytest.mark.parametrize("n", [0, 1, 2, 30, 400])
@pytest.mark.parametrize("kind", DISCRETE)
def test_discrete_densities_sum_to_one(kind: str, n: int) -> None:
    dimension, domain = DISCRETE[kind]
    observations = np.random.default_rng(n).choice(domain, size=(n, 1))
    log_pdf = _core.ParzenEstimator([dimension], observations).log_pdf(domain[:, None])
    assert np.exp(log_pdf).sum() == pytest.approx(1.0, abs=1e-9)


def test_a_joint_discrete_density_sums_to_one() -> None:
    names = ["int", "stepped", "categorical"]
    grid = np.stack(np.meshgrid(*(DISCRETE[name][1] for name in names), indexing="ij"), -1).reshape(-1, 3)
    observations = grid[np.random.default_rng(0).integers(len(grid), size=40)]
    observations[::3, 1] = NAN
    estimator = _core.ParzenEstimator([DISCRETE[name][0] for name in names], observations)
    assert np.exp(estimator.log_pdf(grid)).sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 50])
@pytest.mark.parametrize("log", [False, True])
def test_continuous_densities_integrate_to_one(log: bool, n: int) -> None:
    low, high = (1e-3, 50.0) if log else (-2.0, 3.0)
    unit = np.random.default_rng(n).random(n)
    observations = low * (high / low) ** unit if log else low + (high - low) * unit
    estimator = _core.ParzenEstimator([_core.Dimension(low=low, high=high, log=log)], observations[:, None])
    # The density of a log dimension is that of the logarithm.
    ends = (math.log(low), math.log(high)) if log else (low, high)
    x = np.linspace(*ends, 20_001)
    points = np.clip(np.exp(x), low, high) if log else x
    density = np.exp(estimator.log_pdf(points[:, None]))
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-6)


def test_outside_the_bounds_the_density_is_zero() -> None:
    dimensions = [
        _core.Dimension(low=0, high=1),
        _core.Dimension(choices=2),
        _core.Dimension(low=1, high=5, step=1),
    ]
    estimator = _core.ParzenEstimator(dimensions, np.array([[0.5, 1.0, 3.0]]))
    points = np.array(
        [[1.1, 0, 1], [-0.1, 0, 1], [0.5, 2, 1], [0.5, -1, 1], [0.5, 0, 6], [0.5, 0, 0]], dtype=float
    )
    assert (estimator.log_pdf(points) == -np.inf).all()


def test_a_single_continuous_value_says_nothing() -> None:
    dimensions = [_core.Dimension(low=2.0, high=2.0), _core.Dimension(low=0.0, high=1.0)]
    observations = np.array([[2.0, 0.3], [NAN, 0.9]])
    both = _core.ParzenEstimator(dimensions, observations)
    alone = _core.ParzenEstimator(dimensions[1:], observations[:, 1:])
    points = np.array([[2.0, 0.1], [2.0, 0.8]])
    np.testing.assert_allclose(both.log_pdf(points), alone.log_pdf(points[:, 1:]), rtol=1e-14)
    assert (both.sample(50, 1)[:, 0] == 2.0).all()


def test_no_dimensions() -> None:
    estimator = _core.ParzenEstimator([], np.empty((3, 0)))
    assert estimator.log_pdf(np.empty((2, 0))).tolist() == [0.0, 0.0]


# Missing dimensions.

MIXED = [
    _core.Dimension(choices=3),
    _core.Dimension(low=0.0, high=1.0),
    _core.Dimension(low=1, high=64, log=True, step=1),
    _core.Dimension(low=0, high=9, step=1),
]


def mixed(rng: np.random.Generator, n: int, missing: float) -> Values:
    values = np.column_stack(
        [
            rng.integers(3, size=n),
            rng.random(n),
            np.round(64 ** rng.random(n)),
            rng.integers(10, size=n),
        ]
    ).astype(float)
    values[rng.random(values.shape) < missing] = NAN
    return values


def reference(observations: Values, points: Values) -> Values:
    """The definition in slow words: per dimension, the one-dimensional kernels of those that have it."""
    n = len(observations)
    weights = np.append(lehr_testing.recency_weights(n), 1.0)
    weights /= weights.sum()
    result = np.tile(np.log(weights), (len(points), 1))
    for d, dimension in enumerate(MIXED):
        column = observations[:, d]
        have = np.flatnonzero(~np.isnan(column))
        prior = factors(dimension, column[have], points[:, d])
        result += prior[:, -1:]  # every kernel the prior's factor,
        result[:, have] += prior[:, :-1] - prior[:, -1:]  # save those that have their own
    top = result.max(axis=1)
    return top + np.log(np.exp(result - top[:, None]).sum(axis=1))


def factors(dimension: _core.Dimension, observed: Values, x: Values) -> Values:
    """Log factors of points (rows) under kernels of observed values and the prior's (last); 0 where NaN."""
    missing = np.isnan(x)
    m = len(observed)
    if dimension.choices:
        table = np.full((m + 1, dimension.choices), 1.0 / (m + 1))
        table[np.arange(m), observed.astype(int)] += 1.0
        table /= table.sum(axis=1, keepdims=True)
        out = np.log(table[:, np.where(missing, 0, x).astype(int)]).T
    else:
        half = dimension.step / 2
        scale = np.log if dimension.log else np.asarray
        low, high = float(scale(dimension.low - half)), float(scale(dimension.high + half))
        mean = np.append(scale(observed), (low + high) / 2)
        order = np.argsort(mean[:-1], kind="stable")
        gaps = np.diff(mean[order])
        width = np.empty(m)
        if m == 1:
            width[:] = max(mean[0] - low, high - mean[0])
        elif m:
            width[order] = np.maximum(np.append(gaps[0], gaps), np.append(gaps, gaps[-1]))
        width = np.append(np.clip(width, (high - low) / min(100, m + 2), high - low), high - low)
        norm = stats.norm(mean, width)
        total = norm.cdf(high) - norm.cdf(low)
        y = np.where(missing, dimension.low, x)[:, None]
        if half:
            out = np.log((norm.cdf(scale(y + half)) - norm.cdf(scale(y - half))) / total)
        else:
            out = norm.logpdf(scale(y)) - np.log(total)
    out[missing] = 0.0
    return np.asarray(out)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("missing", [0.0, 0.2, 0.6, 1.0])
def test_missing_dimensions(n: int, missing: float) -> None:
    rng = np.random.default_rng(n)
    observations, points = mixed(rng, n, missing), mixed(rng, 70, 0.3)
    estimator = _core.ParzenEstimator(MIXED, observations)
    with np.errstate(divide="ignore"):
        expected = reference(observations, points)
    np.testing.assert_allclose(estimator.log_pdf(points), expected, rtol=1e-7, atol=1e-7)


def test_a_point_without_any_dimension_is_certain() -> None:
    estimator = _core.ParzenEstimator(MIXED, mixed(np.random.default_rng(0), 12, 0.3))
    assert estimator.log_pdf(np.full((1, 4), NAN))[0] == pytest.approx(0.0, abs=1e-12)


def test_points_are_scored_alike_alone_and_in_company() -> None:
    rng = np.random.default_rng(3)
    estimator = _core.ParzenEstimator(MIXED, mixed(rng, 90, 0.3))
    points = mixed(rng, 100, 0.3)
    together = estimator.log_pdf(points)
    alone = [estimator.log_pdf(point[None])[0] for point in points]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-12)


def test_fitting_again_forgets_the_old() -> None:
    rng = np.random.default_rng(4)
    many, few = mixed(rng, 300, 0.2), mixed(rng, 5, 0.2)
    estimator = _core.ParzenEstimator(MIXED, many)
    estimator.fit(few)
    points = mixed(rng, 30, 0.2)
    assert estimator.log_pdf(points).tolist() == _core.ParzenEstimator(MIXED, few).log_pdf(points).tolist()
    assert estimator.kernels == 6


# Draws.


@settings(max_examples=60, deadline=None)
@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-6, 1e3),
    steps=st.integers(1, 50),
    step=st.sampled_from([0.1, 0.3, 1.0, 7.0]),
    n=st.integers(0, 40),
    seed=st.integers(0, 2**32),
)
def test_draws_are_legal_and_finite(
    low: float, width: float, steps: int, step: float, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dimensions = [
        _core.Dimension(low=low, high=low + width),
        _core.Dimension(low=low, high=low + (steps + 0.5) * step, step=step),
        _core.Dimension(low=1, high=steps + 1, log=True, step=1),
        _core.Dimension(low=1e-9, high=1e-9 + width, log=True),
        _core.Dimension(choices=steps),
    ]
    observations = np.column_stack(
        [
            np.clip(low + width * rng.random(n), low, low + width),
            low + step * rng.integers(steps + 1, size=n),
            1.0 + rng.integers(steps + 1, size=n),
            1e-9 + width * rng.random(n),
            rng.integers(steps, size=n),
        ]
    )
    estimator = _core.ParzenEstimator(dimensions, observations)
    draws = estimator.sample(100, seed)
    assert ((draws[:, 0] >= low) & (draws[:, 0] <= low + width)).all()
    grid = low + step * np.arange(steps + 1)
    assert np.isin(draws[:, 1], grid).all()  # to the last digit
    assert np.isin(draws[:, 2], np.arange(1, steps + 2)).all()
    assert ((draws[:, 3] >= 1e-9) & (draws[:, 3] <= 1e-9 + width)).all()
    assert np.isin(draws[:, 4], np.arange(steps)).all()
    assert np.isfinite(estimator.log_pdf(draws)).all()


@pytest.mark.parametrize("kind", ["int", "log int", "stepped", "categorical"])
@pytest.mark.parametrize("n", [0, 3, 60])
def test_discrete_draws_follow_the_density(kind: str, n: int) -> None:
    dimension, domain = DISCRETE[kind]
    observations = np.random.default_rng(n).choice(domain, size=(n, 1))
    if n > 3:
        observations[::4] = NAN
    estimator = _core.ParzenEstimator([dimension], observations)
    draws = estimator.sample(30_000, 11)[:, 0]
    expected = np.exp(estimator.log_pdf(domain[:, None]))
    counts = np.array([np.isclose(draws, value).sum() for value in domain])
    assert counts.sum() == len(draws)
    # Merge rare values: chi-squared wants expected counts of some size.
    group = np.cumsum(expected) * 25 // 1
    observed_counts = np.bincount(group.astype(int), counts)
    expected_counts = np.bincount(group.astype(int), expected * len(draws))
    keep = expected_counts > 0
    scaled = expected_counts[keep] * observed_counts.sum() / expected_counts.sum()
    assert stats.chisquare(observed_counts[keep], scaled).pvalue > 1e-3


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("n", [0, 1, 40])
def test_continuous_draws_follow_scipys_mixture(log: bool, n: int) -> None:
    low, high = (1e-4, 10.0) if log else (-1.0, 4.0)
    rng = np.random.default_rng(n)
    unit = rng.beta(0.3, 2.0, size=n)  # crowded at the lower bound
    observations = low * (high / low) ** unit if log else low + (high - low) * unit
    estimator = _core.ParzenEstimator([_core.Dimension(low=low, high=high, log=log)], observations[:, None])
    draws = estimator.sample(20_000, 5)[:, 0]
    y = np.log(draws) if log else draws
    a, b = (math.log(low), math.log(high)) if log else (low, high)
    centre = np.log(observations) if log else observations
    order = np.argsort(centre)
    width = np.empty(n)
    if n == 1:
        width[:] = max(centre[0] - a, b - centre[0])
    elif n:
        gaps = np.diff(centre[order])
        width[order] = np.maximum(np.append(gaps[0], gaps), np.append(gaps, gaps[-1]))
    width = np.append(np.clip(width, (b - a) / min(100, n + 2), b - a), b - a)
    centre = np.append(centre, (a + b) / 2)
    weights = np.append(lehr_testing.recency_weights(n), 1.0)
    kernels = stats.truncnorm((a - centre) / width, (b - centre) / width, centre, width)

    def cdf(x: Values) -> Values:
        return np.asarray(kernels.cdf(x[:, None]) @ weights / weights.sum())

    assert stats.kstest(y, cdf).pvalue > 1e-3


def test_the_same_seed_draws_the_same() -> None:
    estimator = _core.ParzenEstimator(MIXED, mixed(np.random.default_rng(0), 12, 0.3))
    assert estimator.sample(20, 5).tolist() == estimator.sample(20, 5).tolist()
    assert estimator.sample(20, 5).tolist() != estimator.sample(20, 6).tolist()


# Arguments.


@pytest.mark.parametrize("weight", [-1.0, math.inf, NAN])
def test_the_prior_weight_is_checked(weight: float) -> None:
    with pytest.raises(OptionError, match="prior weight"):
        _core.ParzenEstimator(MIXED, np.empty((0, 4)), weight)


def test_shapes_are_checked() -> None:
    with pytest.raises(OptionError, match="observations"):
        _core.ParzenEstimator(MIXED, np.zeros((2, 3)))
    estimator = _core.ParzenEstimator(MIXED, np.empty((0, 4)))
    with pytest.raises(OptionError, match="points"):
        estimator.log_pdf(np.zeros(4))


SCORE = """
import numpy as np
from lehr import _core
rng = np.random.default_rng(0)
n = 333
dimensions = [
    _core.Dimension(choices=4), _core.Dimension(low=0, high=1), _core.Dimension(low=1e-5, high=1, log=True),
    _core.Dimension(low=1, high=64, log=True, step=1), _core.Dimension(low=0, high=200000, step=1),
]
def draw(n):
    return np.column_stack([rng.integers(4, size=n), rng.random(n), 10 ** rng.uniform(-5, 0, n),
                            np.round(64 ** rng.random(n)), rng.integers(200001, size=n)]).astype(float)
estimator = _core.ParzenEstimator(dimensions, draw(n))
print(estimator.log_pdf(draw(50)).tobytes().hex(), estimator.sample(50, 3).tobytes().hex())
"""


def test_every_instruction_set_yields_the_same_digits() -> None:
    outputs = set()
    for cpu in ("baseline", "avx2", "avx512"):  # one that the processor lacks falls back to another
        environment = {**os.environ, "LEHR_FORCE_ISA": cpu}
        done = subprocess.run(
            [sys.executable, "-c", SCORE], env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
