"""Words for objects of others, whatever these do when they are asked: an error's text, the name of a type."""

from __future__ import annotations


def type_name(kind: type) -> str:
    """The qualified name of a type, without the module where that is ``builtins`` or no text at all."""
    # Asked of ``type`` itself: a metaclass may answer anything, or raise.
    name = str(type.__dict__["__qualname__"].__get__(kind))
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except AttributeError:
        return name
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


def text_of(error: BaseException) -> str:
    """The text of an exception; where it cannot be had, a note that says which error its ``__str__`` raised."""
    try:
        return str.__str__(str(error))  # the text itself: a subclass of str may have methods of its own
    except BaseException as broken:
        return f"<no text: its __str__ raised {type_name(type(broken))}>"


def first_line(error: BaseException) -> str:
    """``type: first line of the text``, or the type alone where there is no text."""
    lines = text_of(error).strip().splitlines()
    kind = type_name(type(error))
    return f"{kind}: {lines[0]}" if lines else kind
