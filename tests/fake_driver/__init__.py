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
    source = Path(__file__).with_name("fake_driver.cpp")
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
    subprocess.run([*command, *flags, "-o", str(library), str(source)], check=True, timeout=300)
    return library


class FakeDriver:
    """The books of a fake driver that is loaded into this process."""

    def __init__(self, library: Path) -> None:
        self.path = str(library)
        self._library = ctypes.CDLL(self.path)
        self._library.fake_order.restype = ctypes.c_char_p
        for name in ("log", "core_log"):
            function = getattr(self._library, f"fake_{name}")
            function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
        for name in ("held", "allocations", "depth", "misuses", "calls"):
            getattr(self._library, f"fake_{name}").restype = ctypes.c_long

    def fail(self, call: str, nth: int, code: int, *, sticky: bool = False) -> None:
        """Let the nth call from now fail; sticky: and every call of anything after it."""
        self._library.fake_fail(call.encode(), ctypes.c_long(nth), code, int(sticky))

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
        """Calls that a driver may answer with a crash."""
        return int(self._library.fake_misuses())

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
