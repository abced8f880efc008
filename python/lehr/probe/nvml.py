"""NVIDIA's management library, reached at run time: energy, clocks, temperature and memory per process.

Types, numbers and names of errors are those of ``nvidia-ml-py`` (the module ``pynvml``), which is imported at the first
use. A GPU is named by its UUID, as CUDA and NVML both know it: their numbers differ.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lehr.errors import DeviceError
from lehr.probe.on_gpu import visible_uuids

_UNWRITTEN = 0xA5


class NvmlError(Exception):
    """NVML is not there, or refused; the text says which.

    ``unusable``: NVML says that the GPU has fallen off the bus or needs a reset, so that no program can use it.
    """

    def __init__(self, text: str, *, unusable: bool = False) -> None:
        super().__init__(text)
        self.unusable = unusable


@dataclass(frozen=True, slots=True)
class Clock:
    """The multiprocessors' clock, and why it is what it is.

    ``idle``: nothing runs, which lowers it. ``throttled``: heat or power holds it down.
    """

    mhz: int
    idle: bool
    throttled: bool


class Nvml:
    """An initialised NVML. Use :func:`opened`. GPUs are UUIDs, with or without the ``GPU-`` or ``MIG-`` before them."""

    def __init__(self, path: str) -> None:
        import pynvml

        self._names: Any = pynvml
        self._handles: dict[str, tuple[Any, bool]] = {}
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise NvmlError(f"there is no NVML: {error}") from None
        self._call("starting NVML", "nvmlInit_v2")

    def close(self) -> None:
        """Give it back; errors no longer matter."""
        self._library.nvmlShutdown()

    def energy_mj(self, gpu: str) -> int:
        """Millijoules that the whole GPU used since the driver was loaded (Volta and later)."""
        value = ctypes.c_ulonglong()
        doing = "reading the energy counter"
        self._call(doing, "nvmlDeviceGetTotalEnergyConsumption", self._whole(gpu), ctypes.byref(value))
        return value.value

    def celsius(self, gpu: str) -> int:
        """Temperature of the GPU."""
        value, sensor = ctypes.c_uint(), ctypes.c_int(self._names.NVML_TEMPERATURE_GPU)
        doing = "reading the temperature"
        self._call(doing, "nvmlDeviceGetTemperature", self._whole(gpu), sensor, ctypes.byref(value))
        return value.value

    def clock(self, gpu: str) -> Clock:
        """The clock of the multiprocessors, and what holds it down."""
        handle = self._whole(gpu)
        mhz, kind = ctypes.c_uint(), ctypes.c_int(self._names.NVML_CLOCK_SM)
        self._call("reading the clock", "nvmlDeviceGetClockInfo", handle, kind, ctypes.byref(mhz))
        reasons, doing = ctypes.c_ulonglong(), "reading the throttling reasons"
        try:
            self._call(doing, "nvmlDeviceGetCurrentClocksEventReasons", handle, ctypes.byref(reasons))
        except _Lacks:  # its name before R535
            self._call(doing, "nvmlDeviceGetCurrentClocksThrottleReasons", handle, ctypes.byref(reasons))
        names = self._names
        throttling = (
            names.nvmlClocksEventReasonSwPowerCap
            | names.nvmlClocksEventReasonHwSlowdown
            | names.nvmlClocksEventReasonSwThermalSlowdown
            | names.nvmlClocksEventReasonHwThermalSlowdown
            | names.nvmlClocksEventReasonHwPowerBrakeSlowdown
        )
        idle = bool(reasons.value & names.nvmlClocksEventReasonGpuIdle)
        return Clock(mhz.value, idle, not idle and bool(reasons.value & throttling))

    def processes(self, gpu: str) -> dict[int, int | None]:
        """Bytes that each process computing on the GPU holds there; None where that is not told. In a container the
        driver tells 0, or lists nobody.
        """
        handle = self._handle(gpu)
        count = ctypes.c_uint(0)
        for _ in range(3):  # processes come and go between asking how many and asking which
            rows = count.value + 8
            # A row has 24 bytes, in the first drivers of R535 32 bytes under the same name.
            table = (ctypes.c_ubyte * (32 * rows))(*[_UNWRITTEN] * (32 * rows))
            count.value = rows
            code = self._raw("nvmlDeviceGetComputeRunningProcesses_v3", handle, ctypes.byref(count), table)
            if code != self._names.NVML_ERROR_INSUFFICIENT_SIZE:
                self._check(code, "listing the processes of the GPU")
                return self._rows(bytes(table), count.value)
        raise NvmlError("listing the processes of the GPU failed: their number keeps growing")

    def _rows(self, table: bytes, count: int) -> dict[int, int | None]:
        untouched = bytes([_UNWRITTEN]) * (8 * count)
        size = 24 if table[24 * count : 32 * count] == untouched else 32
        unknown = self._names.NVML_VALUE_NOT_AVAILABLE_ulonglong.value
        found: dict[int, int | None] = {}
        for row in range(count):
            pid, used = struct.unpack_from("=I4xQ", table, row * size)
            told = None if used in (0, unknown) else used
            found[pid] = (
                told if told is None else told + (found.get(pid) or 0)
            )  # a row an instance, under MIG
        return found

    def used_bytes(self, gpu: str) -> int:
        """Bytes in use on the GPU, by whoever uses it."""
        memory = self._names.c_nvmlMemory_t()
        self._call("reading the memory", "nvmlDeviceGetMemoryInfo", self._handle(gpu), ctypes.byref(memory))
        return int(memory.used)

    def driver(self) -> str:
        """Version of the driver."""
        text = ctypes.create_string_buffer(self._names.NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE)
        size = ctypes.c_uint(len(text))
        self._call("reading the driver's version", "nvmlSystemGetDriverVersion", text, size)
        return text.value.decode(errors="replace")

    def _handle(self, gpu: str) -> Any:
        return self._open(gpu)[0]

    def _whole(self, gpu: str) -> Any:
        """Clock, heat and energy are those of the GPU that a part (MIG) belongs to."""
        handle, part = self._open(gpu)
        if not part:
            return handle
        whole = self._names.c_nvmlDevice_t()
        name = "nvmlDeviceGetDeviceHandleFromMigDeviceHandle"
        self._call(f"finding the GPU of {gpu}", name, handle, ctypes.byref(whole))
        return whole

    def _open(self, gpu: str) -> tuple[Any, bool]:
        """(handle, whether it is a part of a GPU)"""
        if gpu in self._handles:
            return self._handles[gpu]
        names = [gpu] if gpu.startswith(("GPU-", "MIG-")) else [f"GPU-{gpu}", f"MIG-{gpu}"]
        for name in names:
            handle = self._names.c_nvmlDevice_t()
            code = self._raw(
                "nvmlDeviceGetHandleByUUID", ctypes.c_char_p(name.encode()), ctypes.byref(handle)
            )
            if code == self._names.NVML_SUCCESS:
                self._handles[gpu] = handle, name.startswith("MIG-")
                return self._handles[gpu]
            if code not in (self._names.NVML_ERROR_NOT_FOUND, self._names.NVML_ERROR_INVALID_ARGUMENT):
                break
        self._check(code, f"opening GPU {gpu}")
        raise AssertionError

    def _raw(self, name: str, *arguments: Any) -> int:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise _Lacks(f"this NVML lacks {name}: the driver is too old") from None
        return int(function(*arguments))

    def _call(self, doing: str, name: str, *arguments: Any) -> None:
        self._check(self._raw(name, *arguments), doing)

    def _check(self, code: int, doing: str) -> None:
        names = self._names
        if code == names.NVML_SUCCESS:
            return
        try:
            say = self._library.nvmlErrorString
            say.restype = ctypes.c_char_p
            text = (say(ctypes.c_int(code)) or b"no description").decode(errors="replace")
        except AttributeError:
            text = "no description"
        unusable = code in (names.NVML_ERROR_GPU_IS_LOST, names.NVML_ERROR_RESET_REQUIRED)
        raise NvmlError(f"{doing} failed: {text} ({code})", unusable=unusable)


class _Lacks(NvmlError):
    """An entry point is not there."""


def load() -> Nvml:
    """NVML, started; :meth:`Nvml.close` gives it back. ``LEHR_NVML`` may name another library.

    Raises:
        NvmlError: it is not there or cannot start.
    """
    return Nvml(os.environ.get("LEHR_NVML") or "libnvidia-ml.so.1")


class GpuMemory:
    """Megabytes (10^6 bytes) in use on one GPU, by whoever uses it: a memory reader for ``lehr.run(devices=...)``.

    ``ordinal`` counts as CUDA programs do, under ``CUDA_VISIBLE_DEVICES`` and its like as they are at the first
    reading; ``environment`` is set on top of our own. The driver itself is asked which GPU that is.
    """

    def __init__(self, ordinal: int = 0, environment: Mapping[str, str] | None = None) -> None:
        self._ordinal, self._environment = ordinal, environment
        self._library: Nvml | None = None
        self._uuid = ""

    def __call__(self) -> float:
        """Raises NvmlError where it cannot be told."""
        library = self._opened()
        return library.used_bytes(self._uuid) / 1e6

    def processes(self) -> set[int]:
        """Those that NVML lists on the GPU. Raises NvmlError where it cannot be told."""
        library = self._opened()
        return set(library.processes(self._uuid))

    def _opened(self) -> Nvml:
        if self._library is None:
            self._library = load()
        if not self._uuid:
            try:
                uuids = visible_uuids(self._environment)
            except DeviceError as error:
                raise NvmlError(str(error)) from None
            if self._ordinal >= len(uuids):
                raise NvmlError(f"CUDA shows {len(uuids)} GPU(s), and so no GPU {self._ordinal}")
            self._uuid = uuids[self._ordinal]
        return self._library


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
