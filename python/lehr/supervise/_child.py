"""The trial's own process: loads the function, runs it, sends one record. Nothing here returns."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import importlib
import json
import os
import pickle
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NoReturn

from lehr._text import text_of, type_name
from lehr.supervise import _wire
from lehr.supervise._json import NotJson, to_json
from lehr.supervise._linux import say_last_words_to
from lehr.supervise._memory import MB, read_usage
from lehr.supervise._record import MESSAGE_CHARS, TRACEBACK_CHARS, Phase
from lehr.supervise.trial import EarlyStop, TrialContext, _set_current_trial

Send = Callable[[str, float, bytes], None]
"""Kind, moment, JSON: see ``_wire.record``."""

_DATA_SLACK = 128 * 1024 * 1024


def write_payload(fd: int, spec: dict[str, Any], pickled: bytes) -> None:
    """The counterpart of ``_read_payload``, used by the parent."""
    _wire.write_all(fd, _wire.encode(spec))
    _wire.write_all(fd, pickled)


def _read_payload(fd: int) -> tuple[dict[str, Any], bytes]:
    size = os.fstat(fd).st_size
    data = bytearray()
    while len(data) < size:
        data += os.pread(fd, min(size - len(data), 1 << 26), len(data))
    length = int.from_bytes(data[:4], "big")
    return json.loads(data[4 : 4 + length]), bytes(memoryview(data)[4 + length :])


def _reseed() -> None:
    """The children of a helper inherit its generators' states: seed afresh, as a new interpreter would."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def set_path(entries: Sequence[str]) -> None:
    """Use the parent's import path, which its scripts and notebooks may have changed."""
    sys.path[:] = entries


def _limit_data(memory_limit_mb: float | None) -> int | None:
    """A backstop in the kernel for growth that is faster than the watch from outside.

    RLIMIT_DATA counts reserved memory, touched or not (thread stacks, arenas), so it stands at what the
    imports hold plus twice the limit plus 128 MiB: one absurd allocation fails at once with MemoryError, an
    honest reservation does not.
    """
    usage = read_usage("self")
    if memory_limit_mb is None or usage is None or usage.data == 0:
        return None
    limit = usage.data + int(2 * memory_limit_mb * MB) + _DATA_SLACK
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return limit


