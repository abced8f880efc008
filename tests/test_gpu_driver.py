"""The way to the driver and back: every failing step is told, and leaves nothing behind."""

from __future__ import annotations

import ctypes
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_driver import IMAGE, FakeDriver, Work
from lehr import DeviceError, _core

OUT_OF_MEMORY = 2
INVALID_CONTEXT, INVALID_HANDLE = 201, 400
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
    "cuStreamCreate",
    "cuThreadExchangeStreamCaptureMode",
    "cuMemcpyHtoDAsync_v2",
    "cuLaunchKernel",
    "cuMemcpyDtoHAsync_v2",
    "cuStreamSynchronize",
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


@pytest.mark.slow
def test_a_score_makes_the_calls_we_mean(driver: FakeDriver) -> None:
    assert {name for name, _ in steps(driver)} == {*SCORE, "cuCtxPopCurrent_v2"}


@pytest.mark.parametrize("code", [OUT_OF_MEMORY, INVALID_CONTEXT, INVALID_HANDLE, 711, 999])
def test_whichever_call_fails_nothing_is_left_behind(driver: FakeDriver, code: int) -> None:
    for name, nth in steps(driver):
        gpu = _core.Gpu(driver.path, IMAGE)
        driver.fail(name, nth, code)
        said = ""
        try:
            estimator().log_pdf(POINTS, gpu)
        except DeviceError as error:
            said = str(error)
        if said:
            assert re.search(r"failed: CUDA_ERROR_\w+ \(\d+\), ", said), (name, nth)
            if code == OUT_OF_MEMORY:
                assert driver.allocations == 0, (name, nth)
            if code in (INVALID_CONTEXT, INVALID_HANDLE):
                driver.reset_device()  # that is how it comes to those
        else:  # giving back: nobody can do anything about it
            assert name in {"cuCtxPopCurrent_v2", "cuThreadExchangeStreamCaptureMode", "cuStreamSynchronize"}
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
    assert driver.allocations == 0
    result = estimator().log_pdf(POINTS, gpu)  # by now another program has ended, say
    np.testing.assert_allclose(result, estimator().log_pdf(POINTS), rtol=1e-9)
    gpu.close()
    assert driver.held == 0


@pytest.mark.parametrize("call", ["cuLaunchKernel", "cuStreamSynchronize", "cuMemcpyDtoHAsync_v2"])
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


@pytest.mark.parametrize("code", [226, 710, 714, 719, 721, 810])
def test_after_a_fault_of_the_device_the_process_is_done_with_it(driver: FakeDriver, code: int) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.fail("cuStreamSynchronize", 1, code)
    for _ in range(2):
        with pytest.raises(DeviceError, match=rf"\({code}\)"):
            estimator().log_pdf(POINTS, gpu)
    assert "failed earlier" in gpu.status()[1]
    gpu.close()


@pytest.mark.parametrize("code", [711, 712, 713, 720])
def test_what_is_no_fault_of_the_device_passes(driver: FakeDriver, code: int) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    loads = driver.calls("cuModuleLoadData")
    driver.fail("cuLaunchKernel", 1, code)
    with pytest.raises(DeviceError, match=rf"\({code}\)"):
        estimator().log_pdf(POINTS, gpu)
    estimator().log_pdf(POINTS, gpu)
    assert driver.calls("cuModuleLoadData") == loads + 1  # the session was kept
    gpu.close()
    assert (driver.held, driver.misuses) == (0, 0)


def test_a_context_that_was_reset_is_opened_once_more(driver: FakeDriver) -> None:
    """By cuDevicePrimaryCtxReset: all that was held in it is gone, and must not be touched."""
    gpu = _core.Gpu(driver.path, IMAGE)
    expected = estimator().log_pdf(POINTS, gpu)
    driver.library.cuDevicePrimaryCtxReset_v2(40)
    np.testing.assert_array_equal(estimator().log_pdf(POINTS, gpu), expected)
    gpu.close()
    assert (driver.held, driver.misuses) == (0, 0)


@pytest.mark.parametrize("code", [INVALID_CONTEXT, INVALID_HANDLE])
def test_handles_that_are_no_longer_valid_are_not_kept(driver: FakeDriver, code: int) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    estimator().log_pdf(POINTS, gpu)
    driver.reset_device()
    driver.fail("cuMemcpyHtoDAsync_v2", 1, code)
    with pytest.raises(DeviceError, match=rf"\({code}\)"):
        estimator().log_pdf(POINTS, gpu)
    estimator().log_pdf(POINTS, gpu)  # another session
    gpu.close()
    assert (driver.held, driver.misuses) == (0, 0)


