"""Files as they come: gzipped or not, JSON or JSON lines, from anyone."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

from lehr._files import read_given
from lehr.errors import LehrError

_LARGEST = 1 << 30  # bytes of text; a gzip bomb stops here


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        LehrError: it cannot be read, is not text, or unpacks to more than a gibibyte.
    """
    try:
        data = read_given(path)
    except OSError as error:
        raise LehrError(f"cannot read {path}: {error.strerror}") from None
    return decoded(str(path), data)


def decoded(source: str, data: bytes) -> str:
    """The text of a file's bytes, unpacked when gzipped."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise LehrError(
                f"{source} holds more than {_LARGEST >> 30} GiB of text; give a smaller recording"
            )
        return data.decode()
    except (OSError, EOFError, ValueError) as error:
        raise LehrError(f"{source} is not a recorded problem: {error}") from None


def parsed_lines(source: str, text: str) -> list[Any]:
    """JSON lines.

    Raises:
        LehrError: a line is not JSON; it is named.
    """
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            lines.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise LehrError(f"{source} is not a recorded problem: line {number}: {error}") from None
    return lines
