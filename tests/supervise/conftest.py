"""Every test here ends with the question whether any process is left."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator

import pytest

from lehr.supervise import Supervisor

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


class MarkedSupervisor(Supervisor):
    """A supervisor whose processes carry a mark; checks after each trial that none is left."""

    def __init__(self, **options):
        self.mark = uuid.uuid4().hex
        environment = {**options.pop("environment", {}), MARK: self.mark}
        super().__init__(environment=environment, **options)

    def run(self, *args, **options):
        ending = super().run(*args, **options)
        idle_helpers = [helper for idle in self._idle.values() for helper in idle]
        for helper in idle_helpers:
            helper.is_ready(60)  # it may still be importing, and forks once for nothing at the end of that
        helpers = {helper.pid for helper in idle_helpers}
        left = {pid: name for pid, name in marked_processes(self.mark).items() if pid not in helpers}
        assert not left
        assert "reason" in ending.evidence or ending.outcome == "ok"
        assert ("signature" in ending.evidence) == (ending.outcome != "ok")
        return ending

    def close(self):
        super().close()
        assert not marked_processes(self.mark)


@pytest.fixture(scope="module")
def supervisor() -> Iterator[MarkedSupervisor]:
    """One supervisor for a whole file: a trial must not harm those after it."""
    with MarkedSupervisor() as supervisor:
        yield supervisor


@pytest.fixture
def new_supervisor() -> Iterator[type[MarkedSupervisor]]:
    """Makes supervisors that are closed, and checked, at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(MarkedSupervisor(**options))


def wait_until_gone(mark: str, limit_s: float) -> dict[int, str]:
    """The processes that are still there after ``limit_s``."""
    give_up = time.monotonic() + limit_s
    while (left := marked_processes(mark)) and time.monotonic() < give_up:
        time.sleep(0.02)
    return left
