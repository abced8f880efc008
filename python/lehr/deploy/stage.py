"""Run preparation (quantisers and their imports) beside the trial, so that its memory is not charged to the
trial.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _only_thread() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _rebuild(record: dict[str, str]) -> BaseException:
    """The exception that ended the stage, as its own class where that can be found."""
    message = record["message"]
    try:
        kind: Any = importlib.import_module(record["module"])
        for part in record["class"].split("."):
            kind = getattr(kind, part)
        error: BaseException = kind(message)
        if str(error) != message:
            raise TypeError
    except Exception:
        error = RuntimeError(f"{record['class']}: {message}")
    error.add_note(record["traceback"])
    return error


def run_stage(work: Callable[[], None]) -> None:
    """Call ``work``, which leaves its results in files, in a forked child; its exception is raised here.

    The child stays in the caller's session and process group, so whoever kills the trial's tree kills it too.
    Where a fork is not safe (the process has threads already) ``work`` runs here; nothing but the memory
    figure differs.

    Raises:
        Exception: whatever ``work`` raised, with the stage's traceback as a note.
        RuntimeError: the stage died without a word, from a signal for example.
    """
    if not _only_thread():
        work()
        return
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(receive)
            try:
                work()
                record: dict[str, str] = {}
            except BaseException as error:
                record = {
                    "module": type(error).__module__,
                    "class": type(error).__qualname__,
                    "message": str(error),
                    "traceback": "".join(traceback.format_exception(error)),
                }
            with os.fdopen(send, "wb") as pipe:
                pipe.write(json.dumps(record).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    try:
        record = json.loads(answer)
    except ValueError:
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        raise RuntimeError(f"preparing the model {how}") from None
    if record:
        raise _rebuild(record)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary neighbour, then rename: a reader sees the whole file or none."""
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
