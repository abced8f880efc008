"""Finding the processes of a test: each carries a mark in its environment."""

from __future__ import annotations

import contextlib
import os
import time

from lehr._proc import children

MARK = "LEHR_TEST_MARK"


def marked_processes(mark: str) -> dict[int, str]:
    """Living processes, by pid, that carry the mark in their environment. Zombies have none."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as file:
                environment = file.read().split(b"\0")
            if wanted in environment:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found[int(name)] = file.read().replace(b"\0", b" ").decode()
    return found


def wait_until_gone(mark: str, limit_s: float) -> dict[int, str]:
    """The processes that are still there after ``limit_s``."""
    give_up = time.monotonic() + limit_s
    while (left := marked_processes(mark)) and time.monotonic() < give_up:
        time.sleep(0.02)
    return left


def wait_for_pid(path, limit_s: float = 120.0) -> int:
    """The number that a process writes there, followed by a full stop."""
    give_up = time.monotonic() + limit_s
    while not (path.exists() and path.read_text().endswith(".")):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return int(path.read_text()[:-1])


def is_gone(pid: int, limit_s: float = 60.0) -> bool:
    """Whether a process is dead (a zombie counts) within the limit."""
    give_up = time.monotonic() + limit_s
    while time.monotonic() < give_up:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] == b"Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def idle_helpers(supervisor) -> list:
    """The helpers that wait for a trial."""
    return [helper for idle in supervisor._idle.values() for helper in idle]


def parent_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def helper_below(watchdog: int) -> int:
    """The helper's own process: the one child of its watchdog."""
    (helper,) = children(watchdog)
    return helper


def processes_of(helper) -> set[int]:
    """A waiting helper and its watchdog."""
    return {helper.pid, *children(helper.pid)}
