"""Options that take several values after one flag: ``--budget 10 25 50``."""

from __future__ import annotations

from collections.abc import Iterable


def spread(arguments: Iterable[str], flags: Iterable[str]) -> list[str]:
    """Repeat a flag before each of its values, as the parser wants them.

    ``--budget 10 25 --json`` becomes ``--budget 10 --budget 25 --json``. A word that begins with ``-`` ends the
    values; what follows ``--`` is left alone. Only for commands without positional arguments: these would be taken
    for values.
    """
    spread_out: list[str] = []
    several, flag, given = frozenset(flags), "", False
    words = list(arguments)
    for position, word in enumerate(words):
        name, equals, _ = word.partition("=")
        if word == "--":
            return spread_out + words[position:]
        if name in several:
            flag, given = name, bool(equals)
            spread_out.append(word)
        elif word.startswith("-"):
            flag = ""
            spread_out.append(word)
        elif flag:
            spread_out += [flag, word] if given else [word]
            given = True
        else:
            spread_out.append(word)
    return spread_out
