"""Text of others on its way to a terminal, a line or a page."""

from __future__ import annotations

import inspect
import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lehr
from lehr import errors
from lehr._printable import printable
from lehr.study.faults import EnvironmentFault


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


HOSTILE, WRITTEN_OUT = "name\x1b[2J\u202e\r", "name\\x1b[2J\\u202e\\r"
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, lehr.LehrError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_traceback_of_any_error_of_ours_commands_nothing(kind: type[lehr.LehrError]) -> None:
    error = kind(f"there is no {HOSTILE}\nthere are others")
    shown = "".join(traceback.format_exception_only(error))
    assert shown.endswith(f"there is no {WRITTEN_OUT}\nthere are others\n")
    assert error.args[0] == f"there is no {HOSTILE}\nthere are others"


def test_errors_of_the_core_likewise() -> None:
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space([lehr.Int(HOSTILE, 3, 1)])
    assert HOSTILE not in str(caught.value)
    assert WRITTEN_OUT in str(caught.value)
    optimizer = lehr.Optimizer(lehr.Space([lehr.Int("x", 0, 3)]), constraints={HOSTILE: 1.0})
    with pytest.raises(lehr.ResultError) as refused:
        optimizer.add({"x": 1}, objective=1.0, metrics={})
    assert HOSTILE not in str(refused.value)


def test_what_explains_and_describes_commands_nothing() -> None:
    space = lehr.Space([lehr.Categorical(HOSTILE, [HOSTILE, "b"])])
    optimizer = lehr.Optimizer(space, method="guided")
    trial = optimizer.add({HOSTILE: HOSTILE}, outcome="crashed")
    optimizer.rule_out(trial, [HOSTILE])
    fault = EnvironmentFault(HOSTILE, HOSTILE, "s", f"no library {HOSTILE}", 3)
    for text in (optimizer.explain(), repr(trial), fault.message):
        assert WRITTEN_OUT in text
        assert HOSTILE not in text
