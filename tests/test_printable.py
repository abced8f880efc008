"""Text of others on its way to a terminal, a line or a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr._printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, übung, 模型, עברית, 🙂, a\u00a0b", "plain, übung, 模型, עברית, 🙂, a\u00a0b"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("exe.\u202egnp", "exe.\\u202egnp"),
        ("\u2066hidden\u2069\u200b", "\\u2066hidden\\u2069\\u200b"),
        ("\U000e0041", "\\U000e0041"),
        ("line\u2028line", "line\\u2028line"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\udce9"),
        ("two\nlines\rhere", "two\\nlines\\rhere"),
        ("a\tb", "a b"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),  # these join, and hide nothing
    ],
)
def test_what_could_command_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_newlines_where_they_are_wanted() -> None:
    assert printable("one\ntwo\r\x1bthree", lines=True) == "one\ntwo\\r\\x1bthree"


@given(st.text(st.characters(), max_size=50), st.booleans())
def test_whatever_it_holds_it_can_be_written_and_commands_nothing(text: str, lines: bool) -> None:
    shown = printable(text, lines=lines)
    shown.encode("utf-8")
    left = {
        unicodedata.category(one)
        for one in shown
        if one not in "\u200c\u200d" and not (lines and one == "\n")
    }
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown, lines=lines) == shown
