"""Turning a function and its arguments into bytes, or saying which part of them cannot be sent."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle

from lehr._text import text_of, type_name
from lehr.errors import UnpicklableError


def pickle_call(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """The call as bytes; functions of ``__main__`` and closures by value. Raises UnpicklableError."""
    try:
        return bytes(cloudpickle.dumps((function, args)))
    except Exception as error:
        culprit = _find(function, args)
        lines = text_of(error).strip().splitlines() or ["no reason was given"]
        raise UnpicklableError(
            f"the evaluation cannot be sent to its own process: {culprit or 'its pickle'} fails with "
            f"{type(error).__name__}: {lines[0]}. Create such objects inside the function.",
            culprit,
        ) from error


def _fails(value: Any) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:
        return True
    return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, one level down, each with words for its place."""
    if isinstance(value, functools.partial):
        yield "the function of the partial", value.func
        for index, entry in enumerate(value.args):
            yield f"argument {index} of the partial", entry
        for key, entry in value.keywords.items():
            yield f"keyword {key!r} of the partial", entry
    elif inspect.ismethod(value):
        yield "the object of the bound method", value.__self__
    elif inspect.isfunction(value):
        for cell_name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            try:
                yield f"the captured variable {cell_name!r}", cell.cell_contents
            except ValueError:
                continue
        for global_name in value.__code__.co_names:
            if global_name in value.__globals__:
                yield f"the global {global_name!r}", value.__globals__[global_name]
        for index, entry in enumerate(value.__defaults__ or ()):
            yield f"default value {index}", entry
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield f"the entry {key!r:.60}", entry
    elif isinstance(value, list | tuple | set | frozenset):
        for index, entry in enumerate(value):
            yield f"the element {index}", entry
    elif hasattr(value, "__dict__") and not inspect.isclass(value) and not inspect.ismodule(value):
        for key, entry in vars(value).items():
            yield f"the attribute {key!r}", entry


def _find(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Walk down to the smallest part that fails by itself."""
    candidates = [("the function", function), *((f"argument {i}", value) for i, value in enumerate(args))]
    trail: list[str] = []
    for _ in range(8):
        found = next(((name, value) for name, value in candidates if _fails(value)), None)
        if found is None:
            break
        name, value = found
        trail.append(name)
        kind = type(value)
        candidates = list(_parts(value))
    if not trail:
        return ""
    return f"{' of '.join(reversed(trail))} (a {type_name(kind)})"
