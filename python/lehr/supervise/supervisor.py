"""The supervisor: hands each trial to a helper of the right kind, and says how it ended."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple

from lehr import _core
from lehr.errors import IsolationError, OptionError
from lehr.supervise import _options
from lehr.supervise._device import Devices, MemoryReader
from lehr.supervise._limits import TrialLimits
from lehr.supervise._linux import IS_LINUX
from lehr.supervise._pickling import pickle_call
from lehr.supervise._process import HelperGone, HelperProcess, absolute_path, thread_settings
from lehr.supervise._run import TrialRun
from lehr.supervise.trial import Ending, TrialContext
from lehr.trial import Cause

START_LIMIT_S = 120.0
"""How long a trial's process may take to start and to import, before its own deadline begins to count."""


class _Key(NamedTuple):
    """What a helper is good for."""

    preload: tuple[str, ...] | None  # None: it only starts fresh interpreters
    threads: int | None


#: Supervisors of the process that we are a fork of: neither to be used nor to be taken apart here.
_of_another_process: list[object] = []


class Supervisor:
    """Runs functions as trials in processes of their own. Use it as a context manager, or call ``close``.

    ``isolation``: ``auto`` and ``fork`` fork each trial from a helper process that has imported ``preload``
    and, after the first trial, what the function needed; a helper that has threads which fork would break
    is replaced by a fresh interpreter per trial, and the evidence says so. ``spawn`` always takes a fresh
    interpreter.

    ``environment``: variables set for the helpers and all trials, on top of this process's own as they are
    when a helper starts.

    ``cgroup``: a directory of the cgroup v2 tree that is delegated to this user, below which each trial with a
    memory limit gets a cgroup of its own, so that the kernel keeps the limit. ``None`` looks at this process's
    own cgroup and the one above it; where neither is delegated, the limit is kept by polls alone, and the evidence
    says so. ``False`` looks nowhere.

    ``devices``: readers of the memory in use, in MB of 10^6 bytes, by device name. After a trial that was given
    such a device its memory must come back to where it was within 5 s; until it has, and as long as a process that
    cannot be killed holds it, the device is *quarantined*: trials that ask for it end as ``crashed`` without being
    started, and those of other devices go on. Trials of one device take turns. ``cuda``, which is ``cuda:0``, and
    ``cuda:N`` need no reader: NVML is asked. What other programs hold there is no reason for a quarantine; that the GPU
    is lost or needs a reset is one.

    ``abandon_s``: a process that survives SIGKILL so long hangs in the kernel. It is given up, the trial's evidence
    names it as ``lost``, and the next trial gets another helper.

    ``namespace``: give each helper a PID namespace of its own (as root, or where user namespaces are allowed). The
    kernel then ends everything inside with the helper. Without it, each helper has a watchdog above it, and a daemon
    outlives them only when lehr, helper and watchdog are all killed at the same instant. Trials see other process
    numbers inside than one sees outside.

    Waiting and killing are done by a native thread that never takes the interpreter's lock; ``run`` sleeps
    meanwhile, and Ctrl-C reaches it.

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
        cgroup: str | os.PathLike[str] | Literal[False] | None = None,
        devices: Mapping[str, MemoryReader] | None = None,
        abandon_s: float = 10.0,
        namespace: bool = False,
    ) -> None:
        if isolation not in ("auto", "fork", "spawn"):
            raise OptionError(f"isolation is {_options.shown(isolation)}; choose 'auto', 'fork' or 'spawn'")
        if not IS_LINUX:
            raise IsolationError("isolated trials need Linux")
        self._isolation: Literal["fork", "spawn"] = "fork" if isolation != "spawn" else "spawn"
        if cgroup is not None and cgroup is not False and not isinstance(cgroup, str | os.PathLike):
            raise OptionError(
                f"cgroup is {_options.shown(cgroup)}; give a directory of the cgroup v2 tree, None to look for one, "
                "or False for none"
            )
        self._environment = _options.environment(environment)
        self._cgroup = cgroup if cgroup is None or cgroup is False else os.fspath(cgroup)
        self._devices = Devices(_options.devices(devices), environment=self._environment)
        self._abandon_s = _options.seconds("abandon_s", abandon_s)
        self._namespace = _options.flag("namespace", namespace)
        self._lock = threading.Lock()
        self._native: _core.NativeSupervisor | None = None
        self._idle: dict[_Key, list[HelperProcess]] = {}
        self._spawn_why: dict[_Key, str] = {}
        self._no_warming: set[_Key] = set()
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
        grace_s: float = 0.0,
        cpus: Iterable[int] | None = None,
        threads: int | None = None,
        device: str | None = None,
        fresh: bool = False,
    ) -> Ending:
        """Call ``function(*args)`` in a process of its own, and wait for its end.

        ``preload``: modules that the helper imports once, ahead of all trials with the same tuple.
        ``timeout_s``: seconds (> 0, at most 1e9) from the start of the evaluation, when function and imports are
        loaded, to the kill of its whole process tree. Loading has a limit of its own, 120 s.
        ``memory_limit_mb``: megabytes of 10^6 bytes (> 0, at most 1e8) of resident anonymous and shared memory in the
        whole tree, imports included; watched every 5 to 50 ms, with RLIMIT_DATA as a backstop inside the
        trial, and kept by the kernel where a cgroup is delegated.
        ``context``: what ``lehr.current_trial()`` returns inside.
        ``grace_s``: seconds between SIGTERM and SIGKILL at the deadline; 0 sends SIGKILL at once. What the
        evaluation returns within the grace does not count.
        ``cpus``: the processors that the trial may run on (``sched_setaffinity``), from before its imports.
        ``threads``: for numeric libraries, through ``OMP_NUM_THREADS`` and its like, from before the imports of
        helper and trial; runtimes with options of their own (onnxruntime, torch) are told by the evaluation.
        ``device``: the one of this supervisor's devices that the trial uses.
        ``fresh``: take a new helper process, for a trial that is repeated because its first run may have suffered
        from what came before it.

        A trial that fails is an Ending, never an exception. Raises UnpicklableError when the call cannot be
        sent, OptionError for an option out of range, IsolationError when this machine cannot start a process.
        """
        limits = TrialLimits(timeout_s, memory_limit_mb, self._start_limit_s, grace_s, self._abandon_s)
        limits = limits.checked()
        modules = _options.modules(preload)
        threads = _options.threads(threads)
        device = _options.device(device)
        processors = _options.processors(cpus)
        if context is not None and not isinstance(context, TrialContext):
            raise OptionError(f"context is {_options.shown(context)}; give a TrialContext, or None")
        fresh = _options.flag("fresh", fresh)
        _options.function("the evaluation", function, args)
        if self._closed:
            raise OptionError("this supervisor is closed; create another one")
        pickled = pickle_call(function, args)
        spec = {
            "preload": list(modules),
            "memory_limit_mb": limits.memory_limit_mb,
            "context": None if context is None else context.to_json(),
            "sys_path": absolute_path(),
            "argv": list(getattr(sys, "argv", [""])),
            "cpus": processors,
        }
        key = _Key(modules, threads)
        if fresh:
            self._drop_idle(key)
        if device is None:
            return self._run(key, spec, pickled, limits)
        with self._devices.turn(device):
            if (why := self._devices.enter(device)) is not None:
                return _quarantined(device, why)
            lost: list[int] = []
            try:
                ending = self._run(key, spec, pickled, limits)
                lost = ending.evidence.get("lost", [])
            finally:
                trouble = self._devices.leave(device, lost)
            ending.evidence["device_memory"] = self._devices.told(device)
            if trouble is not None:
                ending.evidence["quarantined"] = {"device": device, "why": trouble}
            return ending

    @property
    def quarantined(self) -> dict[str, str]:
        """Devices on which no trial is started, and why."""
        return self._devices.quarantined

    def _run(self, key: _Key, spec: dict[str, Any], pickled: bytes, limits: TrialLimits) -> Ending:
        for _ in range(3):
            helper, isolation, kind = self._take(key)
            trial = TrialRun(self._supervisor(), helper, isolation, limits)
            try:
                ending = trial.run(spec, pickled)
            except HelperGone:  # it died before this trial began
                helper.stop()
                if self._closed:
                    raise IsolationError("the supervisor was closed while the trial ran") from None
                continue
            except BaseException:  # KeyboardInterrupt above all
                helper.stop()
                raise
            self._give_back(kind, helper, trial)
            if isolation == "spawn" and key in self._spawn_why:
                ending.evidence["isolation_note"] = self._spawn_why[key]
            return ending
        raise IsolationError(
            "lehr's helper processes die before they can start a trial; is something killing them?"
        )

    def _take(self, key: _Key) -> tuple[HelperProcess, Literal["fork", "spawn"], _Key]:
        """A helper for this trial alone, the way it shall start the trial, and what it is good for."""
        if self._isolation == "fork" and key not in self._spawn_why:
            helper = self._pop_idle(key) or self._start_helper(key)
            if helper is not None:
                return helper, "fork", key
        # Fresh interpreters are children of a helper that has imported nothing.
        bare = _Key(None, key.threads)
        helper = self._pop_idle(bare) or self._start_helper(bare)
        assert helper is not None
        return helper, "spawn", bare

    def _supervisor(self) -> _core.NativeSupervisor:
        with self._lock:
            self._forget_another_process()
            if self._native is None:
                self._native = self._make_native()
            return self._native

    def _make_native(self) -> _core.NativeSupervisor:
        asked = self._cgroup
        return _core.NativeSupervisor(cgroup=asked or "", use_cgroups=asked is not False)

    def _start_helper(self, key: _Key) -> HelperProcess | None:
        """A new helper; None when the imports of ``key`` make it unfit for fork, which is remembered."""
        modules = key.preload or ()
        try:
            try:
                helper = self._new_helper(key)
            except HelperGone as gone:
                if not gone.killed or self._closed:
                    raise
                helper = self._new_helper(key)  # once more: whoever killed it did not mean us, perhaps
        except HelperGone as gone:
            if not modules or self._closed:
                raise IsolationError(f"lehr's helper process does not start: {gone}") from gone
            self._spawn_why[key] = f"the helper process that imports {', '.join(modules)} failed: {gone}"
            return None
        if helper.threads == 1 or not modules:
            return helper
        helper.stop()
        if helper.threads == 0:
            self._spawn_why[key] = (
                f"importing {', '.join(modules)} starts CUDA, which does not survive a fork"
            )
            return None
        count = helper.threads - 1
        self._spawn_why[key] = (
            f"importing {', '.join(modules)} leaves {count} thread(s) that a fork would break"
        )
        return None

    def _new_helper(self, key: _Key) -> HelperProcess:
        environment = {**self._environment, **thread_settings(key.threads)}
        return HelperProcess(
            self._supervisor(), key.preload or (), environment, self._start_limit_s, namespace=self._namespace
        )

    def _pop_idle(self, key: _Key) -> HelperProcess | None:
        while True:
            with self._lock:
                self._forget_another_process()
                helpers = self._idle.get(key)
                if not helpers:
                    return None
                helper = helpers.pop()
            try:
                if helper.is_ready():
                    return helper
            except BaseException:
                helper.stop()
                raise
            helper.stop()
            if key.preload is not None:
                self._no_warming.add(key)

    def _drop_idle(self, key: _Key) -> None:
        with self._lock:
            self._forget_another_process()
            helpers = [*self._idle.pop(key, ()), *self._idle.pop(_Key(None, key.threads), ())]
        for helper in helpers:
            helper.stop()

    def _forget_another_process(self) -> None:
        if self._owner == os.getpid():
            return
        self._owner = os.getpid()  # we are a fork of the process that owns them
        _of_another_process.extend((self._native, self._idle))
        self._native = None
        self._idle = {}

    def _give_back(self, key: _Key, helper: HelperProcess, trial: TrialRun) -> None:
        if trial.helper_is_good and not self._closed:
            if key.preload is not None and trial.modules and key not in self._no_warming:
                try:
                    helper.warm(trial.modules)
                except IsolationError:  # no descriptor is left; the ending is there, and matters more
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
            self._forget_another_process()
            self._closed = True
            native, self._native = self._native, None
            self._idle.clear()
        if native is not None:
            native.close()


def _quarantined(device: str, why: str) -> Ending:
    evidence: dict[str, Any] = {
        "cause": Cause.QUARANTINED,
        "reason": f"{device} is quarantined, so the evaluation was not started: {why}.",
        "signature": f"quarantined: {device}",
        "quarantined": {"device": device, "why": why},
    }
    return Ending("crashed", None, evidence, 0.0)
