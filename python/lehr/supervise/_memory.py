"""The memory of a trial's process tree, watched from outside.

What ``memory_limit_mb`` bounds: the resident anonymous and shared memory (RssAnon + RssShmem) of all
processes of the trial together, what its imports hold included; files mapped into memory (libraries, mapped
weights) do not count, for the kernel can drop them. Pages that processes of one tree share by fork count
once: when the cheap sum passes the limit with several processes alive, the proportional figures (Pss)
decide.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from lehr.supervise._linux import IS_LINUX
from lehr.supervise._tree import descendants_of

MB = 1_000_000

_FAST_S = 0.005
_SLOW_S = 0.05
_FASTEST_GROWTH = 16e9  # bytes a second: several threads touching fresh pages
_UNLIMITED_S = (0.02, 0.2)
_TREE_S = 0.02
_POINTS = 32


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment, in bytes."""

    anonymous: int
    peak: int  # VmHWM: resident, files included
    data: int  # VmData: what RLIMIT_DATA counts


def parse_status(text: bytes) -> Usage | None:
    """The figures of /proc/PID/status; None for a zombie, which has none."""
    values = {}
    for line in text.split(b"\n"):
        key, _, rest = line.partition(b":")
        if key in {b"RssAnon", b"RssShmem", b"VmHWM", b"VmData"}:
            values[key] = int(rest.split()[0]) * 1024
    if b"RssAnon" not in values:
        return None
    return Usage(values[b"RssAnon"] + values.get(b"RssShmem", 0), values[b"VmHWM"], values[b"VmData"])


def read_usage(pid: int | str) -> Usage | None:
    """The usage of a process now; None when it is gone or cannot be read."""
    if not IS_LINUX:
        return _read_usage_elsewhere(pid)
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return parse_status(file.read(8192))
    except OSError:
        return None


def _read_usage_elsewhere(pid: int | str) -> Usage | None:
    import psutil

    try:
        resident = psutil.Process(os.getpid() if pid == "self" else int(pid)).memory_info().rss
    except psutil.Error:
        return None
    return Usage(resident, resident, 0)


def read_proportional(pid: int) -> int:
    """Anonymous and shared memory, shared pages divided among their users. Costs milliseconds."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return 0
    return total


class Trajectory:
    """At most 32 points of a curve of unknown length: when full, every other point goes."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._spacing = 0.0

    def add(self, seconds: float, value: float) -> None:
        if self._points and seconds - self._points[-1][0] < self._spacing:
            return
        self._points.append((seconds, value))
        if len(self._points) > _POINTS:
            self._points = self._points[::2]
            self._spacing = max(self._spacing * 2, self._points[-1][0] / _POINTS)

    def points(self) -> list[list[float]]:
        return [[round(seconds, 4), round(value, 2)] for seconds, value in self._points]


class MemoryWatch:
    """Polls one trial's tree. ``due`` says when next: seldom far below the limit, every 5 ms near it."""

    def __init__(self, helper: int, main: int, limit_mb: float | None) -> None:
        self._helper = helper
        self._limit = None if limit_mb is None else limit_mb * MB
        self._main = main
        self._tree: list[int] = [main]
        self._tree_read = -1.0
        self._started = self.due = time.monotonic()
        self.trajectory = Trajectory()
        self.peak = 0.0
        self.over = 0.0
        """The bytes in use when the limit was found exceeded."""
        self.last: Usage | None = None
        """The last reading of the main process."""

    def poll(self, now: float) -> bool:
        """Read the tree; True when it is over the limit."""
        if now - self._tree_read >= _TREE_S:
            before = time.monotonic()
            self._tree = descendants_of(self._helper) or [self._main]
            cost = time.monotonic() - before
            self._tree_read = now + 20 * cost  # a large tree is walked less often
        total = 0
        for pid in self._tree:
            usage = read_usage(pid)
            if usage is not None:
                total += usage.anonymous
                if pid == self._main:
                    self.last = usage
                    self.peak = max(self.peak, usage.peak)
        over = self._limit is not None and total > self._limit
        if over and len(self._tree) > 1 and IS_LINUX:
            total = min(total, sum(map(read_proportional, self._tree)))
            over = self._limit is not None and total > self._limit
        self.peak = max(self.peak, total)
        if over:
            self.over = total
        self.trajectory.add(now - self._started, total / MB)
        spent = time.monotonic() - now
        self.due = now + max(self._interval(now, total), 10 * spent if len(self._tree) > 1 else 0.0)
        return over

    def _interval(self, now: float, total: float) -> float:
        if self._limit is None:
            shortest, longest = _UNLIMITED_S
            return min(max((now - self._started) / 20, shortest), longest)
        return min(max((self._limit - total) / _FASTEST_GROWTH, _FAST_S), _SLOW_S)
