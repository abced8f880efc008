"""Arguments as people give them, checked: what comes back is of the plain Python type."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lehr.errors import LehrError, OptionError, ResultError


def listed(noun: str, names: Sequence[str]) -> str:
    quoted = ", ".join(repr(name) for name in names)
    return f"{noun}{'s' if len(names) > 1 else ''} {quoted}"


def real(what: str, value: Any, error: type[LehrError] = OptionError) -> float:
    if isinstance(value, (float, int)):  # the ordinary case first: bool passes, as 0 or 1
        return float(value)
    if isinstance(value, (numbers.Real, np.bool_)):
        return float(value)
    raise error(f"{what} is {value!r}, a {type(value).__name__}; give a number")


def whole(what: str, value: Any, low: int, high: int | None = None) -> int:
    """An int from `low` to `high`, both included; without `high` of any size."""
    try:
        number = operator.index(value)
        if not isinstance(value, bool) and low <= number and (high is None or number <= high):
            return number
    except TypeError:
        pass
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise OptionError(f"{what} is {value!r}; give an integer {allowed}") from None


def seed_number(seed: Any) -> int:
    """A seed as the random generator takes it, 0 to 2**64 - 1."""
    return whole("seed", seed, 0, 2**64 - 1)


def trial_number(trial: Any) -> int:
    try:
        number = operator.index(trial)
    except TypeError:
        raise ResultError(f"{trial!r} is not a trial; give what ask() returned, or its number") from None
    if number < 0:
        raise ResultError(f"trial {number} is unknown; trials are numbered from 0")
    return number


def limits(constraints: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(constraints, Mapping):
        raise OptionError(
            f"constraints is a {type(constraints).__name__}; give upper limits by metric name, "
            "such as {'latency_p95_ms': 20.0}"
        )
    limits: dict[str, float] = {}
    for name, limit in constraints.items():
        if not isinstance(name, str):
            raise OptionError(f"the metric name {name!r} is a {type(name).__name__}; give a string")
        limits[name] = real(f"the limit of {name!r}", limit)
    return limits
