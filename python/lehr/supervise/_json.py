"""A trial's result as plain JSON values, or a sentence that says why it cannot be."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from lehr._text import type_name

_MAX_DEPTH = 100
_MAX_INT_BITS = 4096  # well inside what every JSON reader of Python accepts as one number


class NotJson(Exception):
    """The value cannot be sent; the text names the place and the type."""


def _scalar_inside(value: Any) -> Any:
    """The number inside a numpy scalar, or an array or tensor without dimensions; else ``value``."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) is not None and len(value.shape) == 0:
        return item()
    return value


class _Room:
    """How much text may still come; a result of a gigabyte shall be refused before it is written out."""

    def __init__(self, characters: int) -> None:
        self.all = self.left = characters

    def take(self, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            raise NotJson(f"result too large: more than {self.all} bytes as JSON")


def to_json(value: Any, *, most_characters: int = sys.maxsize) -> Any:
    """``value`` as None, bool, int, float (also NaN and infinite), str, lists, and dicts with str keys.

    Tuples become lists; numpy scalars and arrays or tensors without dimensions become numbers. Raises
    NotJson for anything else, and for what would take more than ``most_characters`` as text.
    """
    return _plain(value, "result", 0, _Room(most_characters))


def _plain(value: Any, place: str, depth: int, room: _Room) -> Any:
    room.take(len(value) if isinstance(value, str) else 1)
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        if value.bit_length() > _MAX_INT_BITS:
            raise NotJson(
                f"{place} is an int of {value.bit_length()} bits; at most {_MAX_INT_BITS} can be sent"
            )
        return int(value)
    if isinstance(value, float):
        return float(value)
    if depth > _MAX_DEPTH:
        raise NotJson(f"{place[:200]} is nested deeper than {_MAX_DEPTH} levels (does it contain itself?)")
    if isinstance(value, Mapping):
        result = {}
        for key, entry in value.items():
            if not isinstance(key, str):
                raise NotJson(
                    f"{place} has the key {key!r:.100} of type {type_name(type(key))}; keys must be str"
                )
            room.take(len(key))
            result[str(key)] = _plain(entry, f"{place}[{key!r:.60}]", depth + 1, room)
        return result
    if isinstance(value, list | tuple):
        return [_plain(entry, f"{place}[{index}]", depth + 1, room) for index, entry in enumerate(value)]
    scalar = _scalar_inside(value)
    if scalar is not value:
        return _plain(scalar, place, depth + 1, room)
    raise NotJson(
        f"{place} is a {type_name(type(value))}, which cannot be sent; return numbers, strings, lists and dicts"
    )
