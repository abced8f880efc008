"""The watchdog: a process between lehr and its helper that clears up when both are killed at once.

It starts nothing, imports nothing and knows no trial; it sleeps. Like the helper below it, it is a *subreaper*:
when the helper dies, however it dies, every process of its trials that had left its session or lost its parent becomes
a child of the watchdog, which kills children until the kernel says that it has none. Lehr's own death reaches it as a
signal (PR_SET_PDEATHSIG). So lehr and its helper may be killed in the same instant and nothing is left; a process
escapes only if it has detached itself *and* lehr, helper and watchdog are all killed before one of them can act,
which a PID namespace covers.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from typing import NoReturn

from lehr.supervise._linux import become_subreaper, die_with_parent
from lehr.supervise._tree import Reaper

KILL_LIMIT_S = 10.0
"""How long it tries to kill what is left."""

_HEARD = (signal.SIGCHLD, signal.SIGTERM)


def stand_guard(control: int) -> None:
    """Fork: returns in the child, which is the helper. The calling process watches over it and never returns.

    ``control``: the helper's socket, which only the helper may hold, so that its end is the helper's end.
    """
    if os.getpid() == 1:  # the first process of a namespace, with which the kernel ends everything inside
        return
    parent = os.getppid()
    become_subreaper()
    before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would be inherited and nobody could be reaped
    if not die_with_parent(parent, signal.SIGTERM):
        os._exit(0)
    me = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.setsid()
        if not die_with_parent(me, signal.SIGKILL):
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    try:
        os.close(control)
        os.chdir("/")  # the folder in which lehr was started may go
        _watch(helper)
    finally:
        os._exit(1)


def _watch(helper: int) -> NoReturn:
    quiet, _ = os.pipe()  # nobody writes there: the reaper looks by itself
    os.set_blocking(quiet, False)
    reaper = Reaper(helper, quiet)
    while signal.sigwait(_HEARD) != signal.SIGTERM:
        pid, status = os.waitpid(helper, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            continue
        if os.WIFSTOPPED(status):  # by one of its trials: it has deadlines to keep
            os.kill(helper, signal.SIGCONT)
            continue
        reaper.status = status
        break
    reaper.kill_all(KILL_LIMIT_S)
    _end_as(reaper.status)


def _end_as(status: int | None) -> NoReturn:
    """End as the helper did, so that whoever waits for us learns what happened to it."""
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the helper's core was enough
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
    os._exit(128 - code)
