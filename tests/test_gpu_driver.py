"""The way to the driver and back: every failing step is told, and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_driver import IMAGE, FakeDriver
from lehr import DeviceError, _core

OUT_OF_MEMORY = 2
ILLEGAL_ADDRESS = 700
SCORE = [
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRetain",
    "cuCtxPushCurrent_v2",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuMemAlloc_v2",
    "cuMemcpyHtoD_v2",
    "cuLaunchKernel",
    "cuCtxSynchronize",
    "cuMemcpyDtoH_v2",
]


@pytest.fixture
def driver(fake_library: Path) -> Iterator[FakeDriver]:
    driver = FakeDriver(fake_library)
    yield driver
    driver.fail_no_more()


DIMENSIONS = [_core.Dimension(low=0.0, high=1.0), _core.Dimension(low=0.0, high=9.0, step=1.0)]


def estimator() -> _core.ParzenEstimator:
    return _core.ParzenEstimator(DIMENSIONS, np.array([[0.1, 2.0], [0.7, 9.0]]))


POINTS = np.array([[0.3, 4.0], [0.9, 0.0]])


def steps(driver: FakeDriver) -> list[tuple[str, int]]:
    """Every call of a first score, as (name, how often it was called up to there)."""
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.record()
    estimator().log_pdf(POINTS, gpu)
    calls = driver.record()
    gpu.close()
    return [(name, calls[: i + 1].count(name)) for i, name in enumerate(calls)]


def test_a_score_makes_the_calls_we_mean(driver: FakeDriver) -> None:
    assert {name for name, _ in steps(driver)} == {*SCORE, "cuCtxPopCurrent_v2", "cuMemFree_v2"}


@pytest.mark.parametrize("code", [OUT_OF_MEMORY, 999])
def test_whichever_call_fails_nothing_is_left_behind(driver: FakeDriver, code: int) -> None:
    for name, nth in steps(driver):
        gpu = _core.Gpu(driver.path, IMAGE)
        driver.fail(name, nth, code)
        if name in {"cuCtxPopCurrent_v2", "cuMemFree_v2"}:  # giving back: nobody can do anything about it
            estimator().log_pdf(POINTS, gpu)
        else:
            with pytest.raises(DeviceError, match=r"failed: CUDA_ERROR_\w+ \(\d+\), "):
                estimator().log_pdf(POINTS, gpu)
            assert driver.allocations == 0, (name, nth)
        assert driver.depth == 0, (name, nth)
        driver.fail_no_more()
        gpu.close()
        assert driver.held == 0, (name, nth)
        assert driver.misuses == 0, (name, nth)


def test_every_call_but_those_that_give_back_was_made_to_fail(driver: FakeDriver) -> None:
    failed = set()
    for name, nth in steps(driver):
        gpu = _core.Gpu(driver.path, IMAGE)
        driver.fail(name, nth, OUT_OF_MEMORY)
        try:
            estimator().log_pdf(POINTS, gpu)
        except DeviceError:
            failed.add(name)
        driver.fail_no_more()
        gpu.close()
    assert failed == set(SCORE)


def test_out_of_memory_passes(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.fail("cuMemAlloc_v2", 3, OUT_OF_MEMORY)
    with pytest.raises(
        DeviceError,
        match=r"allocating memory on the GPU failed: CUDA_ERROR_OUT_OF_MEMORY \(2\), out of memory",
    ):
        estimator().log_pdf(POINTS, gpu)
    result = estimator().log_pdf(POINTS, gpu)  # by now another program has ended, say
    np.testing.assert_allclose(result, estimator().log_pdf(POINTS), rtol=1e-9)
    gpu.close()
    assert driver.held == 0


@pytest.mark.parametrize("call", ["cuLaunchKernel", "cuCtxSynchronize", "cuMemcpyDtoH_v2"])
def test_a_sticky_error_is_remembered(driver: FakeDriver, call: str) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.fail(call, 1, ILLEGAL_ADDRESS, sticky=True)
    with pytest.raises(DeviceError, match=r"CUDA_ERROR_FAKE \(700\)"):
        estimator().log_pdf(POINTS, gpu)
    driver.record()
    for _ in range(2):
        with pytest.raises(DeviceError, match=r"failed earlier in this process.*\(700\)"):
            estimator().log_pdf(POINTS, gpu)
    available, reason, *_ = gpu.status()
    assert not available
    assert "only in a new one" in reason
    gpu.close()
    assert driver.record() == []  # a broken device is left in peace
    driver.fail_no_more()
    assert driver.misuses == 0
    assert driver.held == 0


def test_the_device_stays_open_between_scores(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    before = driver.calls("cuModuleLoadData")
    for _ in range(3):
        estimator().log_pdf(POINTS, gpu)
    assert driver.calls("cuModuleLoadData") == before + 1
    assert driver.allocations == 0
    assert driver.held == 2  # context and module
    gpu.close()
    assert driver.held == 0
    estimator().log_pdf(POINTS, gpu)  # opens again
    del gpu
    assert driver.held == 0


def test_status_holds_nothing(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.record()
    assert gpu.status() == (True, "", "Fake GPU", 13000, 90, True)
    assert not {"cuDevicePrimaryCtxRetain", "cuModuleLoadData", "cuMemAlloc_v2"} & set(driver.record())


def test_nothing_is_called_before_it_is_needed(driver: FakeDriver) -> None:
    driver.record()
    gpu = _core.Gpu(driver.path, IMAGE)
    gpu.close()
    del gpu
    assert driver.record() == []


def test_an_image_for_other_gpus_is_told(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, b"something else")
    with pytest.raises(DeviceError, match=r"loading the kernel for this GPU failed: .*\(200\)"):
        estimator().log_pdf(POINTS, gpu)
    gpu.close()
    assert driver.held == 0


def test_an_old_driver_for_a_new_kernel_is_told(driver: FakeDriver) -> None:
    status = _core.Gpu(driver.path, IMAGE, toolkit=14010).status()
    assert status[:2] == (
        False,
        "the NVIDIA driver is too old: it supports CUDA 13.0, and the kernel was built with CUDA 14.1; "
        "update the driver",
    )
    assert _core.Gpu(driver.path, IMAGE, toolkit=13020).status()[0]  # minor versions get on


def test_a_gpu_older_than_the_kernel_is_told(driver: FakeDriver) -> None:
    _, reason, *_ = _core.Gpu(driver.path, IMAGE, capability=100).status()
    assert reason == "the GPU is too old: Fake GPU has compute capability 9.0, and the kernel needs 10.0"


def test_a_build_without_a_kernel_says_so_before_it_touches_cuda(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, b"")
    driver.record()
    with pytest.raises(
        DeviceError, match=r"^this build of lehr has no GPU kernel: it was built without nvcc$"
    ):
        estimator().log_pdf(POINTS, gpu)
    assert driver.record() == []
    available, reason, device, *_, has_kernel = gpu.status()
    assert (available, device, has_kernel) == (False, "Fake GPU", False)
    assert reason.startswith("this build of lehr has no GPU kernel")


def test_threads_wait_for_each_other(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.random(500), rng.integers(10, size=500)]).astype(np.float64)
    expected = estimator().log_pdf(points)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(estimator().log_pdf(points, gpu))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=1e-9)
    gpu.close()
    assert driver.held == 0
    assert driver.misuses == 0
