"""What a user sees of the GPU, in whole processes: drivers that are absent, old, broken or forked away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fake_driver import IMAGE, build

pytestmark = pytest.mark.slow


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
    fake_library: Path, kernel: Path, settings: dict[str, str], reason: str
) -> None:
    said = python(STATUS, LEHR_CUDA_DRIVER=fake_library, LEHR_CUDA_KERNEL=kernel, **settings)
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


def test_an_unreadable_kernel(fake_library: Path, tmp_path: Path) -> None:
    said = python(STATUS, LEHR_CUDA_DRIVER=fake_library, LEHR_CUDA_KERNEL=tmp_path / "none")
    assert said.startswith("False|the kernel named by LEHR_CUDA_KERNEL cannot be read: ")


def test_a_gpu_that_works(fake_library: Path, kernel: Path) -> None:
    said = python(
        "import lehr; print(lehr.gpu_status())",
        LEHR_CUDA_DRIVER=fake_library,
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
space = lehr.Space([lehr.Int("x", 0, 1_000_000)])
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
        "print(tried(lambda: search().score([{'x': 5}], device='cuda')))\n"
        "print(search(device='auto').score([{'x': 5}], device='auto'))\n",
        LEHR_CUDA_DRIVER=tmp_path / "none.so",
        LEHR_CUDA_KERNEL=kernel,
    ).splitlines()
    assert said[0].startswith("DeviceError: there is no NVIDIA driver")
    assert said[1] == said[0]
    assert said[2] == "[0.]"


def test_a_gpu_that_fails_during_auto_gives_way_to_the_processor(fake_library: Path, kernel: Path) -> None:
    said = python(
        SEARCH + "opt = search()\n"
        "for i in range(3000): opt.add({'x': 300 * i}, 1.0 * i)\n"
        "many = space.sample(23_000, seed=0)\n"
        "print((opt.score(many[:9]) == opt.score(many, device='auto')[:9]).all())\n"
        "print(tried(lambda: opt.score(many[:2], device='cuda')))\n",
        LEHR_CUDA_DRIVER=fake_library,
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
        SEARCH + "opt = search()\nopt.tell(opt.ask(), 1.0)\nprint(opt.score([{'x': 5}]).shape)",
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
def test_a_forked_child_is_refused_and_the_parent_goes_on(fake_library: Path, before: str) -> None:
    said = python(FORK.format(before=before), LEHR_CUDA_DRIVER=fake_library).splitlines()
    assert said[0].startswith("this process was forked from process ")
    assert said[0].endswith("|False")
    assert said[1] == "1"


def test_a_child_forked_before_cuda_was_used_may_use_it(fake_library: Path) -> None:
    said = python(FORK.format(before=""), LEHR_CUDA_DRIVER=fake_library).splitlines()
    assert float(said[0].split("|")[0]) < 1.0
    assert said[0].endswith("|True")
    assert said[1] == "1"
