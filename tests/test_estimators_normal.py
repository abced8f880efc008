"""Normal distribution functions against SciPy, far tails and tiny intervals included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import default_weights
from scipy import integrate, special, stats

from testing_core import lehr_testing

LADDER = [0.0, 1e-12, 1e-3, 0.1, 0.5, 1.0, 2.0, 4.99, 5.01, 8.0, 20.0, 37.0, 39.0, 100.0, 1e3, 1e4, 1e5]


def test_log_ndtr_is_scipys() -> None:
    x = np.array([*LADDER, *(-z for z in LADDER)])
    np.testing.assert_allclose(lehr_testing.log_ndtr(x), special.log_ndtr(x), rtol=1e-12, atol=1e-320)
    assert lehr_testing.log_ndtr(math.inf) == 0.0
    assert lehr_testing.log_ndtr(-math.inf) == -math.inf
    assert math.isnan(lehr_testing.log_ndtr(math.nan))


def test_ndtri_is_scipys() -> None:
    p = np.concatenate(
        [np.logspace(-300, -1, 500), np.linspace(0.001, 0.999, 999), 1 - np.logspace(-15, -2, 50)]
    )
    np.testing.assert_allclose(lehr_testing.ndtri(p), special.ndtri(p), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("width", [1e-12, 1e-9, 1e-6, 1e-4, 0.05, 0.0999, 0.1001, 0.3, 1.0, 7.0])
@pytest.mark.parametrize("start", LADDER)
def test_mass_of_an_interval(start: float, width: float) -> None:
    a, b = start, start + width
    if b == a:  # narrower than the spacing of doubles
        assert lehr_testing.log_normal_mass(a, b) == -math.inf
        return
    # phi(a) times the integral of exp(-a t - t^2 / 2): no cancellation, no underflow. Beyond 60 decay lengths
    # nothing is left.
    width = b - a
    end = min(width, 60.0 / max(a, 1.0) if a > 1.0 else width)
    integral, _ = integrate.quad(lambda t: math.exp(-a * t - t * t / 2), 0.0, end, epsabs=0.0, epsrel=1e-12)
    expected = -a * a / 2 - math.log(math.sqrt(2 * math.pi)) + math.log(integral)
    for ends in ((a, b), (-b, -a)):
        assert lehr_testing.log_normal_mass(*ends) == pytest.approx(expected, rel=1e-13, abs=1e-10)


@settings(max_examples=500, deadline=None)
@given(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0))
def test_mass_of_an_interval_is_scipys(one: float, other: float) -> None:
    a, b = min(one, other), max(one, other)
    if b - a < 1e-3:  # SciPy's difference loses digits there
        return
    assert lehr_testing.log_normal_mass(a, b) == pytest.approx(_scipy_log_mass(a, b), rel=1e-10, abs=1e-10)


def _scipy_log_mass(a: float, b: float) -> float:
    if a > 0:
        a, b = -b, -a
    if b <= 0:
        upper, lower = special.log_ndtr(b), special.log_ndtr(a)
        return float(upper + np.log1p(-np.exp(lower - upper)))
    return float(np.log1p(-special.ndtr(a) - special.ndtr(-b)))


def test_mass_at_the_edges_of_the_domain() -> None:
    assert lehr_testing.log_normal_mass(-math.inf, math.inf) == 0.0
    assert lehr_testing.log_normal_mass(0.0, math.inf) == pytest.approx(math.log(0.5), rel=1e-15)
    assert lehr_testing.log_normal_mass(-math.inf, -1e4) == pytest.approx(special.log_ndtr(-1e4), rel=1e-14)
    assert lehr_testing.log_normal_mass(3.0, 3.0) == -math.inf
    assert math.isnan(lehr_testing.log_normal_mass(1.0, 0.0))
    assert math.isnan(lehr_testing.log_normal_mass(math.nan, 0.0))


@pytest.mark.parametrize(
    ("mean", "deviation", "low", "high"),
    [
        (0.0, 1.0, -1.0, 2.0),
        (5.0, 0.1, 0.0, 1.0),
        (-3.0, 0.05, 0.0, 1.0),
        (0.3, 1e-3, 0.0, 1.0),
        (100.0, 0.1, 0.0, 1.0),
        (-2e4, 1.0, 0.0, 1.0),
        (0.5, 1e5, 0.0, 1.0),
    ],
)
def test_truncated_log_density(mean: float, deviation: float, low: float, high: float) -> None:
    x = np.linspace(low, high, 11)
    ours = lehr_testing.truncated_normal_log_pdf(x, mean, deviation, low, high)
    a, b = (low - mean) / deviation, (high - mean) / deviation
    expected = stats.truncnorm.logpdf(x, a, b, mean, deviation)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
    outside = lehr_testing.truncated_normal_log_pdf(
        np.array([low - 0.1, high + 0.1]), mean, deviation, low, high
    )
    assert (outside == -np.inf).all()


INTERVALS = [
    (-1.0, 2.0),
    (-0.5, 40.0),
    (-math.inf, math.inf),
    (1.0, 1.5),
    (4.9, math.inf),
    (5.1, math.inf),
    (5.1, 5.2),
    (30.0, 31.0),
    (100.0, 101.0),
    (1e3, 1e3 + 1e-3),
    (1e5, 1e5 + 1.0),
    (1e5, math.inf),
    (0.3, 0.3 + 1e-7),
    (-1e-6, 2e-6),
    (900.0, 900.0 + 1e-6),
]


@pytest.mark.parametrize(("a", "b"), [*INTERVALS, *((-b, -a) for a, b in INTERVALS)])
def test_quantiles_invert_the_distribution(a: float, b: float) -> None:
    u = np.array([0.0, 1e-9, 0.001, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9, 1.0])
    x = lehr_testing.truncated_normal_quantile(u, a, b)
    assert ((x >= a) & (x <= b)).all()
    assert (np.diff(x) >= 0.0).all()
    assert x[0] == a
    assert x[-1] == b
    for probability, value in zip(u[1:-1], x[1:-1], strict=True):
        if value in (a, b):
            continue
        total = lehr_testing.log_normal_mass(a, b)
        below = math.exp(lehr_testing.log_normal_mass(a, value) - total)
        # What the distance between doubles allows: density times spacing.
        spacing = np.spacing(abs(value)) * math.exp(
            -value * value / 2 - math.log(math.sqrt(2 * math.pi)) - total
        )
        lost = 4e-16 * abs(total)  # by the difference of logs
        assert below == pytest.approx(probability, rel=1e-8, abs=1e-13 + 4 * spacing + lost)


def test_quantiles_without_a_range() -> None:
    assert lehr_testing.truncated_normal_quantile(0.5, 2.0, 2.0) == 2.0


@pytest.mark.parametrize(
    ("a", "b"), [(-1.0, 2.0), (6.0, 7.0), (-40.0, -39.0), (1e3, 1e3 + 0.01), (0.2, 0.2 + 1e-6), (-9.0, -4.0)]
)
def test_draws_follow_the_truncated_normal(a: float, b: float) -> None:
    draws = lehr_testing.truncated_normal_sample(a, b, 20_000, 7)
    assert ((draws >= a) & (draws <= b)).all()
    total = lehr_testing.log_normal_mass(a, b)

    def cdf(x: np.ndarray) -> np.ndarray:
        inside = np.clip(x, a, b)
        return np.exp(lehr_testing.log_normal_mass(a, inside) - total)

    assert stats.kstest(draws, cdf).pvalue > 1e-3
    if abs(a) < 30 and b - a > 1e-3:
        assert stats.kstest(draws, stats.truncnorm(a, b).cdf).pvalue > 1e-3


@pytest.mark.parametrize("n", [0, 1, 2, 24, 25, 26, 27, 28, 100, 1000])
def test_recency_weights_are_optunas(n: int) -> None:
    np.testing.assert_allclose(lehr_testing.recency_weights(n), default_weights(n), rtol=1e-15)
