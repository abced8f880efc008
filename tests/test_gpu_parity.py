"""The GPU kernel gives the densities of the processor's path, to 1e-9: its body, compiled for the host."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lehr
from fake_driver import IMAGE, FakeDriver, build
from lehr import _core

pytestmark = pytest.mark.slow

Values = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> FakeDriver:
    # Sanitizers would be better still, but a process that did not start with them cannot load them.
    return FakeDriver(build(tmp_path_factory.mktemp("driver"), "-D_GLIBCXX_ASSERTIONS"))


@pytest.fixture
def gpu(driver: FakeDriver) -> Iterator[_core.Gpu]:
    gpu = _core.Gpu(driver.path, IMAGE)
    yield gpu
    gpu.close()
    assert driver.held == 0
    assert driver.misuses == 0


def draw(dimension: _core.Dimension, rng: np.random.Generator, n: int) -> Values:
    """Legal values, many of them at the bounds, in one cluster or equal."""
    if dimension.choices:
        return rng.integers(dimension.choices, size=n).astype(np.float64)
    low, high = dimension.low, dimension.high
    kind = rng.integers(10, size=n)
    unit = np.where(kind == 0, 0.0, np.where(kind == 1, 1.0, rng.random(n)))
    unit = np.where(kind > 6, 0.1 + 1e-4 * rng.random(n), unit)
    values = low * (high / low) ** unit if dimension.log else low + (high - low) * unit
    if dimension.step:
        values = low + np.round((values - low) / dimension.step) * dimension.step
    return np.clip(values, low, high)


def sample(
    dimensions: list[_core.Dimension], rng: np.random.Generator, n: int, missing: float = 0.0
) -> Values:
    values = np.column_stack([draw(dimension, rng, n) for dimension in dimensions])
    values[rng.random(values.shape) < missing] = np.nan
    return values


def check(estimator: _core.ParzenEstimator, points: Values, gpu: _core.Gpu) -> Values:
    expected = estimator.log_pdf(points)
    actual = estimator.log_pdf(points, gpu)
    assert not np.isnan(actual).any()
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)
    return actual


ALL = [
    _core.Dimension(low=-3.0, high=7.5),
    _core.Dimension(low=1e-6, high=10.0, log=True),
    _core.Dimension(low=0.0, high=1.0, step=0.05),
    _core.Dimension(low=-1000.0, high=100000.0, step=1.0),
    _core.Dimension(low=1.0, high=64.0, log=True, step=1.0),
    _core.Dimension(low=3.0, high=4e4, log=True, step=1.0),
    _core.Dimension(low=1.0, high=1e9, log=True, step=1.0),
    _core.Dimension(low=0.0, high=1e15, step=1.0),
    _core.Dimension(low=2.5, high=2.5),
    _core.Dimension(choices=3),
    _core.Dimension(choices=40),
]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 26, 300])
@pytest.mark.parametrize("dimension", ALL, ids=lambda d: f"{d.choices}-{d.low}-{d.high}-{d.log}-{d.step}")
def test_one_dimension(dimension: _core.Dimension, n: int, gpu: _core.Gpu) -> None:
    rng = np.random.default_rng(n)
    estimator = _core.ParzenEstimator([dimension], sample([dimension], rng, n))
    check(estimator, sample([dimension], rng, 200), gpu)


@st.composite
def dimension_strategy(choose: Any) -> _core.Dimension:
    kind = choose(st.sampled_from(["float", "log", "step", "logint", "categorical"]))
    if kind == "categorical":
        return _core.Dimension(choices=choose(st.integers(1, 12)))
    if kind == "log":
        low = choose(st.floats(1e-8, 1e3))
        return _core.Dimension(low=low, high=low * choose(st.floats(1.5, 1e8)), log=True)
    if kind == "logint":
        low = float(choose(st.integers(1, 1000)))
        return _core.Dimension(low=low, high=low + choose(st.integers(1, 5000)), log=True, step=1.0)
    low = float(round(choose(st.floats(-1e6, 1e6))))
    if kind == "step":
        step = choose(st.sampled_from([0.125, 1.0, 30.0]))
        return _core.Dimension(low=low, high=low + step * choose(st.integers(1, 10**6)), step=step)
    return _core.Dimension(low=low, high=low + choose(st.floats(1e-3, 1e6)) * max(1.0, abs(low)))


@settings(max_examples=300, deadline=None)
@given(
    dimensions=st.lists(dimension_strategy(), min_size=1, max_size=8),
    n=st.integers(0, 80),
    seed=st.integers(0, 2**32),
    weight=st.sampled_from([1.0, 1e-3, 7.0]),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_any_mixture(
    driver: FakeDriver,
    *,
    dimensions: list[_core.Dimension],
    n: int,
    seed: int,
    weight: float,
    missing: float,
) -> None:
    rng = np.random.default_rng(seed)
    estimator = _core.ParzenEstimator(dimensions, sample(dimensions, rng, n, missing), weight)
    gpu = _core.Gpu(driver.path, IMAGE)
    check(estimator, sample(dimensions, rng, 150, missing), gpu)
    gpu.close()
    assert driver.held == 0
    assert driver.misuses == 0


@given(x=st.floats(min_value=2.3e-308, allow_infinity=False, allow_nan=False))
def test_the_kernels_logarithm_has_the_digits_of_the_cores(driver: FakeDriver, x: float) -> None:
    ours, cores = driver.logs(x)
    assert ours == cores
    assert ours == pytest.approx(math.log(x), rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 161, 168, 169, 400])
@pytest.mark.parametrize("n", [1, 9, 70])
def test_every_shape_of_tile(width: int, n: int, gpu: _core.Gpu) -> None:
    """Many dimensions do not fit into one tile; every fourth point lacks some."""
    rng = np.random.default_rng(width)
    dimensions = [ALL[i % len(ALL)] for i in range(width)]
    estimator = _core.ParzenEstimator(dimensions, sample(dimensions, rng, n))
    points = sample(dimensions, rng, 140)
    points[::4] = np.where(rng.random((35, width)) < 0.5, np.nan, points[::4])
    check(estimator, points, gpu)


def test_far_tails_without_a_prior(gpu: _core.Gpu) -> None:
    dimensions = [
        _core.Dimension(low=0.0, high=1.0),
        _core.Dimension(low=0.0, high=30.0, step=1.0),
        _core.Dimension(low=1.0, high=1e6, log=True, step=1.0),
    ]
    rng = np.random.default_rng(0)
    observations = np.column_stack([0.1 + 0.001 * rng.random(200), rng.integers(2, size=200), np.ones(200)])
    estimator = _core.ParzenEstimator(dimensions, observations, 0.0)
    points = np.array([[1.0, 30.0, 1e6], [0.9, 1.0, 1.0], [0.1, 0.0, 2.0], [0.5, 15.0, 2e4]])
    result = check(estimator, points, gpu)
    assert result[0] < -5000  # far below what a double holds


def test_impossible_points(gpu: _core.Gpu) -> None:
    dimensions = [_core.Dimension(choices=3), _core.Dimension(low=0.0, high=1.0)]
    estimator = _core.ParzenEstimator(dimensions, np.array([[0.0, 0.2], [1.0, 0.3]]), 0.0)
    points = np.array([[0.0, 0.5], [2.0, 0.5], [1.0, -0.1], [1.0, 1.1], [np.nan, 0.4], [np.nan, np.nan]])
    result = check(estimator, points, gpu)
    np.testing.assert_array_equal(np.isneginf(result), [False, True, True, True, False, False])


def test_more_points_than_a_batch(gpu: _core.Gpu, driver: FakeDriver) -> None:
    """A launch is bounded in memory; the parts are the digits of the whole."""
    dimensions = [_core.Dimension(low=0.0, high=1.0)] * 400
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator(dimensions, rng.random((2, 400)))
    points = rng.random((28_000, 400))
    before = driver.calls("cuLaunchKernel")
    whole = check(estimator, points, gpu)
    assert driver.calls("cuLaunchKernel") == before + 2
    np.testing.assert_array_equal(estimator.log_pdf(points[27_000:], gpu), whole[27_000:])


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129])
def test_any_number_of_points(count: int, gpu: _core.Gpu) -> None:
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator(ALL, sample(ALL, rng, 30))
    assert check(estimator, sample(ALL, rng, count), gpu).shape == (count,)


def trained(method: str = "tpe", **options: float) -> tuple[lehr.Space, lehr.Optimizer]:
    space = lehr.Space(
        [
            lehr.Categorical("kind", ["a", "b", "c"]),
            lehr.Float("rate", 1e-4, 1.0, log=True),
            lehr.Int("size", 1, 64, log=True, when=lehr.param("kind").isin(["a", "b"])),
            lehr.Ordinal("tile", [16, 32, 64]),
        ]
    )
    optimizer = lehr.Optimizer(
        space, method=method, constraints={"cost": 30.0}, budget=60, seed=3, options=options
    )
    for number in range(40):
        trial = optimizer.ask()
        if number % 7 == 0:
            optimizer.tell(trial, outcome="crashed")
        else:
            size = trial.config.get("size", 40)
            optimizer.tell(trial, -abs(trial.config["rate"] - 0.1), {"cost": float(size)})
    return space, optimizer


def use(monkeypatch: pytest.MonkeyPatch, gpu: _core.Gpu) -> None:
    monkeypatch.setattr("lehr.gpu._gpu", lambda: gpu)


@pytest.mark.parametrize("method", ["tpe", "tba-tpe"])
def test_scores_of_a_search(method: str, gpu: _core.Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, gpu)
    space, optimizer = trained(method)
    configs = space.sample(300, seed=1)
    expected = optimizer.score(configs)
    np.testing.assert_allclose(optimizer.score(configs, device="cuda"), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(optimizer.score(configs, device="cpu"), expected)


def test_auto_takes_the_gpu_for_large_batches_only(
    gpu: _core.Gpu, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, gpu)
    space, optimizer = trained()
    configs = space.sample(100, seed=1)
    optimizer.score(configs, device="cuda")  # opens the device, which a small batch would not pay for
    before = driver.calls("cuLaunchKernel")
    small = optimizer.score(configs, device="auto")
    assert driver.calls("cuLaunchKernel") == before
    large = optimizer.score(configs * 5000, device="auto")
    assert driver.calls("cuLaunchKernel") > before
    np.testing.assert_allclose(large.reshape(5000, 100), np.tile(small, (5000, 1)), rtol=1e-9, atol=1e-9)


def test_proposals_are_scored_on_the_gpu(
    gpu: _core.Gpu, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, gpu)
    _, here = trained(candidates=500)
    _, there = trained(candidates=500)
    there.device = "cuda"
    before = driver.calls("cuLaunchKernel")
    for _ in range(5):
        assert here.ask().config == there.ask().config
    assert driver.calls("cuLaunchKernel") == before + 5
    there.device = "cpu"
    there.ask()
    assert driver.calls("cuLaunchKernel") == before + 5


def test_the_estimator_of_the_public_surface(gpu: _core.Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, gpu)
    space = lehr.Space([lehr.Categorical("kind", ["a", "b", "c"]), lehr.Int("size", 1, 64, log=True)])
    estimator = lehr.ParzenEstimator(space, space.sample(30, seed=1))
    configs = space.sample(200, seed=2)
    expected = estimator.log_pdf(configs)
    np.testing.assert_allclose(estimator.log_pdf(configs, device="cuda"), expected, rtol=1e-9)
    np.testing.assert_array_equal(estimator.log_pdf(configs, device="auto"), expected)  # too few to pay


def test_more_candidates_never_find_a_worse_one() -> None:
    """Candidates are weighed in parts of 2^18; the draws of a smaller number are the first of a larger one's."""

    def search(candidates: int, seed: int) -> lehr.Optimizer:
        space = lehr.Space([lehr.Float(name, 0.0, 1.0) for name in "xyz"])
        options = {"candidates": candidates, "startup_trials": 0}
        optimizer = lehr.Optimizer(space, method="tpe", seed=seed, options=options)
        for number in range(9):
            at = number / 8
            optimizer.add({"x": at, "y": (3 * at) % 1, "z": (5 * at) % 1}, -abs(at - 0.3))
        return optimizer

    judge = search(1, 0)
    better = 0
    for seed in range(5):
        counts = (10, 2**18, 2**18 + 1, 600_000)
        found = judge.score([search(candidates, seed).ask().config for candidates in counts]).tolist()
        assert found == sorted(found)
        better += found[-1] > found[-2]
    assert better > 0  # the later parts count too
