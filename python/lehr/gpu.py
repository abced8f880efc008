"""Scoring large batches of configurations on an NVIDIA GPU, where there is one."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lehr import _core
from lehr.errors import DeviceError, OptionError

Device = Literal["cpu", "cuda", "auto"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "auto")


@dataclass(frozen=True)
class GpuStatus:
    """Whether lehr can score on a GPU, and why not.

    Attributes:
        available: whether ``device="cuda"`` can be used, as far as can be told without opening the device.
        reason: what stands in the way; empty when nothing does.
        device: name of the first GPU that CUDA shows this process.
        driver_version: the CUDA version that the driver supports, such as ``"13.0"``.
        compute_capability: of the device, such as ``"9.0"``.
        has_kernel: whether this build of lehr carries a GPU kernel.
    """

    available: bool
    reason: str
    device: str | None
    driver_version: str | None
    compute_capability: str | None
    has_kernel: bool


def gpu_status() -> GpuStatus:
    """Look for a GPU. This starts CUDA in the process, so processes forked from it later cannot use the GPU.

    The environment may name another driver library (``LEHR_CUDA_DRIVER``) and a file with a kernel to use instead of
    the one this build carries (``LEHR_CUDA_KERNEL``); both are read once, at the first use.
    """
    try:
        gpu = _gpu()
    except OSError as error:
        return GpuStatus(False, _unreadable(error), None, None, None, False)
    available, reason, device, driver, capability, has_kernel = gpu.status()
    return GpuStatus(
        available,
        reason,
        device or None,
        f"{driver // 1000}.{driver % 1000 // 10}" if driver else None,
        f"{capability // 10}.{capability % 10}" if capability else None,
        has_kernel,
    )


def gpu_for(device: str, *, must_work: bool = False) -> _core.Gpu | None:
    """The GPU that work for `device` may go to; ``None`` for the CPU. With `must_work`, ``"cuda"`` is tried at once.

    Raises:
        OptionError: there is no such device.
        DeviceError: `device` is ``"cuda"`` and cannot be used.
    """
    if device not in DEVICES:
        raise OptionError(f"unknown device {device!r}; use 'cpu', 'cuda' or 'auto'")
    if device == "cpu":
        return None
    try:
        gpu = _gpu()
    except OSError as error:
        if device == "auto":
            return None
        raise DeviceError(_unreadable(error)) from error
    if device == "cuda" and must_work:
        available, reason, *_ = gpu.status()
        if not available:
            raise DeviceError(reason)
    return gpu


@functools.cache
def _gpu() -> _core.Gpu:
    """One for the process, as CUDA is. Nothing of CUDA is touched before its first use."""
    driver = os.environ.get("LEHR_CUDA_DRIVER") or "libcuda.so.1"
    kernel = os.environ.get("LEHR_CUDA_KERNEL")
    if kernel:
        return _core.Gpu(driver, Path(kernel).read_bytes())
    return _core.Gpu(driver)


def _unreadable(error: OSError) -> str:
    return f"the kernel named by LEHR_CUDA_KERNEL cannot be read: {error}"
