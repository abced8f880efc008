"""When ``device="auto"`` takes the GPU: the kinds of dimensions and the card's rate in double precision weigh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_driver import IMAGE, FakeDriver
from lehr import _core

CONTINUOUS = _core.Dimension(low=0.0, high=1.0)
FEW = _core.Dimension(low=1.0, high=64.0, step=1.0)
MANY = _core.Dimension(low=1.0, high=100_000.0, step=1.0)
CHOICE = _core.Dimension(choices=5)
MIXED = [CONTINUOUS, CONTINUOUS, FEW, MANY, CHOICE]

CARDS = {  # multiprocessors, clock in kHz, floats to doubles, compute capability
    "h100": (132, 1_980_000, 2, 90),
    "a100": (108, 1_410_000, 2, 80),
    "l4": (58, 2_040_000, 64, 89),
    "t4": (40, 1_590_000, 32, 75),
}


@pytest.fixture
def driver(fake_library: Path) -> Iterator[FakeDriver]:
    driver = FakeDriver(fake_library)
    yield driver
    driver.fail_no_more()


def use(card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("MULTIPROCESSORS", "CLOCK_KHZ", "DOUBLE_RATIO", "CAPABILITY")
    for name, value in zip(names, CARDS[card], strict=True):
        monkeypatch.setenv(f"FAKE_CUDA_{name}", str(value))


def estimator(dimensions: list[_core.Dimension], observations: int = 999) -> _core.ParzenEstimator:
    return _core.ParzenEstimator(dimensions, np.ones((observations, len(dimensions))))


def opened(driver: FakeDriver) -> _core.Gpu:
    gpu = _core.Gpu(driver.path, IMAGE)
    estimator([CONTINUOUS], 1).log_pdf(np.array([[0.5]]), gpu)
    return gpu


def points(dimensions: list[_core.Dimension], evaluations: float) -> int:
    return int(evaluations / (1000 * len(dimensions)))


@pytest.mark.parametrize(
    ("card", "dimensions", "pays"),
    [
        ("h100", [CONTINUOUS] * 10, True),
        ("h100", MIXED, True),
        ("a100", [CONTINUOUS] * 10, True),
        ("t4", [CONTINUOUS] * 10, False),
        ("l4", [CONTINUOUS] * 10, False),
        ("t4", [FEW] * 10, False),  # the processor has a table of them
        ("t4", [MANY] * 10, True),
        ("l4", [MANY] * 10, True),
        ("l4", MIXED, True),
    ],
)
def test_2_to_the_26_evaluations_are_not_alike(
    driver: FakeDriver,
    monkeypatch: pytest.MonkeyPatch,
    card: str,
    dimensions: list[_core.Dimension],
    pays: bool,
) -> None:
    use(card, monkeypatch)
    gpu = opened(driver)
    assert estimator(dimensions).worth_gpu(points(dimensions, 2.0**26), gpu) == pays
    assert not estimator(dimensions).worth_gpu(1, gpu)  # a launch takes longer
    gpu.close()


def test_the_first_use_pays_for_opening_the_device(driver: FakeDriver) -> None:
    """Until batches of as much work have gone to the processor, not even CUDA is started."""
    gpu = _core.Gpu(driver.path, IMAGE)
    one, count = estimator([MANY] * 10), 200  # some 16 ms of a core
    driver.record()
    taken = [one.worth_gpu(count, gpu) for _ in range(40)]
    first = taken.index(True)
    assert 10 <= first <= 30
    assert all(taken[first:])
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.record()
    for _ in range(first):
        one.worth_gpu(count, gpu)
    assert driver.record() == []
    assert one.worth_gpu(100 * count, gpu)  # one batch that pays for it alone


def test_a_card_that_does_not_tell_its_rate_is_left_alone(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CUDA_DOUBLE_RATIO", "-1")
    assert not estimator([MANY] * 10).worth_gpu(10**6, _core.Gpu(driver.path, IMAGE))


def test_where_there_is_no_gpu_nobody_looks_twice(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CUDA_COUNT", "0")
    gpu = _core.Gpu(driver.path, IMAGE)
    assert not estimator([MANY] * 10).worth_gpu(10**6, gpu)
    driver.record()
    assert not estimator([MANY] * 10).worth_gpu(10**6, gpu)
    assert driver.record() == []
    assert not estimator([MANY] * 10).worth_gpu(10**6, _core.Gpu("no such driver", IMAGE))
    assert not estimator([MANY] * 10).worth_gpu(10**6, _core.Gpu(driver.path, b""))


def test_a_gpu_that_broke_is_not_asked_again(driver: FakeDriver) -> None:
    gpu = opened(driver)
    assert estimator([MANY] * 10).worth_gpu(10**5, gpu)
    driver.fail("cuLaunchKernel", 1, 719)
    with pytest.raises(Exception, match="719"):
        estimator([CONTINUOUS], 1).log_pdf(np.array([[0.5]]), gpu)
    assert not estimator([MANY] * 10).worth_gpu(10**6, gpu)
