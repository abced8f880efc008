"""The few Linux facilities that the standard library does not wrap, each honest about its absence."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

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


def outlive_parent_thread() -> None:
    """Take ``die_with_parent`` back."""
    _prctl(_PR_SET_PDEATHSIG, 0)


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
    try:
        path = Path("/proc/self/oom_score_adj")
        current = int(path.read_text())
        path.write_text(str(max(current, 500)))
    except (OSError, ValueError):
        pass


def kernel_oom_kills() -> int:
    """How many processes the kernel has killed for memory: a counter to compare before and after a trial.

    Sums the machine's own counter and those of this process's memory cgroup, as far as they can be read:
    each only grows.
    """
    return sum(_counter(path, key) for path, key in _oom_sources())


def _counter(path: str, key: str) -> int:
    try:
        with open(path) as lines:
            for line in lines:
                name, _, value = line.partition(" ")
                if name == key:
                    return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _oom_sources() -> list[tuple[str, str]]:
    sources = [("/proc/vmstat", "oom_kill")]
    try:
        entries = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return sources
    for entry in entries:
        _, controllers, path = entry.split(":", 2)
        if not controllers:
            sources.append((f"/sys/fs/cgroup{path.rstrip('/')}/memory.events", "oom_kill"))
        elif "memory" in controllers.split(","):
            sources.append((f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control", "oom_kill"))
    return sources