def _lift_data_limit() -> None:
    """Describing a MemoryError needs memory itself."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


_ALLOCATORS = {
    ("torch", "OutOfMemoryError"),
    ("cupy", "OutOfMemoryError"),
    ("cupy_backends", "OutOfMemoryError"),
    ("numba", "CudaOutOfMemoryError"),
    ("tensorflow", "ResourceExhaustedError"),
}
"""Allocators with an error type of their own, by package. onnxruntime has none: its failures to allocate on the CPU are
MemoryError or a plain RuntimeException, and the latter is a crash like any other."""


def _is_out_of_memory(error: BaseException) -> bool:
    """By type, never by the words of a message. What C++ could not allocate arrives as MemoryError (pybind11)."""
    if isinstance(error, MemoryError):
        return True
    names = (type_name(kind).split(".") for kind in type.mro(type(error)))
    return any((name[0], name[-1]) in _ALLOCATORS for name in names)


def describe(error: BaseException, skip: str) -> dict[str, Any]:
    """Type, message, last frame, end of the traceback; without the frames of the file ``skip`` at its top."""
    kind = type(error)
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == skip:
        trace = trace.tb_next
    result: dict[str, Any] = {"type": type_name(kind), "message": text_of(error)[:MESSAGE_CHARS]}
    frames = [frame for frame in _frames(trace) if not frame.filename.startswith("<frozen ")]
    if frames:
        last = frames[-1]
        result["frame"] = f"{os.path.basename(last.filename)}:{last.lineno} in {last.name}"
    try:
        lines = "".join(traceback.format_exception(kind, error, trace))
    except BaseException:  # an error that cannot be formatted must not hide where it was raised
        lines = "".join(traceback.format_list(frames)) + f"{result['type']}: {result['message']}"
    result["traceback_tail"] = lines[-TRACEBACK_CHARS:]
    return result


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    try:
        return list(traceback.extract_tb(trace))
    except BaseException:  # no memory, or a loader that cannot say a module's source
        return []


def _exit_status(error: BaseException) -> int:
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def _load(pickled: bytes) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    function, args = pickle.loads(pickled)  # made by our own parent a moment ago, over a private descriptor
    return function, args


def _evaluate(spec: dict[str, Any], pickled: bytes, send: Send) -> int:
    phase: Phase = "preload"
    known = set(sys.modules)
    limit: int | None = None
    try:
        for name in spec["preload"]:
            importlib.import_module(name)
        phase = "load"
        function, args = _load(pickled)
        _reseed()
        limit = _limit_data(spec["memory_limit_mb"])
        new = [name for name in sys.modules if name not in known]
        if spec["context"] is not None:
            _set_current_trial(TrialContext.from_json(spec["context"]))
        send("begun", time.monotonic(), json.dumps({"modules": new, "data_limit": limit}).encode())
        phase = "run"
        value = function(*args)
    except EarlyStop as stop:
        return _send_result(send, "stopped", stop.metrics, reason=text_of(stop)[:MESSAGE_CHARS])
    except BaseException as error:
        _lift_data_limit()
        at = time.monotonic()
        record: dict[str, Any] = {"phase": phase, "memory": _is_out_of_memory(error)}
        record["exception"] = describe(error, __file__)
        record["exit"] = isinstance(error, SystemExit)
        record["peak"] = _peak()
        send("raised", at, json.dumps(record).encode())
        return _exit_status(error)
    if limit is not None:
        _lift_data_limit()
    return _send_result(send, "returned", value)


def _peak() -> int:
    usage = read_usage("self")
    return usage.peak if usage else 0


def _send_result(send: Send, kind: str, value: Any, **more: Any) -> int:
    at = time.monotonic()
    try:
        limit = _wire.RESULT_LIMIT_BYTES
        plain = to_json(value, most_characters=limit)
        body = json.dumps({"value": plain, "peak": _peak(), **more}).encode()
        if len(body) > limit:
            raise NotJson(f"result too large: {len(body)} bytes as JSON; at most {limit} can be sent")
    except BaseException as error:  # of the methods of what was returned
        what = f"{type_name(type(error))}: {text_of(error)}"
        why = text_of(error) if isinstance(error, NotJson) else f"the result could not be read: {what:.500}"
        send("refused", at, json.dumps({"why": why[:MESSAGE_CHARS], "peak": _peak()}).encode())
        return 1
    send(kind, at, body)
    return 0


def _prepare_streams(fault: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    with contextlib.suppress(AttributeError, ValueError, OSError, RuntimeError):
        # A file of its own, else our tail of stderr would lose the innermost frames.
        faulthandler.enable(fault)
    say_last_words_to(fault)


def run_trial(channel: int, payload: int, cwd: int, fault: int) -> NoReturn:
    """Evaluate the payload, send the record, leave. Session, signals and streams are set up already."""
    status = 1
    me = os.getpid()
    pipe = os.fstat(channel).st_ino
    try:
        with contextlib.suppress(OSError):
            os.fchdir(cwd)
        os.close(cwd)
        _prepare_streams(fault)
        spec, pickled = _read_payload(payload)
        os.close(payload)
        set_path(spec["sys_path"])
        sys.argv = list(spec["argv"])
        if spec["cpus"] is not None:
            os.sched_setaffinity(0, spec["cpus"])

        def send(kind: str, at: float, body: bytes) -> None:
            if os.getpid() != me:  # the evaluation forked, and its copy came back here: it has no say
                os._exit(1)
            if (
                os.fstat(channel).st_ino != pipe
            ):  # the evaluation closed it, and opened a file of its own there
                raise OSError("the evaluation closed lehr's result channel")
            with contextlib.suppress(BrokenPipeError):
                _wire.write_all(channel, _wire.record(kind, at, body))

        status = _evaluate(spec, pickled, send)
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        # The interpreter is not torn down: the record is sent, destructors of C libraries have nothing to
        # add to it and are where runtimes like to crash. What the evaluation registered to run at exit does
        # run.
        with contextlib.suppress(BaseException):
            if os.getpid() == me:
                atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(status)


def main(channel: int, payload: int, cwd: int, fault: int) -> NoReturn:
    """Entry of a fresh interpreter (spawn), whose session and streams the helper has set up before exec."""
    for fd in (channel, payload, cwd, fault):
        os.set_inheritable(fd, False)
    run_trial(channel, payload, cwd, fault)
