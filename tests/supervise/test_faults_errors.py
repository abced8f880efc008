"""Exceptions that cannot be described as others can: what was raised, and where, is known all the same."""

from __future__ import annotations

import pytest

from lehr._text import first_line, text_of, type_name
from lehr.errors import UnpicklableError


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


class Fatal(Exception):
    def __str__(self):
        raise SystemExit(9)


class NoText(Exception):
    def __str__(self):
        return 3  # noqa: PLE0307


class Homeless(Exception):
    __module__ = None


class Numbered(Exception):
    __module__ = 7


class Secretive(type):
    def __getattribute__(cls, name):
        if name in ("__module__", "__qualname__", "__name__", "__mro__"):
            raise RuntimeError(f"no {name}")
        return super().__getattribute__(name)


class Hidden(Exception, metaclass=Secretive):
    pass


class Noted(Exception):
    @property
    def __notes__(self):
        raise KeyboardInterrupt


class Text(str):
    def __getitem__(self, _):
        raise RuntimeError("no part")

    def strip(self, *_):
        raise RuntimeError("no strip")


class Clever(Exception):
    def __str__(self):
        return Text("a clever text")


STRANGE = {
    Mute: "<no text: its __str__ raised ValueError>",
    Fatal: "<no text: its __str__ raised SystemExit>",
    NoText: "<no text: its __str__ raised TypeError>",
    Homeless: "words",
    Numbered: "words",
    Hidden: "words",
    Noted: "words",
    Clever: "a clever text",
}


def name_of(kind):
    return type.__dict__["__name__"].__get__(kind)


def raise_it(number):
    raise list(STRANGE)[number]("words")


@pytest.mark.parametrize("number", [pytest.param(i, id=name_of(kind)) for i, kind in enumerate(STRANGE)])
def test_an_exception_that_cannot_be_described_keeps_type_and_frame(supervisor, number):
    kind = list(STRANGE)[number]
    ending = supervisor.run(raise_it, number)
    assert (ending.outcome, ending.cause) == ("crashed", "raised")
    exception = ending.evidence["exception"]
    assert exception["type"].rpartition(".")[2] == name_of(kind)
    assert exception["message"] == STRANGE[kind]
    assert exception["frame"].startswith("test_faults_errors.py:")
    assert exception["frame"].endswith(" in raise_it")
    assert "raise_it" in exception["traceback_tail"]


def test_words_for_an_error():
    for kind, words in STRANGE.items():
        assert text_of(kind("words")) == words
        assert first_line(kind("words")) == f"{type_name(kind)}: {words}"


class Unreadable(dict):
    def items(self):
        raise Fatal("words")


class UnreadableForGood(dict):
    def items(self):
        raise SystemExit(3)


@pytest.mark.parametrize("kind", [Unreadable, UnreadableForGood])
def test_a_result_whose_error_has_no_text(supervisor, kind):
    ending = supervisor.run(kind)
    assert (ending.outcome, ending.cause) == ("crashed", "refused")
    assert "the result could not be read" in ending.evidence["reason"]


class Unpicklable:
    def __reduce__(self):
        raise Mute("words")


def test_an_argument_whose_pickling_error_has_no_text(supervisor):
    with pytest.raises(UnpicklableError, match="argument 0"):
        supervisor.run(raise_it, Unpicklable())
