"""Dataclasses on their way through JSON, from one process to another."""

from __future__ import annotations

import types
import typing
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints


def as_plain(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, of those in it too, with paths as texts."""
    return {name: str(one) if isinstance(one, Path) else one for name, one in asdict(value).items()}


def rebuilt(hint: Any, told: Any) -> Any:
    """The inverse of :func:`as_plain` after a way through JSON, by the types of the fields; ``hint`` is the class."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{one.name: rebuilt(hints[one.name], told[one.name]) for one in fields(hint)})  # type: ignore[operator]
    if origin is tuple:
        inner = arguments[0] if arguments else Any
        return tuple(rebuilt(inner, one) for one in told)
    if origin in {types.UnionType, typing.Union}:
        return (
            None if told is None else rebuilt(next(one for one in arguments if one is not type(None)), told)
        )
    return Path(told) if hint is Path else told
