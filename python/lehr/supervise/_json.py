"""A trial's result as plain JSON values, or a sentence that says why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_DEPTH = 100
_MAX_INT_BITS = 4096  # well inside what every JSON reader of Python accepts as one number


class NotJson(Exception):
    """The value cannot be sent; the text names the place and the type."""


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _scalar_inside(value: Any) -> Any:
    """The number inside a numpy scalar, or an array or tensor without dimensions; else ``value``."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) is not None and len(value.shape) == 0:
        return item()
    return value


def to_json(value: Any, place: str = "result", depth: int = 0) -> Any:
    """``value`` as None, bool, int, float (also NaN and infinite), str, lists, and dicts with str keys.

    Tuples become lists; numpy scalars and arrays or tensors without dimensions become numbers. Raises
    NotJson for anything else.
    """
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
                raise NotJson(f"{place} has the key {key!r:.100} of type {_type_name(key)}; keys must be str")
            result[str(key)] = to_json(entry, f"{place}[{key!r:.60}]", depth + 1)
        return result
    if isinstance(value, list | tuple):
        return [to_json(entry, f"{place}[{index}]", depth + 1) for index, entry in enumerate(value)]
    scalar = _scalar_inside(value)
    if scalar is not value:
        return to_json(scalar, place, depth + 1)
    raise NotJson(
        f"{place} is a {_type_name(value)}, which cannot be sent; return numbers, strings, lists and dicts"
    )
