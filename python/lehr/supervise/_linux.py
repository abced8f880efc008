"""The few Linux facilities that the standard library does not wrap, each honest about its absence."""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import os
import sys
from pathlib import Path

from lehr._proc import raise_oom_score

IS_LINUX = sys.platform.startswith("linux")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> bool:
    if not IS_LINUX:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    return int(libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero)) == 0


def become_subreaper() -> bool:
    """Orphaned descendants are handed to this process from now on, so that none can slip away."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent_pid: int, signal_number: int) -> bool:
    """Get ``signal_number`` when the parent *thread* that forked us ends; False when it is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    return os.getppid() == parent_pid  # it may have died between fork and prctl


@functools.cache
def _core_library() -> ctypes.CDLL | None:
    """lehr's native library, loaded but not imported as a module."""
    folder = Path(__file__).resolve().parents[1]
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"_core{suffix}"
        if path.exists():
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                return None
    return None


def load_last_words() -> None:
    """Load ahead of the children what ``say_last_words_to`` needs."""
    _core_library()


def say_last_words_to(fd: int) -> None:
    """Let C++ write the type of an exception that nobody caught there, before it aborts the process."""
    library = _core_library()
    if library is not None:
        library.lehr_say_last_words_to(fd)


def open_pidfd(pid: int) -> int | None:
    """A descriptor that names this very process, readable once it has ended; None where there is none."""
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        return int(opener(pid))
    except OSError:
        return None


def prefer_as_oom_victim() -> None:
    """When memory runs out machine-wide, the kernel shall take the trial, not the study that watches it."""
    raise_oom_score(500)
