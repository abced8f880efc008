"""What an evaluation returned, checked before anything is built on it."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lehr.limits import VERDICTS, Limit

#: The entry of a result that holds standard errors, by metric.
SEM = "sem"


@dataclass(frozen=True)
class Reading:
    """A result as read.

    Attributes:
        metrics: every finite number that was returned, by name.
        sem: standard errors of metrics, by name, as far as they are finite numbers from 0.
        facts: the notes that rode along.
        problem: why the result cannot be used, in one sentence; empty when it can.
        metric: the metric that the problem is about, or None.
        ignored: what was left out of ``metrics``, and why, one sentence each.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    metric: str | None = None
    ignored: tuple[str, ...] = ()
    sem: dict[str, float] = field(default_factory=dict)


def read_result(result: object, objective: str, limits: Sequence[Limit]) -> Reading:
    """Read the result of a trial that ran to its end.

    A bare number is the objective. The objective and every limited metric must be there and be finite
    numbers; any other entry that is not a finite number is left out, with a note.
    """
    needed = [objective, *(limit.metric for limit in limits if limit.metric != objective)]
    needed = list(dict.fromkeys(needed))
    if _is_number(result):
        result = {objective: result}
    if not isinstance(result, Mapping):
        wanted = ", ".join(repr(name) for name in needed)
        return Reading(
            problem=f"the function returned {_brief(result)}, not a dict of metrics with {wanted}",
            metric=objective,
        )
    reading = read_partial(result)
    for name in needed:
        if name in reading.metrics:
            continue
        if name not in result:
            found = ", ".join(repr(key) for key in result) or "nothing"
            problem = f"the function returned no {name!r} (it returned {found})"
        else:
            problem = f"the function returned {_brief(result[name])} for {name!r}, not a finite number"
        return Reading(reading.metrics, reading.facts, problem, name, reading.ignored, reading.sem)
    return reading


def read_partial(result: object) -> Reading:
    """Read what there is: the finite numbers and the facts of a result that may be incomplete or absent."""
    if not isinstance(result, Mapping):
        return Reading()
    metrics: dict[str, float] = {}
    ignored: list[str] = []
    facts: dict[str, Any] = {}
    sem: dict[str, float] = {}
    for name, value in result.items():
        if name == "facts" and isinstance(value, Mapping):
            facts = {**json_safe(value), **facts}
        elif name == VERDICTS and isinstance(value, Mapping):
            if value:
                facts[VERDICTS] = json_safe(value)
        elif name == SEM and isinstance(value, Mapping):
            sem = {
                str(key): error
                for key, entry in value.items()
                if (error := _finite(entry)) is not None and error >= 0
            }
        elif not isinstance(name, str):
            ignored.append(f"the metric's name {_brief(name)} is not a string")
        elif (number := _finite(value)) is not None:
            metrics[name] = number
        else:
            ignored.append(f"{name!r} is {_brief(value)}, not a finite number")
    return Reading(
        metrics, facts, ignored=tuple(ignored), sem={key: sem[key] for key in sem if key in metrics}
    )


def json_safe(value: object) -> Any:
    """The nearest thing that JSON can hold: non-finite numbers and foreign objects become their text."""
    if value is None or isinstance(value, bool | str):
        # A lone surrogate (from undecodable stderr) cannot be written as UTF-8.
        return value if not isinstance(value, str) else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = _finite(value)
        return repr(value) if number is None else number
    if isinstance(value, Mapping):
        return {str(json_safe(str(key))): json_safe(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_safe(entry) for entry in value]
    return _brief(value)


def canonical(value: object) -> str:
    """One text per JSON value, to compare by."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _finite(value: object) -> float | None:
    if not _is_number(value):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _brief(value: object, width: int = 80) -> str:
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not take the study down
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= width else text[: width - 3] + "..."
