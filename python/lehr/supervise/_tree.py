"""Finding and killing every process of a trial.

The helper is a *subreaper*: when a process below it dies, its children are handed to the helper, however
they detached themselves (double fork, a session of their own). So the helper needs to kill only its direct
children, again and again, until the kernel says that it has none. A direct child keeps its pid until the
helper has reaped it, hence no kill of this loop can hit a stranger whose process got a recycled pid.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from lehr._proc import children, stat


def state_of(pid: int) -> str | None:
    """The kernel's letter for what a process does (Z: a zombie); None when it is gone."""
    fields = stat(pid)
    return fields[0].decode() if fields else None


def kill_quietly(pid: int) -> None:
    """SIGKILL; a process that is gone, or that is not ours to kill, is no error here."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def kill_group_quietly(group: int) -> None:
    """SIGKILL to a process group, as above."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class Reaper:
    """The helper's own view of one trial: reaps its processes and, on demand, leaves none of them."""

    def __init__(self, main: int, wakeup: int) -> None:
        self._main = main
        self._wakeup = wakeup  # readable after SIGCHLD
        self.status: int | None = None
        """The wait status of the trial's main process, once it has ended."""
        self.others = 0
        """How many further processes of the trial have been reaped."""

    def main_has_ended(self) -> bool:
        """Reap orphans that ended by themselves; True when the main process is dead (it stays unreaped)."""
        while True:
            # WNOWAIT: as long as the main process is not reaped, neither its pid nor its group can be reused.
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return False
            if found.si_pid == self._main:
                return True
            os.waitpid(found.si_pid, 0)
            self.others += 1

    def kill_all(self, limit_s: float) -> list[int]:
        """Kill and reap until no process is left. Returns the pids that would not die within ``limit_s``."""
        give_up = time.monotonic() + limit_s
        if self.status is None:
            kill_group_quietly(self._main)
        while True:
            remaining = children(os.getpid())
            for pid in remaining:
                kill_quietly(pid)
            progress = False
            try:
                while True:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                    if pid == 0:
                        break
                    progress = True
                    if pid == self._main:
                        self.status = status
                    else:
                        self.others += 1
            except ChildProcessError:
                return []  # the kernel's word that nothing is left
            if time.monotonic() > give_up:
                return remaining
            if not progress:
                select.select([self._wakeup], [], [], 0.005)
                drain(self._wakeup)


def drain(fd: int) -> None:
    """Empty a non-blocking descriptor."""
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, 512):
            pass
