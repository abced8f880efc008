"""Whether CUDA has been started in this process: it does not survive a fork, and no thread would show it."""

from __future__ import annotations

import ctypes
import os
import re

from lehr._proc import mapped_libraries, open_files

_NOT_INITIALIZED = 3
_DRIVER = re.compile(r"libcuda\.so(\.\d+)*")


def cuda_has_started() -> bool:
    """Ask the driver's library, where one is loaded; else look for open device files of NVIDIA's.

    A process that only asked NVML keeps some of those open as well, but not the one that CUDA needs for its memory.
    """
    libraries = set(mapped_libraries())
    if any(_is_initialised(path) for path in libraries if _is_driver(path)):
        return True
    devices = [target for target in open_files() if target.startswith("/dev/nvidia")]
    if any("/libnvidia-ml.so" in path for path in libraries):
        devices = [target for target in devices if target.startswith("/dev/nvidia-uvm")]
    return bool(devices)


def _is_driver(path: str) -> bool:
    named = os.environ.get("LEHR_CUDA_DRIVER")
    if named and os.path.realpath(named) == path:
        return True
    return _DRIVER.fullmatch(os.path.basename(path)) is not None


def _is_initialised(path: str) -> bool:
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
        count = ctypes.c_int()
        return bool(library.cuDeviceGetCount(ctypes.byref(count)) != _NOT_INITIALIZED)
    except (OSError, AttributeError):  # unloaded meanwhile, or no driver
        return False
