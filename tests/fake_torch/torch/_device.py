"""The fake driver under the fake PyTorch: streams, work, faults, and what NVML is told of this process."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable

MS_OF_AN_OPERATION = 0.01
TOTAL_BYTES = 80_000_000_000
OWN_BYTES = 500_000_000  # of the context

_taken = [0]
_lock = threading.Lock()
_started: list[ctypes.CDLL] = []
_graphs: list[list[Callable[[], None]]] = []  # being captured
_streams = [0]  # the current one is last


class _Work(ctypes.Structure):
    _fields_ = (("stream", ctypes.c_void_p), ("ms", ctypes.c_double))


def driver() -> ctypes.CDLL:
    """Starts CUDA at the first use."""
    with _lock:
        if not _started:
            library = ctypes.CDLL(os.environ.get("LEHR_CUDA_DRIVER") or "libcuda.so.1")
            library.fake_work.restype = library.fake_hang.restype = None
            library.fake_captures_broken.restype = ctypes.c_long
            if library.cuInit(0) != 0:
                raise RuntimeError("CUDA initialization error")
            context = ctypes.c_void_p()
            device = ctypes.c_int()
            library.cuDeviceGet(ctypes.byref(device), 0)
            library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
            library.cuCtxPushCurrent_v2(context)
            says = os.environ.get("FAKE_NVML")
            if says:
                with open(says, "a") as file:
                    file.write(f"uses 0 {os.getpid()} {OWN_BYTES}\n")
            _started.append(library)
    return _started[0]


def is_available() -> bool:
    if os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK") == "1":
        return os.environ.get("CUDA_VISIBLE_DEVICES") != ""
    library, count = driver(), ctypes.c_int()
    return library.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def check(code: int) -> None:
    if code != 0:
        raise RuntimeError(f"CUDA error ({code})")


def make_stream() -> int:
    library, handle = driver(), ctypes.c_void_p()
    check(library.cuStreamCreate(ctypes.byref(handle), 1))
    assert handle.value is not None
    return handle.value


def current_stream() -> int:
    return _streams[-1]


def push_stream(handle: int) -> None:
    _streams.append(handle)


def pop_stream() -> None:
    _streams.pop()


def work(ms: float, stream: int | None = None) -> None:
    item = _Work(current_stream() if stream is None else stream, ms)
    driver().fake_work(ctypes.byref(item))


def run(compute: Callable[[], None], device: str) -> None:
    """An operation: now, and again with each replay of the graph that is being captured."""
    compute()
    if device != "cuda":
        return
    if _graphs:
        _graphs[-1].append(compute)
    else:
        work(MS_OF_AN_OPERATION)


def take(count: int, error: type[Exception]) -> None:
    if not count:
        return
    driver()
    with _lock:
        if _taken[0] + count > TOTAL_BYTES:
            raise error("CUDA out of memory")
        _taken[0] += count


def give_back(count: int) -> None:
    with _lock:
        _taken[0] -= count


def free_bytes() -> int:
    return TOTAL_BYTES - _taken[0]


def capturing() -> bool:
    return bool(_graphs) or bool(driver().fake_capturing())


def begin_capture() -> None:
    driver().fake_capture_elsewhere(1)  # in the global mode
    _graphs.append([])


def end_capture() -> list[Callable[[], None]]:
    library = driver()
    library.fake_capture_elsewhere(0)
    if library.fake_captures_broken():
        raise RuntimeError("the capture was broken by another thread (901)")
    return _graphs.pop()


def fault() -> None:
    driver().fake_break(700)


def hang() -> None:
    driver().fake_hang(None)


def synchronize() -> None:
    library = driver()
    library.fake_hangs.restype = ctypes.c_int
    while library.fake_hangs():
        time.sleep(1)
    check(library.cuCtxSynchronize())
