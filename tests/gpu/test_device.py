"""On a real GPU: the processor's densities to 1e-9, the same digits every time, and how long it took (printed)."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest

import lehr
from lehr import _core
from lehr.gpu import gpu_for

pytestmark = pytest.mark.gpu

Values = npt.NDArray[np.float64]

DIMENSIONS = [
    _core.Dimension(low=-3.0, high=7.5),
    _core.Dimension(low=1e-6, high=10.0, log=True),
    _core.Dimension(low=0.0, high=1.0, step=0.05),
    _core.Dimension(low=1.0, high=64.0, log=True, step=1.0),
    _core.Dimension(low=1.0, high=1e9, log=True, step=1.0),
    _core.Dimension(low=0.0, high=1e15, step=1.0),
    _core.Dimension(choices=7),
]


@pytest.fixture(scope="module")
def gpu() -> _core.Gpu:
    status = lehr.gpu_status()
    if not status.available:
        pytest.skip(status.reason)
    gpu = gpu_for("cuda", must_work=True)
    assert gpu is not None
    return gpu


def sample(rng: np.random.Generator, n: int, missing: float = 0.0, repeat: int = 1) -> Values:
    columns = []
    for dimension in DIMENSIONS * repeat:
        if dimension.choices:
            columns.append(rng.integers(dimension.choices, size=n).astype(np.float64))
            continue
        unit = np.where(rng.random(n) < 0.3, 0.1 + 1e-4 * rng.random(n), rng.random(n))
        low, high = dimension.low, dimension.high
        values = low * (high / low) ** unit if dimension.log else low + (high - low) * unit
        if dimension.step:
            values = low + np.round((values - low) / dimension.step) * dimension.step
        columns.append(np.clip(values, low, high))
    table = np.column_stack(columns)
    table[rng.random(table.shape) < missing] = np.nan
    return table


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [1.0, 0.0])
@pytest.mark.parametrize(("n", "repeat"), [(0, 1), (1, 1), (26, 1), (1000, 1), (300, 2), (40, 40)])
def test_densities_are_the_processors(
    gpu: _core.Gpu, n: int, repeat: int, weight: float, missing: float
) -> None:
    rng = np.random.default_rng(n)
    if n == 0 and weight == 0.0:
        weight = 1.0
    estimator = _core.ParzenEstimator(DIMENSIONS * repeat, sample(rng, n, missing, repeat), weight)
    points = sample(rng, 3000, missing, repeat)
    expected = estimator.log_pdf(points)
    actual = estimator.log_pdf(points, gpu)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(estimator.log_pdf(points, gpu), actual)
    np.testing.assert_array_equal(estimator.log_pdf(points[::-1].copy(), gpu), actual[::-1])


def test_a_large_batch_in_several_launches(gpu: _core.Gpu) -> None:
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator(DIMENSIONS, sample(rng, 1000))
    points = sample(rng, 1_500_000)
    actual = estimator.log_pdf(points, gpu)
    chosen = rng.integers(len(points), size=20_000)
    np.testing.assert_allclose(actual[chosen], estimator.log_pdf(points[chosen]), rtol=1e-9, atol=1e-9)


def test_time(gpu: _core.Gpu) -> None:
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator(DIMENSIONS, sample(rng, 1000))
    points = sample(rng, 100_000)
    estimator.log_pdf(points, gpu)
    start = time.perf_counter()
    estimator.log_pdf(points, gpu)
    there = time.perf_counter() - start
    start = time.perf_counter()
    estimator.log_pdf(points)
    here = time.perf_counter() - start
    assert there < here  # by far, on any card: most of it are bins
    print(f"\n{lehr.gpu_status().device}: {1e3 * there:.2f} ms, processor {1e3 * here:.2f} ms")
