"""Options as people give them, checked: what comes back is of the plain type, and an error says in one sentence what
was given and what may be."""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lehr.errors import OptionError

MOST_SECONDS = 1e9
"""About 30 years: as good as no deadline."""
MOST_MB = 1e8
"""100 TB. Whoever asks for more has most likely given bytes."""
MOST_THREADS = 65_536


def shown(value: object, width: int = 60) -> str:
    """The value as it was written, shortened, and its type where that does not show."""
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not hide the mistake
        text = f"an object of type {type(value).__name__}"
    text = text if len(text) <= width else text[: width - 3] + "..."
    return (
        text if value is None or isinstance(value, str | bool | int | float) else f"{text}, a {_kind(value)}"
    )


def _kind(value: object) -> str:
    return type(value).__name__


def amount(name: str, value: object, unit: str, most: float, *, zero: bool = False) -> float:
    """A finite number above 0, or from 0 where ``zero`` is allowed."""
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (0 < number <= most or (zero and number == 0)):
        low = "from 0" if zero else "above 0"
        raise OptionError(
            f"{name} is {shown(value)}; it must be a finite number of {unit} {low}, at most {most:g}"
        )
    return number


def seconds(name: str, value: object) -> float:
    """Seconds above 0."""
    return amount(name, value, "seconds", MOST_SECONDS)


def optional_seconds(name: str, value: object) -> float | None:
    """Seconds above 0, or None."""
    return None if value is None else _or_none(seconds, name, value)


def optional_megabytes(name: str, value: object) -> float | None:
    """Megabytes of 10^6 bytes above 0, or None."""
    return None if value is None else _or_none(_megabytes, name, value)


def _megabytes(name: str, value: object) -> float:
    return amount(name, value, "megabytes (10^6 bytes)", MOST_MB)


def _or_none(read: Callable[[str, object], float], name: str, value: object) -> float:
    try:
        return read(name, value)
    except OptionError as error:
        raise OptionError(f"{error}, or None for no limit") from None


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely counts as one of them: 'no' would count as True."""
    if not isinstance(value, bool):
        raise OptionError(f"{name} is {shown(value)}; it must be True or False")
    return value


def text(name: str, value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise OptionError(f"{name} is {shown(value)}; give a name, a string that is not empty")
    return value


def mapping(name: str, value: object, what: str) -> Mapping[Any, Any]:
    """A mapping, or None for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise OptionError(f"{name} is {shown(value)}; give a dict, {what}")
    return value


def environment(value: object) -> dict[str, str]:
    """Environment variables: strings by name. No value is ever quoted: it may be a secret."""
    found: dict[str, str] = {}
    if value is not None and not isinstance(value, Mapping):
        raise OptionError(f"environment is a {_kind(value)}; give a dict, such as {{'OMP_NUM_THREADS': '2'}}")
    for key, entry in (value or {}).items():
        if not isinstance(key, str) or not key or "=" in key or "\0" in key:
            raise OptionError("environment has a name that is empty, no string, or holds '=' or NUL")
        if not isinstance(entry, str):
            what = "None" if entry is None else f"of type {_kind(entry)}"
            raise OptionError(f"environment[{key!r}] is {what}; give a string, such as '2'")
        if "\0" in entry or not (_for_the_system(key) and _for_the_system(entry)):
            raise OptionError(f"environment[{key!r}] holds what the system cannot; give a string without NUL")
        found[key] = entry
    return found


def _for_the_system(text: str) -> bool:
    """Whether a string has bytes; a lone surrogate has none, unless it stands for a byte that is no text."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def devices(value: object) -> dict[str, Callable[[], float]]:
    """Readers of memory by device name."""
    found: dict[str, Callable[[], float]] = {}
    for name, reader in mapping("devices", value, "from names to functions that read memory in use").items():
        if not callable(reader):
            raise OptionError(
                f"devices[{shown(name)}] is {shown(reader)}; give a function that returns the MB in use there"
            )
        found[text("a device in devices", name)] = reader
    return found


def device(value: object, name: str = "device") -> str | None:
    """The name of a device, or None."""
    if value is None or isinstance(value, str):
        return value
    raise OptionError(f"{name} is {shown(value)}; give the name of a device, or None")


def modules(value: object, name: str = "preload") -> tuple[str, ...]:
    """Names of modules."""
    if isinstance(value, str):
        raise OptionError(f"{name} is the string {value!r}; give a list of module names, such as [{value!r}]")
    if not isinstance(value, Iterable):
        raise OptionError(f"{name} is {shown(value)}; give a list of module names, such as ['numpy']")
    found = tuple(value)
    for entry in found:
        if not isinstance(entry, str) or not entry or any(map(str.isspace, entry)):
            raise OptionError(f"{name} has {shown(entry)}; give names of modules, such as 'numpy.linalg'")
    return found


def processors(value: object) -> list[int] | None:
    """Numbers of processors that this process may use, or None."""
    if value is None:
        return None
    allowed = os.sched_getaffinity(0)
    try:
        chosen = {operator.index(entry) for entry in value}  # type: ignore[attr-defined]
    except TypeError:
        chosen = set()
    if not chosen or not chosen <= allowed:
        raise OptionError(
            f"cpus is {shown(value)}; choose from the processors that this process may use, {sorted(allowed)}"
        )
    return sorted(chosen)


def threads(value: object, name: str = "threads") -> int | None:
    """A number of threads, or None."""
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if not 1 <= number <= MOST_THREADS:
        raise OptionError(
            f"{name} is {shown(value)}; it must be a whole number from 1 to {MOST_THREADS}, or None"
        )
    return number


def function(name: str, value: object, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """Something that can be called with such arguments and answers itself, not through an event loop."""
    if not callable(value):
        raise OptionError(f"{name} is {shown(value)}; give a function")
    if inspect.iscoroutinefunction(value):
        raise OptionError(f"{name} is an async function; give an ordinary one, which may call asyncio.run")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # a builtin without one
        return value
    try:
        signature.bind(*arguments)
    except TypeError as error:
        count = f"{len(arguments)} argument{'' if len(arguments) == 1 else 's'}"
        raise OptionError(
            f"{name} is called with {count}, which does not fit {name}{signature}: {error}"
        ) from None
    return value
