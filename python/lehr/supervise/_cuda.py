"""Whether CUDA has been started in this process: it does not survive a fork, and no thread would show it."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator

_NOT_INITIALIZED = 3
_DRIVER = re.compile(r"libcuda\.so(\.\d+)*")


def cuda_has_started() -> bool:
    """Ask the driver's library, where one is loaded; else look for open device files of NVIDIA's.

    A process that only asked NVML keeps some of those open as well, but not the one that CUDA needs for its memory.
    """
    libraries = set(_mapped_libraries())
    if any(_is_initialised(path) for path in libraries if _is_driver(path)):
        return True
    open_files = [target for target in _open_files() if target.startswith("/dev/nvidia")]
    if any("/libnvidia-ml.so" in path for path in libraries):
        open_files = [target for target in open_files if target.startswith("/dev/nvidia-uvm")]
    return bool(open_files)


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


def _mapped_libraries() -> Iterator[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if ".so" in line:
                    yield line.rstrip("\n").split(maxsplit=5)[-1]
    except OSError:
        return


def _open_files() -> Iterator[str]:
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the one that listed them
            continue
