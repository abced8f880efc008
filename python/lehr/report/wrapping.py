"""Long lines in a narrow terminal: broken between words, where the terminal would break inside them."""

from __future__ import annotations

import re
import textwrap

#: A command to copy, at the end of a line: it stays on one line, or half of it would run when it is pasted.
_COMMAND = re.compile(r"(?<=: )(?:python -m )?lehr [a-z]+ \S.*$")


def wrapped(line: str, width: int) -> list[str]:
    """The line in parts of at most ``width`` columns, as far as its words allow; what follows is indented alike."""
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))]
    command = _COMMAND.search(line)
    prose = line if command is None else line[: command.start()].rstrip()
    parts = textwrap.wrap(
        prose,
        max(width, len(indent) + 20),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return parts if command is None else [*parts, f"{indent}  {command[0]}"]
