"""The supervisor: hands each trial to a helper of the right kind, and says how it ended."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from lehr.errors import IsolationError, OptionError
from lehr.supervise._linux import IS_LINUX
from lehr.supervise._pickling import pickle_call
from lehr.supervise._process import HelperGone, HelperProcess, absolute_path
from lehr.supervise._run import TrialRun
from lehr.supervise.trial import Ending, TrialContext

START_LIMIT_S = 120.0
"""How long a trial's process may take to start and to import, before its own deadline begins to count."""

_Key = (
    tuple[str, ...] | None
)  # the preloaded modules; None for the helpers that only start fresh interpreters


class Supervisor:
    """Runs functions as trials in processes of their own. Use it as a context manager, or call ``close``.

    ``isolation``: ``auto`` and ``fork`` fork each trial from a helper process that has imported ``preload``
    and, after the first trial, what the function needed; a helper that has threads which fork would break
    is replaced by a fresh interpreter per trial, and the evidence says so. ``spawn`` always takes a fresh
    interpreter. On systems other than Linux ``auto`` means ``spawn``, and detached grandchildren are found
    on a best-effort basis only.

    ``environment``: variables set for the helpers and all trials, on top of this process's own as they are
    when a helper starts.

    Forked trials of one helper start from the same state of any generator; those of ``random`` and
    ``numpy.random`` are reseeded in each trial, as in a new interpreter. A trial that must be reproducible
    seeds itself.

    One supervisor may be used from several threads: each running trial has a helper to itself.
    """

    def __init__(
        self,
        *,
        isolation: Literal["auto", "fork", "spawn"] = "auto",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if isolation not in {"auto", "fork", "spawn"}:
            raise OptionError(f"isolation is {isolation!r}; choose 'auto', 'fork' or 'spawn'")
        if isolation == "fork" and not IS_LINUX:
            raise OptionError("isolation 'fork' is safe on Linux only; choose 'auto' or 'spawn'")
        self._isolation: Literal["fork", "spawn"] = "fork" if isolation != "spawn" and IS_LINUX else "spawn"
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._idle: dict[_Key, list[HelperProcess]] = {}
        self._spawn_why: dict[tuple[str, ...], str] = {}
        self._no_warming: set[tuple[str, ...]] = set()
        self._owner = os.getpid()
        self._closed = False
        self._start_limit_s = START_LIMIT_S

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        preload: Sequence[str] = (),
        timeout_s: float | None = None,
        memory_limit_mb: float | None = None,
        context: TrialContext | None = None,
    ) -> Ending:
        """Call ``function(*args)`` in a process of its own, and wait for its end.

        ``preload``: modules that the helper imports once, ahead of all trials with the same tuple.
        ``timeout_s``: seconds (> 0) from the start of the evaluation, when function and imports are loaded,
        to the kill of its whole process tree. Loading has a limit of its own, 120 s.
        ``memory_limit_mb``: megabytes of 10^6 bytes (> 0) of resident anonymous and shared memory in the
        whole tree, imports included; watched every 5 to 50 ms, with RLIMIT_DATA as a backstop inside the
        trial.
        ``context``: what ``lehr.current_trial()`` returns inside.

        A trial that fails is an Ending, never an exception. Raises UnpicklableError when the call cannot be
        sent, OptionError for a limit out of range, IsolationError when this machine cannot start a process.
        """
        for name, value in (("timeout_s", timeout_s), ("memory_limit_mb", memory_limit_mb)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise OptionError(f"{name} is {value!r}; it must be a finite number above 0, or None")
        if isinstance(preload, str):
            raise OptionError(f"preload is the string {preload!r}; give a list of module names")
        if self._closed:
            raise OptionError("this supervisor is closed; create another one")
        pickled = pickle_call(function, args)
        key = tuple(preload)
        spec = {
            "preload": list(key),
            "memory_limit_mb": memory_limit_mb,
            "context": None if context is None else context.to_json(),
            "sys_path": absolute_path(),
            "argv": list(getattr(sys, "argv", [""])),
        }
        ending, isolation = self._run(key, spec, pickled, timeout_s, memory_limit_mb)
        if isolation == "spawn" and key in self._spawn_why:
            ending.evidence["isolation_note"] = self._spawn_why[key]
        return ending

    def _run(
        self,
        key: tuple[str, ...],
        spec: dict[str, Any],
        pickled: bytes,
        timeout_s: float | None,
        memory_limit_mb: float | None,
    ) -> tuple[Ending, Literal["fork", "spawn"]]:
        for _ in range(3):
            helper, isolation = self._take(key)
            trial = TrialRun(helper, isolation, timeout_s, memory_limit_mb, self._start_limit_s)
            try:
                ending = trial.run(spec, pickled)
            except HelperGone:  # it died before this trial began
                helper.stop()
                continue
            except (
                BaseException
            ):  # KeyboardInterrupt above all: the helper kills the tree when its socket closes
                helper.stop()
                raise
            self._give_back(key if isolation == "fork" else None, helper, trial)
            return ending, isolation
        raise IsolationError(
            "lehr's helper processes die before they can start a trial; is something killing them?"
        )

    def _take(self, key: tuple[str, ...]) -> tuple[HelperProcess, Literal["fork", "spawn"]]:
        """A helper for this trial alone, and the way it shall start the trial."""
        if self._isolation == "fork" and key not in self._spawn_why:
            helper = self._pop_idle(key) or self._start_helper(key)
            if helper is not None:
                return helper, "fork"
        # Fresh interpreters are children of a helper that has imported nothing.
        helper = self._pop_idle(None) or self._start_helper(None)
        assert helper is not None
        return helper, "spawn"

    def _start_helper(self, key: _Key) -> HelperProcess | None:
        """A new helper; None when the imports of ``key`` make it unfit for fork, which is remembered."""
        try:
            helper = HelperProcess(key or (), self._environment, self._start_limit_s)
        except HelperGone as gone:
            if not key:
                raise IsolationError(f"lehr's helper process does not start: {gone}") from gone
            self._spawn_why[key] = f"the helper process that imports {', '.join(key)} failed: {gone}"
            return None
        if helper.threads == 1 or not key:
            return helper
        helper.stop()
        count = helper.threads - 1
        self._spawn_why[key] = f"importing {', '.join(key)} leaves {count} thread(s) that a fork would break"
        return None

    def _pop_idle(self, key: _Key) -> HelperProcess | None:
        while True:
            with self._lock:
                self._forget_helpers_of_another_process()
                helpers = self._idle.get(key)
                if not helpers:
                    return None
                helper = helpers.pop()
            try:
                if helper.is_ready(self._start_limit_s):
                    return helper
            except BaseException:
                helper.stop()
                raise
            helper.stop()
            if key is not None:
                self._no_warming.add(key)

    def _forget_helpers_of_another_process(self) -> None:
        if self._owner == os.getpid():
            return
        self._owner = os.getpid()  # we are a fork of the process that owns them
        for helpers in self._idle.values():
            for helper in helpers:
                helper.stop()
        self._idle.clear()

    def _give_back(self, key: _Key, helper: HelperProcess, trial: TrialRun) -> None:
        if trial.helper_is_good:
            try:
                if key is not None and trial.modules and key not in self._no_warming:
                    helper.warm(trial.modules)
            except HelperGone:
                helper.stop()
                return
            with self._lock:
                if not self._closed:
                    self._idle.setdefault(key, []).append(helper)
                    return
        helper.stop()

    def close(self) -> None:
        """End the helpers, and with them any trial that another thread still runs. May be called twice."""
        with self._lock:
            self._closed = True
            helpers = [helper for idle in self._idle.values() for helper in idle]
            self._idle.clear()
        for helper in helpers:
            helper.stop()
