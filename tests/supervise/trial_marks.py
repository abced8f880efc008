"""Finding the processes of a test: each carries a mark in its environment."""

from __future__ import annotations

import contextlib
import os
import time

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


def idle_helpers(supervisor) -> list:
    """The helpers that wait for a trial."""
    return [helper for idle in supervisor._idle.values() for helper in idle]
