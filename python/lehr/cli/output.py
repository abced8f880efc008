"""Where results go: stdout for people or for machines, stderr for one sentence of what went wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any

from lehr._printable import printable
from lehr.report.wrapping import wrapped


def say(*lines: str) -> None:
    """Lines for a person, on stdout, at once; whatever a text of others holds, it is no more than text."""
    say_as_is(*map(printable, lines))


def say_as_is(*lines: str) -> None:
    """Lines that are ours to the last character, colours included."""
    width = _width(sys.stdout)
    for line in lines:
        for part in [line] if width is None else wrapped(line, width):
            print(part)
    sys.stdout.flush()


def complain(text: str) -> None:
    """One sentence on stderr. A stderr that is closed is no reason to fail differently."""
    line = f"lehr: {printable(text)}"
    with contextlib.suppress(OSError, ValueError):
        width = _width(sys.stderr)
        parts = [line] if width is None else wrapped(line, width)
        print("\n".join(parts), file=sys.stderr, flush=True)


def complain_at_length(text: str) -> None:
    """Several lines on stderr, such as a traceback."""
    with contextlib.suppress(OSError, ValueError):
        print(printable(text.rstrip("\n"), lines=True), file=sys.stderr, flush=True)


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


def _width(stream: IO[str]) -> int | None:
    """Columns of the terminal behind a stream; None where it is none: lines in a pipe or a file stay whole."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None
    except (OSError, ValueError):
        return None
