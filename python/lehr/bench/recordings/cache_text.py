"""The text of a Kernel Tuner cache, which may have been cut while it was written.

Kernel Tuner appends entries to the file and closes its braces last, so the file of a run that was killed ends after an
entry or inside one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lehr.errors import LehrError

_BEGINNING = re.compile(r'"cache"\s*:\s*\{')
_SPACE = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")
_DECODER = json.JSONDecoder()


def parse_cache(source: str, text: str) -> tuple[Any, str]:
    """The JSON of a cache file, and a sentence about what is missing of it; None when the text is no cache.

    Raises:
        LehrError: it is damaged before its end; the sentence names the line.
    """
    beginning = _BEGINNING.search(text)
    if beginning is None or not text.lstrip().startswith("{"):
        return None, ""
    try:
        document = json.loads(text[: beginning.end()] + "}}")
    except (ValueError, RecursionError):
        return None, ""
    at = beginning.end()
    for key, value, end in _entries(text, at):
        document["cache"][key] = value
        at = end
    rest = text[at:].strip().lstrip(",").strip()
    if rest.strip("}").strip() == "":
        return document, ""
    if re.search(r"\}\s*,?\s*\n", rest):  # whole entries follow: not cut, but damaged
        line = text.count("\n", 0, _SPACE.match(text, at).end()) + 1  # type: ignore[union-attr]
        raise LehrError(f"{source} is damaged at line {line}: what stands there is no entry of a cache")
    count = len(document["cache"])
    return document, f"The file is cut inside an entry; the {count} before it are used."


def _entries(text: str, at: int) -> Iterator[tuple[str, Any, int]]:
    """Key, value, and where the value ends, of every whole entry from ``at``."""
    while True:
        try:
            key, end = _DECODER.raw_decode(text, _SPACE.match(text, at).end())  # type: ignore[union-attr]
            colon = _COLON.match(text, end)
            if not isinstance(key, str) or colon is None:
                return
            value, at = _DECODER.raw_decode(text, colon.end())
        except (ValueError, RecursionError):
            return
        yield key, value, at
