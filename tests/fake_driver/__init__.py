"""Builds the fake driver library and talks to it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE = b"fake"


def build(folder: Path, *flags: str, name: str = "libfakecuda.so") -> Path:
    """Compile the library with the system's compiler; skips the test where there is none."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler to build the fake driver with")
    library = folder / name
    sources = [str(Path(__file__).with_name(f"{part}.cpp")) for part in ("context", "kernels", "streams")]
    command = [
        compiler,
        "-std=c++20",
        "-O1",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        "-I",
        str(ROOT / "cpp"),
    ]
    subprocess.run([*command, *flags, "-o", str(library), *sources], check=True, timeout=300)
    return library


def build_nvml(folder: Path, *flags: str) -> Path:
    """Compile the library that plays NVML."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler to build a fake NVML with")
    library = folder / "libfakenvml.so"
    source = str(Path(__file__).with_name("nvml.c"))
    subprocess.run(
        [compiler, "-shared", "-fPIC", *flags, "-o", str(library), source], check=True, timeout=300
    )
    return library


def uuid(gpu: int) -> str:
    """Of a GPU of the fake driver, by NVML's number."""
    return f"a{gpu}000000-0000-0000-0000-000000000000"


class FakeNvml:
    """What the fake NVML says, line by line (nvml.c)."""

    def __init__(self, library: Path, says: Path) -> None:
        self.path, self._says = library, says
        self.say()

    def say(self, *lines: str) -> None:
        """From now on; written as a whole, for readers in other processes."""
        draft = self._says.with_suffix(".new")
        draft.write_text("\n".join(lines) + "\n")
        draft.replace(self._says)


class Work(ctypes.Structure):
    """What ``FakeDriver.work`` puts on a stream: milliseconds of the GPU's time."""

    _fields_ = (("stream", ctypes.c_void_p), ("ms", ctypes.c_double))


class FakeDriver:
    """The books of a fake driver that is loaded into this process."""

    def __init__(self, library: Path) -> None:
        self.path = str(library)
        self.library = self._library = ctypes.CDLL(self.path)
        self._library.fake_order.restype = ctypes.c_char_p
        for name in ("log", "core_log"):
            function = getattr(self._library, f"fake_{name}")
            function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
        for name in ("work", "hang"):  # native callees
            function = getattr(self._library, f"fake_{name}")
            function.argtypes, function.restype = [ctypes.c_void_p], None
        counts = ("held", "allocations", "depth", "misuses", "blocked", "calls", "captures_broken")
        for name in (*counts, "most_in_flight"):
            getattr(self._library, f"fake_{name}").restype = ctypes.c_long
        self._misuses_before = int(self._library.fake_misuses())
        self.work, self.hang = self._library.fake_work, self._library.fake_hang

    def behave(
        self, *, lag: int = 0, hangs: bool = False, elsewhere: bool = True, real: bool = False
    ) -> None:
        """Streams and events: ``lag`` queries answer "not ready"; ``elsewhere``: another library uses the GPU's context
        too; ``real``: work takes wall time. Foreign streams are forgotten.
        """
        self._library.fake_behave(lag, int(hangs), int(elsewhere), int(real))
        self.fail_no_more()

    def stream(self, handle: int, device: int) -> None:
        """Let a stream of another library be of another device than the first."""
        self._library.fake_stream(ctypes.c_void_p(handle), device)

    @property
    def capturing(self) -> bool:
        return bool(self._library.fake_capturing())

    @property
    def most_in_flight(self) -> int:
        return int(self._library.fake_most_in_flight())

    @property
    def blocked(self) -> int:
        """Calls in which a driver would not have come back."""
        return int(self._library.fake_blocked())

    def fail(self, call: str, nth: int, code: int, *, sticky: bool = False) -> None:
        """Let the nth call from now fail; sticky: and every call of anything after it."""
        self._library.fake_fail(call.encode(), ctypes.c_long(nth), code, int(sticky))

    def capture_elsewhere(self, captures: bool) -> None:
        """Whether another thread captures a graph in the global mode, which unsafe calls of others break."""
        self._library.fake_capture_elsewhere(int(captures))

    @property
    def captures_broken(self) -> int:
        """Captures of other threads that a call broke."""
        return int(self._library.fake_captures_broken())

    def reset_device(self) -> None:
        """What cuDevicePrimaryCtxReset does to all that was in the context."""
        self._library.fake_reset_device()

    def fail_no_more(self) -> None:
        self.fail("", 0, 0)

    @property
    def held(self) -> int:
        """Contexts retained or pushed, modules and allocations."""
        return int(self._library.fake_held())

    @property
    def allocations(self) -> int:
        return int(self._library.fake_allocations())

    @property
    def depth(self) -> int:
        """Contexts that the calling thread has pushed."""
        return int(self._library.fake_depth())

    @property
    def misuses(self) -> int:
        """Calls, since this object was made, that a driver may answer with a crash."""
        return int(self._library.fake_misuses()) - self._misuses_before

    def logs(self, x: float) -> tuple[float, float]:
        """The kernel's logarithm of x, and the core's."""
        return self._library.fake_log(x), self._library.fake_core_log(x)

    def calls(self, name: str) -> int:
        return int(self._library.fake_calls(name.encode()))

    def record(self) -> list[str]:
        """Names of the calls since the last record."""
        calls: list[str] = self._library.fake_order().decode().split()
        self._library.fake_forget_order()
        return calls