def test_the_device_stays_open_between_scores_with_its_memory(driver: FakeDriver) -> None:
    gpu = _core.Gpu(driver.path, IMAGE)
    loads = driver.calls("cuModuleLoadData")
    estimator().log_pdf(POINTS, gpu)
    allocated, held = driver.calls("cuMemAlloc_v2"), driver.held
    for _ in range(3):
        estimator().log_pdf(POINTS, gpu)
    assert driver.calls("cuModuleLoadData") == loads + 1
    assert (driver.calls("cuMemAlloc_v2"), driver.held) == (allocated, held)
    estimator().log_pdf(np.tile(POINTS, (50, 1)), gpu)  # needs more
    assert driver.held == held
    gpu.close()
    assert driver.held == 0
    estimator().log_pdf(POINTS, gpu)  # opens again
    del gpu
    assert driver.held == 0


def test_a_score_waits_for_nobody_else(driver: FakeDriver) -> None:
    """Two seconds of another library's work on a stream of its own: a score is not charged for them."""
    gpu = _core.Gpu(driver.path, IMAGE)
    estimator().log_pdf(POINTS, gpu)
    driver.behave(real=True)
    work = Work(0x5000, 2000.0)
    driver.work(ctypes.addressof(work))
    driver.record()
    begun = time.monotonic()
    estimator().log_pdf(POINTS, gpu)
    assert time.monotonic() - begun < 1.0
    assert "cuCtxSynchronize" not in driver.record()
    driver.behave(elsewhere=False)
    gpu.close()
    assert driver.misuses == 0


def test_a_graph_that_another_thread_captures_is_left_whole(driver: FakeDriver) -> None:
    """Opening, allocating and waiting are unsafe during a capture, unless the thread says that it stands aside."""
    gpu = _core.Gpu(driver.path, IMAGE)
    driver.capture_elsewhere(True)
    for copies in (1, 100):
        estimator().log_pdf(np.tile(POINTS, (copies, 1)), gpu)
    assert driver.captures_broken == 0
    driver.capture_elsewhere(False)
    gpu.close()
    assert (driver.held, driver.misuses) == (0, 0)


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


TOO_OLD = (
    "the GPU is too old: Fake GPU has compute capability 7.0, and the kernel has machine code for 7.5, 9.0 and PTX for "
    "7.5"
)
NO_KERNEL = (
    "this build has no kernel for the GPU: Fake GPU has compute capability 8.7, and the kernel has machine code for "
    "7.5, 9.0 and PTX for 12.0"
)
NO_COMPILER = (
    "the NVIDIA driver is too old: Fake GPU has compute capability 11.0, for which it would have to compile the "
    "kernel's PTX of CUDA 13.1, and it supports CUDA 13.0; update the driver"
)


@pytest.mark.parametrize(
    ("capability", "integrated", "binaries", "ptx", "toolkit", "reason"),
    [
        (90, 0, [75, 90], [75], 13000, ""),
        (90, 0, [75, 90], [75], 13010, ""),  # machine code needs no compiler
        (89, 0, [75, 86], [120], 13000, ""),  # machine code of the same major capability
        (86, 0, [75, 89], [75], 13000, ""),  # not of a later minor one: by PTX
        (70, 0, [75, 90], [75], 13000, TOO_OLD),
        (87, 1, [75, 80, 86], [75, 120], 13000, ""),  # a part of a chip: by PTX
        (87, 0, [75, 90], [120], 13000, NO_KERNEL),
        (110, 1, [75, 100], [75, 120], 13000, ""),
        (110, 1, [75, 100], [75, 120], 13010, NO_COMPILER),
        (90, 0, [], [], 0, ""),  # nothing is known of the image: the driver will say
    ],
)
def test_what_can_run_follows_what_was_built(
    driver: FakeDriver,
    monkeypatch: pytest.MonkeyPatch,
    capability: int,
    integrated: int,
    binaries: list[int],
    ptx: list[int],
    toolkit: int,
    reason: str,
) -> None:
    monkeypatch.setenv("FAKE_CUDA_CAPABILITY", str(capability))
    monkeypatch.setenv("FAKE_CUDA_INTEGRATED", str(integrated))
    gpu = _core.Gpu(driver.path, IMAGE, toolkit=toolkit, binaries=binaries, ptx=ptx)
    assert gpu.status()[:2] == (not reason, reason)


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
