"""The one way for text of others to a terminal, a log line or a page: what could command these is written out.

Names in models, data and plug-ins, files that somebody sent, and what a runtime or a trial says of its errors: a
terminal would obey an escape sequence in them, a bidirectional override would show other text than there is, and a
lone surrogate cannot be written at all.
"""

from __future__ import annotations

import unicodedata

#: Joiners that scripts and emoji need; they are of a category whose other members can hide or reorder text.
_JOINERS = frozenset("\u200c\u200d")
#: Controls, formats (bidirectional overrides, invisible tags), surrogates, separators of lines and of paragraphs.
_WRITTEN_OUT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, *, lines: bool = False) -> str:
    """The text with everything that is not to be seen written out as Python would: ``\\x1b``, ``\\u202e``.

    Args:
        text: of anybody.
        lines: whether newlines stay newlines; by default a text is one line, whatever it holds. A tab is a space.
    """
    if text.isprintable():  # the ordinary case, at the speed of C
        return text
    return "".join(
        one
        if one.isprintable() or one in _JOINERS or (lines and one == "\n")
        else " "
        if one == "\t"
        else _shown(one)
        for one in text
    )


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _WRITTEN_OUT:  # other spaces, private and future characters
        return character
    return character.encode("unicode_escape").decode("ascii")
