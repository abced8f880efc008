"""The parent's side of one trial: waits without spinning, enforces the limits, collects the evidence."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import tempfile
import time
from typing import Any, Literal

from lehr.errors import IsolationError
from lehr.supervise import _wire
from lehr.supervise._child import write_payload
from lehr.supervise._ending import Facts, KillCause, end
from lehr.supervise._helper import KILL_LIMIT_S
from lehr.supervise._linux import kernel_oom_kills
from lehr.supervise._memory import MB, MemoryWatch
from lehr.supervise._process import HelperGone, HelperProcess
from lehr.supervise._tail import TAIL_BYTES, Tail
from lehr.supervise.trial import Ending

LINGER_S = 2.0
"""How long a process may go on after its result has arrived (its atexit handlers) before it is killed."""

_HELPER_SILENT_S = KILL_LIMIT_S + 2.0
_READ_BYTES = 256 * 1024


class TrialRun:
    """One trial on one helper. ``run`` returns its ending; ``modules`` is then what it had to import."""

    def __init__(
        self,
        helper: HelperProcess,
        isolation: Literal["fork", "spawn"],
        timeout_s: float | None,
        memory_limit_mb: float | None,
        start_limit_s: float,
    ) -> None:
        self._helper = helper
        self._isolation = isolation
        self._timeout_s = timeout_s
        self._memory_limit_mb = memory_limit_mb
        self._start_limit_s = start_limit_s
        self._facts = Facts(timeout_s=timeout_s, memory_limit_mb=memory_limit_mb, start_limit_s=start_limit_s)
        self._reader = _wire.FrameReader()
        self._selector: selectors.BaseSelector | None = None
        self._watch: MemoryWatch | None = None
        self._pidfd: int | None = None
        self._fault = -1
        self._ended = False
        self._sent_at = self._begun_at = self._over_at = self._killed_at = 0.0
        self.modules: list[str] = []
        self.helper_is_good = False
        """Whether the helper may serve another trial."""

    def run(self, spec: dict[str, Any], pickled: bytes) -> Ending:
        """Start, wait, kill what is left, classify."""
        oom_kills = kernel_oom_kills()
        with contextlib.ExitStack() as stack:
            try:
                channel, out, err = self._start(stack, spec, pickled)
            except OSError as error:
                raise IsolationError(
                    f"cannot prepare the trial's pipes and payload: {error.strerror}"
                ) from error
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._selector.register(channel, selectors.EVENT_READ, self._read_channel)
            self._selector.register(out.fd, selectors.EVENT_READ, out)
            self._selector.register(err.fd, selectors.EVENT_READ, err)
            self._selector.register(self._helper.channel, selectors.EVENT_READ, self._read_helper)
            stack.callback(self._close_pidfd)
            try:
                while not self._ended:
                    self._step()
            except HelperGone as gone:
                self._facts.helper_died = str(gone)
                self._kill_without_helper()
                self._read_channel(channel)
                if not self._facts.begun and self._facts.record is None:
                    raise  # the evaluation has not run: the caller can try another helper
            # Every writer is dead now: what is in the pipes is all there will be.
            self._read_channel(channel)
            out.read_rest()
            err.read_rest()
            self._add_evidence(out, err)
        facts = self._facts
        facts.kernel_oom_kills = kernel_oom_kills() - oom_kills
        self.helper_is_good = facts.helper_died is None and not facts.left
        return end(facts)

    def _start(
        self, stack: contextlib.ExitStack, spec: dict[str, Any], pickled: bytes
    ) -> tuple[int, Tail, Tail]:
        ends = []
        given = []
        for _ in range(3):
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            os.set_blocking(reading, False)
            ends.append(reading)
            given.append(writing)
        with contextlib.ExitStack() as sent:
            for writing in given:
                sent.callback(os.close, writing)
            payload = _anonymous_file()
            sent.callback(os.close, payload)
            write_payload(payload, spec, pickled)
            here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
            sent.callback(os.close, here)
            self._fault = _anonymous_file()
            stack.callback(os.close, self._fault)
            channel, out, err = given
            self._sent_at = time.monotonic()
            command = {"do": "run", "exec": self._isolation == "spawn"}
            self._helper.send(command, [channel, payload, here, self._fault, out, err])
        return ends[0], Tail(ends[1]), Tail(ends[2])

    def _step(self) -> None:
        """Wait for the next event or the next moment at which something is due, and handle it."""
        assert self._selector is not None
        now = time.monotonic()
        wait = max(self._next_moment() - now, 0.0)
        for key, _ in self._selector.select(min(wait, 3600.0)):
            if isinstance(key.data, Tail):
                if not key.data.read_once():
                    self._selector.unregister(key.fd)
            elif not key.data(key.fd):
                self._selector.unregister(key.fd)
        if not self._ended:
            self._check(time.monotonic())

    def _next_moment(self) -> float:
        if self._facts.killed is not None:
            return self._killed_at + _HELPER_SILENT_S
        moments = []
        if self._over_at:
            return self._over_at + LINGER_S
        if not self._facts.begun:
            moments.append(self._sent_at + self._start_limit_s)
        elif self._timeout_s is not None:
            moments.append(self._begun_at + self._timeout_s)
        if self._watch is not None:
            moments.append(self._watch.due)
        return min(moments, default=math.inf)

    def _check(self, now: float) -> None:
        if self._facts.killed is not None:
            if now >= self._killed_at + _HELPER_SILENT_S:
                raise HelperGone("it did not answer")
            return
        if self._over_at:
            if now >= self._over_at + LINGER_S:
                self._kill("lingered")
            return
        if self._facts.bad_channel is not None:
            self._kill("channel")
        elif not self._facts.begun and now >= self._sent_at + self._start_limit_s:
            self._kill("start")
        elif self._facts.begun and self._timeout_s is not None and now >= self._begun_at + self._timeout_s:
            self._kill("timeout")
        elif self._watch is not None and now >= self._watch.due and self._watch.poll(now):
            self._facts.memory_at_kill_mb = self._watch.over / MB
            self._kill("memory")

    def _kill(self, cause: KillCause) -> None:
        self._facts.killed = cause
        self._killed_at = time.monotonic()
        self._kill_main()
        self._helper.resume()  # a trial may have stopped it, by mistake or not
        self._helper.send({"do": "kill"})

    def _read_channel(self, fd: int) -> bool:
        while True:
            try:
                data = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            if self._facts.bad_channel is not None:
                continue
            try:
                for message in self._reader.feed(data):
                    self._take(message)
            except (_wire.BadFrame, KeyError, TypeError, ValueError) as error:
                self._facts.bad_channel = f"it is not a record of ours, {error}"

    def _take(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        # The child's own clock readings, for the monotonic clock is the machine's; within what can be true.
        at = min(max(float(message["at"]), self._sent_at), now)
        if message["is"] == "begun" and not self._facts.begun:
            self._facts.begun = True
            self._facts.data_limit = message["data_limit"]
            self._begun_at = at
            self.modules = list(message["modules"])
        elif self._facts.record is None:
            if message["is"] not in {"returned", "stopped", "raised", "refused"}:
                raise _wire.BadFrame(f"unknown kind {message['is']!r:.40}")
            self._facts.record = message
            self._over_at = at

    def _read_helper(self, _fd: int) -> bool:
        for message, descriptors in self._helper.receive():
            match message["is"]:
                case "forked":
                    self._pidfd = descriptors[0] if descriptors else None
                    self._watch = MemoryWatch(self._helper.pid, message["pid"], self._memory_limit_mb)
                case "ended":
                    self._facts.status = message["status"]
                    self._facts.left = message["left"]
                    self._facts.others_killed = message["others"]
                    self._ended = True
                    if not self._over_at:
                        self._over_at = self._killed_at or time.monotonic()
                case "failed":
                    raise IsolationError(f"no process for the trial: {message['why']}")
        return True

    def _kill_without_helper(self) -> None:
        if not self._over_at:
            self._over_at = self._killed_at or time.monotonic()
        self._kill_main()
        self._helper.kill_by_force()

    def _kill_main(self) -> None:
        if self._pidfd is not None and hasattr(signal, "pidfd_send_signal"):
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _close_pidfd(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _add_evidence(self, out: Tail, err: Tail) -> None:
        facts = self._facts
        facts.seconds = max(self._over_at - (self._begun_at or self._sent_at), 0.0)
        evidence: dict[str, Any] = {"isolation": self._isolation}
        for key, tail in (("stderr_tail", err), ("stdout_tail", out)):
            if tail.total_bytes:
                evidence[key] = tail.text()
        peak = float(facts.record.get("peak", 0)) if facts.record else 0.0
        if self._watch is not None:
            peak = max(peak, self._watch.peak)
            if self._watch.last is not None:
                facts.data = self._watch.last.data
            if points := self._watch.trajectory.points():
                evidence["memory_mb"] = points
        if peak:
            evidence["peak_memory_mb"] = round(peak / MB, 2)
        facts.fault = os.pread(self._fault, TAIL_BYTES, 0).decode("utf-8", "replace")
        facts.evidence = evidence


def _anonymous_file() -> int:
    """A file without a name that lives as long as somebody holds it: in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lehr-trial")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
