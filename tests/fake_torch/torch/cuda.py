"""``torch.cuda`` on the fake driver."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from . import _device

CLOCK_KHZ = 1_980_000
is_available = _device.is_available
synchronize = _device.synchronize


def device_count() -> int:
    count = ctypes.c_int()
    _device.check(_device.driver().cuDeviceGetCount(ctypes.byref(count)))
    return count.value


def get_device_properties(device: int) -> Any:
    return SimpleNamespace(name=f"Fake GPU {device}", clock_rate=CLOCK_KHZ)


def mem_get_info() -> tuple[int, int]:
    return _device.free_bytes(), _device.TOTAL_BYTES


def empty_cache() -> None:
    pass


def _sleep(cycles: int) -> None:
    if cycles > 1 << 60:
        _device.hang()
    else:
        _device.work(cycles / CLOCK_KHZ)


class Stream:
    def __init__(self, device: int = 0) -> None:
        del device
        self.cuda_stream = _device.make_stream()

    def synchronize(self) -> None:
        _device.check(_device.driver().cuStreamSynchronize(ctypes.c_void_p(self.cuda_stream)))


@contextlib.contextmanager
def stream(chosen: Stream) -> Iterator[None]:
    _device.push_stream(chosen.cuda_stream)
    try:
        yield
    finally:
        _device.pop_stream()


class Event:
    def __init__(self, enable_timing: bool = False) -> None:
        del enable_timing
        self._handle = ctypes.c_void_p()
        _device.check(_device.driver().cuEventCreate(ctypes.byref(self._handle), 0))

    def record(self, on: Stream) -> None:
        _device.check(_device.driver().cuEventRecord(self._handle, ctypes.c_void_p(on.cuda_stream)))

    def elapsed_time(self, end: Event) -> float:
        ms = ctypes.c_float()
        _device.check(_device.driver().cuEventElapsedTime(ctypes.byref(ms), self._handle, end._handle))
        return ms.value


class CUDAGraph:
    def __init__(self) -> None:
        self.steps: list[Any] = []

    def replay(self) -> None:
        for step in self.steps:
            step()
        _device.work(_device.MS_OF_AN_OPERATION * len(self.steps))


@contextlib.contextmanager
def graph(captured: CUDAGraph) -> Iterator[None]:
    _device.begin_capture()
    try:
        yield
    finally:
        captured.steps = _device.end_capture()
