"""The helper: a small, long-lived process that forks trials and leaves nothing of them.

It imports what the trials of its kind need and does nothing else: no user code, no thread. It watches lehr's
process in two ways, the end of its socket and a pidfd (a fork of that process may hold the socket open), and its own
parent, the watchdog (``_watchdog``), by PR_SET_PDEATHSIG. In a PID namespace its parent is outside, and there is no
watchdog: the kernel does its work.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from lehr._proc import threads
from lehr.supervise import _child, _wire
from lehr.supervise._cuda import cuda_has_started
from lehr.supervise._linux import (
    become_subreaper,
    die_with_parent,
    load_last_words,
    open_pidfd,
    prefer_as_oom_victim,
)
from lehr.supervise._tree import Reaper, drain
from lehr.supervise._watchdog import KILL_LIMIT_S, stand_guard
from lehr.supervise._wire import BadFrame, Channel

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def interpreter_command(role: str, *args: int) -> list[str]:
    """The command line of a fresh interpreter of ours, with this one's flags."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if "-P" not in flags:
        flags.append("-P")
    boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_boot.py")
    return [sys.executable, *flags, boot, role, *map(str, args)]


def thread_count() -> int:
    """How many threads this process has; 1 where that cannot be read."""
    return len(threads() or [0])


def threads_left_after_fork() -> int:
    """Fork once for nothing, and count the threads that are still there.

    The rule by which forking is safe: a library that knows about fork (OpenBLAS does) stops its threads in
    a fork handler and starts them again when needed, so after a fork they are gone. A thread that is still
    there belongs to a library that does not, and a child forked beside it could find a lock that nobody
    will ever release.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own word on fork beside threads
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    give_up = time.monotonic() + 0.05
    while thread_count() > 1 and time.monotonic() < give_up:
        time.sleep(0.001)  # a joined thread stays listed for an instant
    return thread_count()


def threads_for_a_trial() -> int:
    """How many threads a trial that is forked now would begin with: 1 where forking is safe; 0 where it is not, since
    CUDA has been started here.
    """
    return 0 if cuda_has_started() else threads_left_after_fork()


class Helper:
    """The state of one helper process; ``serve`` is its whole life."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lehr: int | None = None  # a pidfd
        self._parent = os.getppid()
        self._reaper: Reaper | None = None
        self._abandon_s = KILL_LIMIT_S  # during a trial, lehr says how long
        self._wakeup, self._wakeup_write = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._wakeup_write, False)
        os.chdir("/")  # our parent's folder may go; each trial works where its caller does

    def serve(self) -> NoReturn:
        """Do what the parent says until it says no more; then kill the running trial and leave."""
        try:
            self._prepare()
            while self._wait():
                pass
        except (OSError, BadFrame):
            pass
        finally:
            if self._reaper is not None:
                self._reaper.kill_all(KILL_LIMIT_S)
            os._exit(0)

    def _prepare(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: None)  # seen through the wakeup descriptor
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        become_subreaper()
        load_last_words()

    def _wait(self) -> bool:
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        if self._lehr is not None:
            poll.register(self._lehr, select.POLLIN)
        ready = {fd for fd, _ in poll.poll()}
        if self._wakeup in ready:
            if signal.SIGTERM in os.read(self._wakeup, 512):
                return False
            drain(self._wakeup)
            if self._reaper is not None and self._reaper.main_has_ended():
                self._finish()
        if self._lehr in ready or os.getppid() != self._parent:
            return False  # seen even when a fork of lehr's process holds the socket open: no end of file then
        if self._channel.fileno() in ready:
            messages = self._channel.receive()
            if messages is None:
                return False
            for message, descriptors in messages:
                if not self._obey(message, descriptors):
                    return False
        return True

    def _obey(self, message: dict[str, Any], descriptors: list[int]) -> bool:
        match message["do"]:
            case "setup":
                self._set_up(message)
            case "run":
                self._abandon_s = float(message["abandon_s"])
                self._start(message, descriptors)
            case "kill":
                if self._reaper is not None:
                    self._finish()
            case "warm":
                _child.set_path(message["sys_path"])
                self._import(message["modules"])
                self._channel.send(_wire.answer(b"r", threads_for_a_trial()))
            case "leave":
                return False
        return True

    def _set_up(self, message: dict[str, Any]) -> None:
        self._lehr = open_pidfd(message["lehr"]) if message["lehr"] else None
        # While it imports, the helper looks at nothing: it dies of its parent's death.
        _child.set_path(message["sys_path"])
        sys.argv = list(message["argv"])
        self._import(message["preload"])
        # From here on an orderly end is possible: the handler of SIGTERM kills the trial's tree.
        if not die_with_parent(self._parent, signal.SIGTERM):
            os._exit(0)
        self._channel.send(_wire.answer(b"r", threads_for_a_trial() if message["preload"] else 1))

    def _import(self, modules: Sequence[str]) -> None:
        """Import ahead of the children. What fails here fails again in the child, which reports it."""
        for name in modules:
            if name not in sys.modules:
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
        gc.collect()
        gc.freeze()  # the children's collectors shall not touch, and so copy, the pages that all share

    def _finish(self) -> None:
        reaper, self._reaper = self._reaper, None
        assert reaper is not None
        left = reaper.kill_all(self._abandon_s)
        status = reaper.status
        self._channel.send(_wire.answer(b"e", -1 if status is None else status, reaper.others, *left))

    def _start(self, message: dict[str, Any], descriptors: list[int]) -> None:
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in descriptors:
                os.close(fd)
            self._channel.send(_wire.answer(b"f", text=f"fork: {error.strerror}".encode()))
            return
        if pid == 0:
            try:
                self._become_trial(me, message["exec"], descriptors)
            finally:
                os._exit(127)
        self._reaper = Reaper(pid, self._wakeup)
        for fd in descriptors:
            os.close(fd)
        pidfd = open_pidfd(pid)  # opened here, where the pid cannot have been reused yet
        if pidfd is None:
            self._channel.send(_wire.answer(b"p", pid))
        else:
            self._channel.send(_wire.answer(b"P", pid), [pidfd])
            os.close(pidfd)

    def _become_trial(self, helper: int, fresh: bool, descriptors: list[int]) -> NoReturn:
        channel, payload, cwd, fault, out, err, *cgroup = descriptors
        os.setsid()
        if not die_with_parent(helper, signal.SIGKILL):
            os._exit(127)
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if not fresh:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        self._channel.close()
        for fd in (null, out, err, self._wakeup, self._wakeup_write, self._lehr):
            if fd is not None and fd > 2:
                os.close(fd)
        prefer_as_oom_victim()
        for fd in cgroup:
            os.write(fd, b"0")  # in it from here on, with everything that is started below
            os.close(fd)
        if fresh:
            for fd in (channel, payload, cwd, fault):
                os.set_inheritable(fd, True)
            command = interpreter_command("trial", channel, payload, cwd, fault)
            os.execv(command[0], command)
        _child.run_trial(channel, payload, cwd, fault)


def main(control: int) -> NoReturn:
    """Entry of the helper's interpreter."""
    stand_guard(control)
    sock = socket.socket(fileno=control)
    os.set_inheritable(control, False)
    Helper(Channel(sock)).serve()
