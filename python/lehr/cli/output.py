"""Where results go: stdout for people or for machines, stderr for one sentence of what went wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any


def say(*lines: str) -> None:
    """Lines for a person, on stdout, at once."""
    for line in lines:
        print(line)
    sys.stdout.flush()


def complain(text: str) -> None:
    """One sentence on stderr. A stderr that is closed is no reason to fail differently."""
    with contextlib.suppress(OSError, ValueError):
        print(f"lehr: {text}", file=sys.stderr, flush=True)


def emit(document: Mapping[str, Any]) -> None:
    """The one JSON object of ``--json``."""
    print(json.dumps(document, allow_nan=False), flush=True)


@contextlib.contextmanager
def guarded_stdout(*, active: bool) -> Iterator[None]:
    """Keep libraries, native ones included, from writing to stdout: what they write goes to stderr."""
    if not active:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def complete_streams() -> None:
    """Make sure that there are streams 0 to 2: a caller may have closed some, and a study's file must not become one.

    What stdout and stderr cannot encode is escaped: a file's name must not end a search.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon_stdout() -> None:
    """After the reader closed the pipe: let the interpreter's last flush go nowhere instead of failing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
