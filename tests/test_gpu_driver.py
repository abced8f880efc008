"""The way to the driver and back: every failing step is told, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_driver import IMAGE, FakeDriver, build
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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def driver(library: Path) -> Iterator[FakeDriver]:
    driver = FakeDriver(library)
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


# -- whole processes: what a user sees ---------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "kernel.fatbin"
    path.write_bytes(IMAGE)
    return path


def python(code: str, **environment: str | Path) -> str:
    """Run code in a fresh process and return what it prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LEHR_CUDA", "FAKE_CUDA"))}
    clean["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    clean.update({name: str(value) for name, value in environment.items()})
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


STATUS = "import lehr; s = lehr.gpu_status(); print(s.available, s.reason, sep='|')"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"FAKE_CUDA_DEVICES": "0"}, "the NVIDIA driver sees no GPU"),
        ({"FAKE_CUDA_COUNT": "0"}, "the NVIDIA driver sees no GPU"),
        (
            {"FAKE_CUDA_FAIL": "cuInit:1:999"},
            "starting CUDA failed: CUDA_ERROR_FAKE (999), made up by the test",
        ),
        (
            {"FAKE_CUDA_FAIL": "cuInit:1:3"},
            "CUDA cannot start in this process: it was forked from one that had",
        ),
        (
            {"FAKE_CUDA_FAIL": "cuInit:1:12345"},
            "starting CUDA failed: an error it has no name for (12345), no description",
        ),
    ],
)
def test_status_says_what_is_missing(
    library: Path, kernel: Path, settings: dict[str, str], reason: str
) -> None:
    said = python(STATUS, LEHR_CUDA_DRIVER=library, LEHR_CUDA_KERNEL=kernel, **settings)
    assert said.startswith(f"False|{reason}")


def test_no_driver_at_all(kernel: Path, tmp_path: Path) -> None:
    missing = tmp_path / "libcuda.so.1"
    said = python(STATUS, LEHR_CUDA_DRIVER=missing, LEHR_CUDA_KERNEL=kernel)
    assert said.startswith(f"False|there is no NVIDIA driver: {missing}: cannot open shared object file")


def test_a_driver_without_an_entry_point(kernel: Path, tmp_path: Path) -> None:
    old = build(tmp_path, "-DFAKE_OLD_DRIVER")
    said = python(STATUS, LEHR_CUDA_DRIVER=old, LEHR_CUDA_KERNEL=kernel)
    assert said == (
        f"False|the NVIDIA driver library {old} lacks cuGetErrorString: it is too old; update the driver"
    )


def test_an_unreadable_kernel(library: Path, tmp_path: Path) -> None:
    said = python(STATUS, LEHR_CUDA_DRIVER=library, LEHR_CUDA_KERNEL=tmp_path / "none")
    assert said.startswith("False|the kernel named by LEHR_CUDA_KERNEL cannot be read: ")


def test_a_gpu_that_works(library: Path, kernel: Path) -> None:
    said = python(
        "import lehr; print(lehr.gpu_status())",
        LEHR_CUDA_DRIVER=library,
        LEHR_CUDA_KERNEL=kernel,
        FAKE_CUDA_VERSION="12040",
        FAKE_CUDA_CAPABILITY="86",
    )
    assert said == (
        "GpuStatus(available=True, reason='', device='Fake GPU', driver_version='12.4', compute_capability='8.6', "
        "has_kernel=True)"
    )


SEARCH = """
import lehr
space = lehr.Space([lehr.Float("x", 0.0, 1.0)])
def search(**keywords):
    return lehr.Optimizer(space, method="tpe", **keywords)
def tried(action):
    try:
        return action()
    except lehr.DeviceError as error:
        return f"{type(error).__name__}: {error}"
"""


def test_cuda_without_a_gpu_is_an_error_and_auto_is_not(kernel: Path, tmp_path: Path) -> None:
    said = python(
        SEARCH + "print(tried(lambda: search(device='cuda')))\n"
        "print(tried(lambda: search().score([{'x': 0.5}], device='cuda')))\n"
        "print(search(device='auto').score([{'x': 0.5}], device='auto'))\n",
        LEHR_CUDA_DRIVER=tmp_path / "none.so",
        LEHR_CUDA_KERNEL=kernel,
    ).splitlines()
    assert said[0].startswith("DeviceError: there is no NVIDIA driver")
    assert said[1] == said[0]
    assert said[2] == "[0.]"


def test_a_gpu_that_fails_during_auto_gives_way_to_the_processor(library: Path, kernel: Path) -> None:
    said = python(
        SEARCH + "opt = search()\n"
        "for i in range(3000): opt.add({'x': i / 3000}, 1.0 * i)\n"
        "many = space.sample(23_000, seed=0)\n"
        "print((opt.score(many[:9]) == opt.score(many, device='auto')[:9]).all())\n"
        "print(tried(lambda: opt.score(many[:2], device='cuda')))\n",
        LEHR_CUDA_DRIVER=library,
        LEHR_CUDA_KERNEL=kernel,
        FAKE_CUDA_FAIL="cuLaunchKernel:1:719",
    ).splitlines()
    assert said[0] == "True"
    assert said[1].startswith("DeviceError: the GPU failed earlier in this process")


