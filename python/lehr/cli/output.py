"""Where results go: stdout for people or for machines, stderr for one sentence of what went wrong."""

from __future__ import annotations

import contextlib
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


def abandon_stdout() -> None:
    """After the reader closed the pipe: let the interpreter's last flush go nowhere instead of failing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
