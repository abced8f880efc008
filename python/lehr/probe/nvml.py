"""NVIDIA's management library, reached at run time: energy, clocks, temperature and memory per process.

Only what is called is declared. Signatures follow the NVML API reference, version 12.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SUCCESS, _INSUFFICIENT_SIZE = 0, 7
_CLOCK_SM, _TEMPERATURE_GPU = 1, 0
_UNKNOWN = 2**64 - 1
#: Reasons for a lowered clock that are throttling: software and hardware thermal slowdown, hardware slowdown, power
#: brake, software power cap (nvmlClocksEventReasons).
_THROTTLING = 0x20 | 0x40 | 0x08 | 0x80 | 0x04


class NvmlError(Exception):
    """NVML is not there, or refused; the text says which."""


class _Process(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class _MemoryInfo(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Nvml:
    """An initialised NVML. Use :func:`opened`."""

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise NvmlError(f"there is no NVML: {error}") from None
        self._call("starting NVML", "nvmlInit_v2")

    def close(self) -> None:
        """Give it back; errors no longer matter."""
        self._library.nvmlShutdown()

    def energy_mj(self, device: int) -> int:
        """Millijoules that the GPU used since the driver was loaded (Volta and later)."""
        value = ctypes.c_ulonglong()
        handle = self._handle(device)
        self._call(
            "reading the energy counter",
            "nvmlDeviceGetTotalEnergyConsumption",
            handle,
            ctypes.byref(value),
        )
        return value.value

    def celsius(self, device: int) -> int:
        """Temperature of the GPU."""
        value = ctypes.c_uint()
        handle = self._handle(device)
        self._call(
            "reading the temperature",
            "nvmlDeviceGetTemperature",
            handle,
            ctypes.c_int(_TEMPERATURE_GPU),
            ctypes.byref(value),
        )
        return value.value

    def sm_mhz(self, device: int) -> int:
        """Clock of the multiprocessors."""
        value = ctypes.c_uint()
        handle = self._handle(device)
        self._call(
            "reading the clock",
            "nvmlDeviceGetClockInfo",
            handle,
            ctypes.c_int(_CLOCK_SM),
            ctypes.byref(value),
        )
        return value.value

    def throttled(self, device: int) -> bool:
        """Whether heat or power holds the clock down."""
        value = ctypes.c_ulonglong()
        handle = self._handle(device)
        self._call(
            "reading the throttling reasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
            handle,
            ctypes.byref(value),
        )
        return bool(value.value & _THROTTLING)

    def process_bytes(self, device: int, pid: int) -> int | None:
        """Bytes that a process holds on the GPU; None where it is not listed or not counted."""
        handle = self._handle(device)
        count = ctypes.c_uint(0)
        for _ in range(3):  # processes come and go between asking how many and asking which
            table = (_Process * (count.value + 8))()
            count.value += 8
            code = self._raw(
                "nvmlDeviceGetComputeRunningProcesses_v3", handle, ctypes.byref(count), ctypes.byref(table)
            )
            if code != _INSUFFICIENT_SIZE:
                self._check(code, "listing the processes of the GPU")
                found = [row.used for row in table[: count.value] if row.pid == pid and row.used != _UNKNOWN]
                return sum(found) if found else None
        raise NvmlError("listing the processes of the GPU failed: their number keeps growing")

    def used_bytes(self, device: int | str) -> int:
        """Bytes in use on the GPU, by whoever uses it."""
        memory = _MemoryInfo()
        handle = self._handle(device)
        self._call("reading the memory", "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
        return int(memory.used)

    def driver(self) -> str:
        """Version of the driver."""
        text = ctypes.create_string_buffer(96)
        self._call("reading the driver's version", "nvmlSystemGetDriverVersion", text, ctypes.c_uint(96))
        return text.value.decode(errors="replace")

    def _handle(self, device: int | str) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        if isinstance(device, str):
            identifier = ctypes.c_char_p(device.encode())
            self._call(f"opening GPU {device}", "nvmlDeviceGetHandleByUUID", identifier, ctypes.byref(handle))
            return handle
        self._call(
            f"opening GPU {device}",
            "nvmlDeviceGetHandleByIndex_v2",
            ctypes.c_uint(device),
            ctypes.byref(handle),
        )
        return handle

    def _raw(self, name: str, *arguments: Any) -> int:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise NvmlError(f"this NVML lacks {name}: the driver is too old") from None
        return int(function(*arguments))

    def _call(self, doing: str, name: str, *arguments: Any) -> None:
        self._check(self._raw(name, *arguments), doing)

    def _check(self, code: int, doing: str) -> None:
        if code == _SUCCESS:
            return
        try:
            say = self._library.nvmlErrorString
            say.restype = ctypes.c_char_p
            text = (say(ctypes.c_int(code)) or b"no description").decode(errors="replace")
        except AttributeError:
            text = "no description"
        raise NvmlError(f"{doing} failed: {text} ({code})")


def load() -> Nvml:
    """NVML, started; :meth:`Nvml.close` gives it back. ``LEHR_NVML`` may name another library.

    Raises:
        NvmlError: it is not there or cannot start.
    """
    return Nvml(os.environ.get("LEHR_NVML") or "libnvidia-ml.so.1")


class GpuMemory:
    """Megabytes (10^6 bytes) in use on one GPU, by whoever uses it: a memory reader for ``lehr.run(devices=...)``.

    ``ordinal`` counts as CUDA programs do, among the GPUs that ``CUDA_VISIBLE_DEVICES`` leaves. (Without it, and on a
    machine with GPUs of different kinds, CUDA counts as NVML does only under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``.)
    """

    def __init__(self, ordinal: int = 0) -> None:
        self._ordinal = ordinal
        self._library: Nvml | None = None

    def __call__(self) -> float:
        """Raises NvmlError where it cannot be told."""
        if self._library is None:
            self._library = load()
        return self._library.used_bytes(self._device()) / 1e6

    def _device(self) -> int | str:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is None:
            return self._ordinal
        entries = [entry.strip() for entry in visible.split(",") if entry.strip()]
        if self._ordinal >= len(entries):
            raise NvmlError(f"CUDA_VISIBLE_DEVICES={visible} leaves no GPU {self._ordinal}")
        entry = entries[self._ordinal]
        return int(entry) if entry.isdigit() else entry


@contextmanager
def opened() -> Iterator[Nvml]:
    """NVML for a while. ``LEHR_NVML`` may name another library.

    Raises:
        NvmlError: it is not there or cannot start.
    """
    library = load()
    try:
        yield library
    finally:
        library.close()
