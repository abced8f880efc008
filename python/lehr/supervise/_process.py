"""The parent's handle of one helper process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lehr.errors import IsolationError
from lehr.supervise._helper import interpreter_command
from lehr.supervise._linux import IS_LINUX
from lehr.supervise._tail import TAIL_BYTES
from lehr.supervise._tree import descendants_of, kill_quietly
from lehr.supervise._wire import BadFrame, Channel

MARKER = "LEHR_HELPER"
"""Environment variable that all processes of a helper inherit: how to find them when it is dead."""

_QUIET_IMPORTS = {"ORT_DISABLE_TELEMETRY": "1"}
"""Defaults for trials: onnxruntime else starts a telemetry thread when imported, which makes fork unsafe."""

_LEAVE_S = 1.0


def absolute_path() -> list[str]:
    """This process's import path, with what is relative (the empty entry of ``python -c``) made absolute."""
    entries = [entry for entry in sys.path if isinstance(entry, str)]
    try:
        return [os.path.join(os.getcwd(), entry) if entry else os.getcwd() for entry in entries]
    except FileNotFoundError:  # the working directory is gone, and nothing can be imported from it
        return [entry for entry in entries if os.path.isabs(entry)]


def _above_standard_streams(sock: socket.socket) -> socket.socket:
    """The same socket above descriptor 2: a program that closed its stdout would print into it."""
    if sock.fileno() > 2:
        return sock
    with sock:
        return socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


class HelperGone(Exception):
    """The helper cannot be talked to any more."""


class HelperProcess:
    """Starts a helper and waits until it has imported ``preload``. Owns its process and its socket."""

    def __init__(self, preload: Sequence[str], environment: Mapping[str, str], start_limit_s: float) -> None:
        self.owner = os.getpid()
        self._marker = f"{os.getpid()}-{os.urandom(8).hex()}"
        if not sys.executable:
            raise IsolationError(
                "sys.executable is empty: lehr needs a Python interpreter to start trials with"
            )
        ours, theirs = map(_above_standard_streams, socket.socketpair())
        ours.settimeout(_LEAVE_S * 10)
        self.channel = Channel(ours)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the helper
        try:
            self.process = subprocess.Popen(
                interpreter_command("helper", theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={**_QUIET_IMPORTS, **os.environ, **environment, MARKER: self._marker},
                pass_fds=[theirs.fileno()],
                cwd="/",  # ours may be gone; each trial goes to where its caller is
                start_new_session=True,
            )
        except OSError as error:
            self.channel.close()
            self._log.close()
            raise IsolationError(f"cannot start {sys.executable}: {error.strerror}") from error
        finally:
            theirs.close()
        self.pid = self.process.pid
        self.threads = 1
        self._warming = False
        try:
            self._set_up(preload, start_limit_s)
        except BaseException:
            self.stop()
            raise

    def _set_up(self, preload: Sequence[str], limit_s: float) -> None:
        setup = {"do": "setup", "parent": os.getpid(), "preload": list(preload)}
        self.send({**setup, "sys_path": absolute_path(), "argv": list(getattr(sys, "argv", [""]))})
        self._await("ready", limit_s)

    def _await(self, kind: str, limit_s: float) -> None:
        give_up = time.monotonic() + limit_s
        while True:
            if not select.select([self.channel], [], [], max(give_up - time.monotonic(), 0))[0]:
                raise HelperGone(f"its imports took more than {limit_s:g} s")
            for message, _ in self.receive():
                if message["is"] == kind:
                    self.threads = message["threads"]
                    return

    def warm(self, modules: Sequence[str]) -> None:
        """Let the helper import, while nobody waits, what its last trial had to import itself."""
        self.send({"do": "warm", "modules": list(modules), "sys_path": absolute_path()})
        self._warming = True

    def is_ready(self, limit_s: float) -> bool:
        """Wait for the end of the warming; False when it failed, or left a thread that fork would break."""
        if self._warming:
            try:
                self._await("warmed", limit_s)
            except HelperGone:
                return False
            self._warming = False
        return self.threads == 1 and self.process.poll() is None

    def resume(self) -> None:
        """Wake the helper up if somebody stopped it."""
        self.process.send_signal(signal.SIGCONT)

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a command. Raises HelperGone."""
        try:
            self.channel.send(message, descriptors)
        except OSError as error:
            raise HelperGone(self.post_mortem()) from error

    def receive(self) -> list[tuple[dict[str, Any], list[int]]]:
        """The messages that one read brings. Raises HelperGone."""
        try:
            messages = self.channel.receive()
        except (OSError, BadFrame) as error:
            raise HelperGone(f"{type(error).__name__}: {error}") from error
        if messages is None:
            raise HelperGone(self.post_mortem())
        return messages

    def post_mortem(self) -> str:
        """How the helper died, with the last line it left."""
        try:
            code = self.process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            return "closed its socket"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(max(self._log.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
            lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
            if lines:
                return f"exit code {code}, {lines[-1]}"
        return f"exit code {code}"

    def kill_by_force(self) -> None:
        """The helper is dead or does not answer: kill it and everything that it has started, from here."""
        below = descendants_of(self.pid) if self.process.poll() is None else []
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_LEAVE_S)
        for pid in below:
            kill_quietly(pid)
        give_up = time.monotonic() + _LEAVE_S
        while victims := self._marked():
            for pid in victims:
                kill_quietly(pid)
            if time.monotonic() > give_up:
                return
            time.sleep(0.002)

    def _marked(self) -> list[int]:
        """Living processes that carry our marker, whoever their parent is now."""
        found: list[int] = []
        if not IS_LINUX:
            return found
        wanted = f"{MARKER}={self._marker}".encode()
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        found.append(int(name))
        return found

    def stop(self) -> None:
        """End the helper and whatever it runs: closing the socket is the order, force comes after."""
        if self.owner != os.getpid():  # a fork of the process that started it: not ours to end
            self.process.returncode = 0
            self._close()
            return
        self._close()
        try:
            orderly = self.process.wait(_LEAVE_S) == 0
        except subprocess.TimeoutExpired:
            orderly = False
        if not orderly:
            self.kill_by_force()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self.channel.close()
        with contextlib.suppress(OSError):
            self._log.close()
