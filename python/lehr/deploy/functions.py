"""Functions of the user's that are named by text: ``package.module:function``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from lehr.errors import ModelError

_NAMED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def is_function_name(text: str) -> bool:
    """Whether a text is of the form ``package.module:function``."""
    return _NAMED.fullmatch(text) is not None


def load_function(text: str, what: str) -> Callable[..., Any]:
    """The function that a text names. Modules in the current folder are found as well.

    Raises:
        ModelError: the text is of another form, or there is no such function; one sentence that begins with ``what``.
    """
    if not is_function_name(text):
        raise ModelError(f"{what} {text!r} is not of the form package.module:function")
    name, _, inside = text.partition(":")
    here = os.getcwd()
    path = [*sys.path]
    sys.path.append(here)  # last, so that nothing that is installed is hidden
    try:
        found: Any = importlib.import_module(name)
    except Exception as error:  # the user's module may raise anything
        raise ModelError(f"{what} {text}: module {name} cannot be imported: {one_line(error)}") from error
    finally:
        if sys.path == [*path, here]:
            sys.path.pop()
    for part in inside.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ModelError(f"{what} {text}: module {name} has no function '{inside}'")
    function: Callable[..., Any] = found
    return function


def one_line(error: BaseException) -> str:
    """Class and first line of an exception's message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
