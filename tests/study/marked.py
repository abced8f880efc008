"""Processes that carry a mark, so that a test can tell whether any is left."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

MARK = "LEHR_STUDY_TEST"


def marked_processes(mark: str) -> list[int]:
    """Living processes that carry the mark in their environment, this one excepted."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if (
                wanted in Path("/proc", name, "environ").read_bytes().split(b"\0")
                and int(name) != os.getpid()
            ):
                found.append(int(name))
    return found


def wait_until_gone(mark: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while left := marked_processes(mark):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)