def test_unknown_devices_are_refused() -> None:
    said = python(
        SEARCH + "for action in (lambda: search(device='gpu'), lambda: search().score([], device='tpu')):\n"
        "    try: action()\n"
        "    except lehr.OptionError as error: print(error)\n"
    ).splitlines()
    assert said == [
        "unknown device 'gpu'; use 'cpu', 'cuda' or 'auto'",
        "unknown device 'tpu'; use 'cpu', 'cuda' or 'auto'",
    ]


def test_importing_and_searching_on_the_processor_never_looks_for_a_driver(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or pytest.skip("no C compiler to build a trap with")
    trap = tmp_path / "trap.c"
    trap.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void trap(void) { abort(); }\n")
    library = tmp_path / "trap.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(trap)], check=True)
    said = python(
        SEARCH + "opt = search()\nopt.tell(opt.ask(), 1.0)\nprint(opt.score([{'x': 0.5}]).shape)",
        LEHR_CUDA_DRIVER=library,
    )
    assert said == "(1,)"


FORK = """
import os, sys
import numpy as np
from lehr import DeviceError, _core
gpu = _core.Gpu(sys.argv[1] if len(sys.argv) > 1 else os.environ["LEHR_CUDA_DRIVER"], b"fake")
estimator = _core.ParzenEstimator([_core.Dimension(low=0.0, high=1.0)], np.array([[0.5]]))
points = np.array([[0.2]])
{before}
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    try:
        said = str(estimator.log_pdf(points, gpu)[0])
    except DeviceError as error:
        said = str(error)
    said += "|" + str(gpu.status()[0])
    gpu.close()
    del gpu
    os.write(writing, said.encode())
    os._exit(0)
os.close(writing)
os.waitpid(child, 0)
print(os.read(reading, 10000).decode())
print(len(estimator.log_pdf(points, gpu)))
"""


@pytest.mark.parametrize("before", ["gpu.status()", "estimator.log_pdf(points, gpu)"])
def test_a_forked_child_is_refused_and_the_parent_goes_on(library: Path, before: str) -> None:
    said = python(FORK.format(before=before), LEHR_CUDA_DRIVER=library).splitlines()
    assert said[0].startswith("this process was forked from process ")
    assert said[0].endswith("|False")
    assert said[1] == "1"


def test_a_child_forked_before_cuda_was_used_may_use_it(library: Path) -> None:
    said = python(FORK.format(before=""), LEHR_CUDA_DRIVER=library).splitlines()
    assert float(said[0].split("|")[0]) < 1.0
    assert said[0].endswith("|True")
    assert said[1] == "1"


# -- the build ---------------------------------------------------------------------------------------------------------


def test_nothing_is_linked_against_cuda() -> None:
    """Names of needed libraries stand in the dynamic string table, each as a whole."""
    image = Path(_core.__file__).read_bytes()
    for name in (b"libcuda.so", b"libcudart", b"libnvidia", b"libnvrtc"):
        needed = [at for at in find(image, name) if image[at - 1] == 0]
        assert needed == [], name


def find(image: bytes, name: bytes) -> list[int]:
    places = []
    at = image.find(name)
    while at >= 0:
        places.append(at)
        at = image.find(name, at + 1)
    return places


def fat_binary(image: bytes) -> list[tuple[str, int]]:
    """(kind, architecture) of the parts of the fat binary in an image.

    The header is magic, version, its own length (u16) and that of the parts (u64); a part's is kind (u16), attributes,
    its own length (u32) and its payload's (u64), and 28 bytes in its architecture.
    """
    start = image.index(b"\x50\xed\x55\xba")
    length, size = struct.unpack_from("<HQ", image, start + 6)
    at, end = start + length, start + length + size
    parts = []
    while at < end:
        kind, own, payload = struct.unpack_from("<HxxIQ", image, at)
        parts.append(({1: "ptx", 2: "elf"}[kind], struct.unpack_from("<I", image, at + 28)[0]))
        at += own + payload
    return parts


def test_the_kernel_that_was_built_has_a_binary_for_every_architecture() -> None:
    if not _core.Gpu("no such driver").status()[-1]:
        pytest.skip("this build has no kernel: there was no nvcc")
    parts = fat_binary(Path(_core.__file__).read_bytes())
    assert parts.count(("ptx", parts[-1][1])) == 1  # for GPUs to come
    binaries = {architecture for kind, architecture in parts if kind == "elf"}
    assert {75, 80, 86, 89, 90} <= binaries
    nvcc = shutil.which("nvcc")
    if nvcc is not None and "compute_120" in subprocess.check_output([nvcc, "--list-gpu-arch"], text=True):
        assert {100, 120} <= binaries
        assert ("ptx", 120) in parts
