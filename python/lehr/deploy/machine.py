"""What this machine is: cores that may be used, memory, versions. For a result that others can judge."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lehr._proc import cgroup_file_upwards, cgroup_v1_file, reset_peak, size, status
from lehr._proc import cpu_model as model_of_kernel

#: Packages that run models or convert them: their versions change what is measured.
RUNTIMES = ("onnxruntime", "openvino", "nncf", "torch")
_PACKAGES = ("lehr", "numpy", "onnx", "optuna", *RUNTIMES)


def quota_cores(texts: list[str]) -> float | None:
    """The smallest CPU quota among the contents of ``cpu.max`` files, in cores; None where nothing is
    limited.
    """
    quotas = []
    for text in texts:
        quota, _, period = text.strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def available_cores() -> int:
    """Cores this process may use: its affinity, lowered by a cgroup quota (rounded up, so that 1.5 cores are
    2).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    texts = cgroup_file_upwards("cpu.max")
    quotas = [cgroup_v1_file("cpu", f"cpu.cfs_{part}_us") for part in ("quota", "period")]
    if quotas[0] and quotas[1]:
        texts.append(f"{quotas[0]} {quotas[1]}")
    quota = quota_cores(texts)
    return max(1, cores if quota is None else min(cores, -int(-quota // 1)))


def memory_mb() -> float:
    """Memory this process may use, in MB (10^6 bytes): the machine's, lowered by a cgroup limit."""
    import psutil

    limits = [int(text) for text in cgroup_file_upwards("memory.max") if text.strip().isdigit()]
    try:
        total = int(psutil.virtual_memory().total)
    except OSError:  # no /proc; the C library asks the kernel
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([total, *limits]) / 1e6


@cache
def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    return model_of_kernel() or platform.processor() or platform.machine()


def package_versions() -> dict[str, str]:
    """Versions of the packages a deployment result depends on; absent ones are left out."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_machine() -> dict[str, Any]:
    """CPU, usable cores, memory (MB), operating system, Python and package versions; plain JSON types."""
    return {
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "cores": available_cores(),
        "memory_mb": round(memory_mb()),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": package_versions(),
    }


def environment() -> dict[str, str]:
    """Environment variables for children that measure: threads that wait must sleep, not spin against each
    other.

    numpy's own pool is held to one thread; it is no part of what is measured, and a forked child should start
    with none.
    """
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
    }


def reset_peak_memory() -> None:
    """Let the peak start again from what is resident now (Linux; elsewhere nothing happens)."""
    reset_peak()


def peak_memory_mb() -> float:
    """This process' peak resident memory, in MB: VmHWM, which exec resets, unlike ``ru_maxrss``."""
    held = size(status(), "VmHWM")
    if held is not None:
        return held / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if platform.system() == "Darwin" else peak * 1024 / 1e6
