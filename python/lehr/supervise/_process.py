"""The parent's handle of one helper process, which the native supervisor starts, watches and ends."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Protocol

from lehr import _core
from lehr.errors import IsolationError
from lehr.supervise._helper import interpreter_command

MARKER = "LEHR_HELPER"
"""Environment variable that all processes of a helper inherit: how to find them when it is dead."""

_QUIET_IMPORTS = {"ORT_DISABLE_TELEMETRY": "1", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""Defaults for trials, so that a helper that imports can still fork: onnxruntime else starts a telemetry thread when
imported, and ``torch.cuda.is_available()``, which many modules ask at import, starts CUDA."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
_CONTROL = 3  # where a helper finds its socket


class Pending(Protocol):
    """An answer of the native supervisor: readable when it is there."""

    def fileno(self) -> int: ...

    @property
    def given(self) -> bool: ...


def wait_for(answer: Pending) -> None:
    """Sleep until the answer is there; signals are handled meanwhile."""
    poll = select.poll()
    poll.register(answer.fileno(), select.POLLIN)
    while not answer.given:
        poll.poll()


def thread_settings(threads: int | None) -> dict[str, str]:
    """What tells numeric libraries how many threads to use; they read it when they are imported."""
    return {} if threads is None else dict.fromkeys(_THREAD_VARIABLES, str(threads))


def namespace_command() -> list[str]:
    """What starts a program as the first process of a PID namespace, with which everything inside dies; System V
    segments too, and files in /dev/shm where it may be mounted anew (as root)."""
    unshare = shutil.which("unshare")
    if unshare is None:
        raise IsolationError("namespace=True needs unshare(1), which util-linux brings")
    root = os.geteuid() == 0
    user = [] if root else ["--user", "--map-current-user"]
    own_files = ["sh", "-c", 'mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm 2>/dev/null; exec "$@"', "sh"]
    command = [unshare, *user, "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "--"]
    return [*command, *own_files] if root else command


def absolute_path() -> list[str]:
    """This process's import path, with what is relative (the empty entry of ``python -c``) made absolute."""
    entries = [entry for entry in sys.path if isinstance(entry, str)]
    try:
        return [os.path.join(os.getcwd(), entry) if entry else os.getcwd() for entry in entries]
    except FileNotFoundError:  # the working directory is gone, and nothing can be imported from it
        return [entry for entry in entries if os.path.isabs(entry)]


def describe_death(death: _core.HelperDeath) -> str:
    """How a helper ended, in words."""
    if death.how != "exited":
        return death.how
    if death.status < 0:
        return "its exit status was taken by somebody else"
    code = os.waitstatus_to_exitcode(death.status)
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    line = death.last_line.decode("utf-8", "replace").strip()
    return f"exit code {code}, {line}" if line else f"exit code {code}"


def _as_bytes(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """An environment as the system has it, which need not be text."""
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


class HelperGone(Exception):
    """The helper cannot be used any more. ``killed``: a signal ended it, which need not happen again."""

    def __init__(self, words: str, *, killed: bool = False) -> None:
        super().__init__(words)
        self.killed = killed


class HelperProcess:
    """Starts a helper and waits until it has imported ``preload``."""

    def __init__(
        self,
        supervisor: _core.NativeSupervisor,
        preload: Sequence[str],
        environment: Mapping[str, str],
        start_limit_s: float,
        *,
        namespace: bool = False,
    ) -> None:
        if not sys.executable:
            raise IsolationError(
                "sys.executable is empty: lehr needs a Python interpreter to start trials with"
            )
        marker = f"{MARKER}={os.getpid()}-{os.urandom(8).hex()}"
        variables = {**_as_bytes(_QUIET_IMPORTS), **os.environb, **_as_bytes(environment)}
        variables.pop(os.fsencode(MARKER), None)
        # Seen from a namespace of its own, we are outside and have no number.
        lehr = 0 if namespace else os.getpid()
        setup = {"do": "setup", "lehr": lehr, "preload": list(preload)}
        setup |= {"sys_path": absolute_path(), "argv": list(getattr(sys, "argv", [""]))}
        self._supervisor = supervisor
        self._warming: _core.HelperAnswer | None = None
        self.threads = 1
        with tempfile.TemporaryFile() as log:
            self.native, news = supervisor.start(
                arguments=[
                    *(namespace_command() if namespace else ()),
                    *interpreter_command("helper", _CONTROL),
                ],
                environment=[*(b"%b=%b" % entry for entry in variables.items()), os.fsencode(marker)],
                marker=marker,
                setup=json.dumps(setup),
                log=log.fileno(),
                start_limit_s=start_limit_s,
            )
        try:
            self._take(news)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process that was started: the helper's watchdog, or unshare(1); the helper is its one child."""
        return self.native.pid

    @property
    def alive(self) -> bool:
        """Whether its process was there when last looked at, which is at once when it ends."""
        return self.native.alive

    def _take(self, answer: _core.HelperAnswer) -> None:
        wait_for(answer)
        news = answer.value()
        if news.death.how.startswith("not started: "):
            raise IsolationError(news.death.how.removeprefix("not started: "))
        if news.death.how:
            status = news.death.status
            killed = news.death.how == "exited" and status >= 0 and os.WIFSIGNALED(status)
            raise HelperGone(describe_death(news.death), killed=killed)
        self.threads = news.threads

    def warm(self, modules: Sequence[str]) -> None:
        """Let the helper import, while nobody waits, what its last trial had to import itself."""
        command = {"do": "warm", "modules": list(modules), "sys_path": absolute_path()}
        self._warming = self._supervisor.warm(self.native, json.dumps(command))

    def is_ready(self) -> bool:
        """Wait for the end of the warming; False when it failed, or left a thread that fork would break."""
        warming, self._warming = self._warming, None
        if warming is not None:
            try:
                self._take(warming)
            except HelperGone:
                return False
        return self.threads == 1 and self.alive

    def stop(self) -> None:
        """End the helper and whatever it runs; waits until nothing of it is left."""
        try:
            gone = self._supervisor.stop(self.native)
        except IsolationError:  # no descriptor is left to wait with
            self._supervisor.drop(self.native)
            return
        wait_for(gone)
