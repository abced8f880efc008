"""Limits on metrics: "latency_p95_ms <= 20 ms" as data.
 The optimiser knows upper limits only. A lower limit ``accuracy >= 0.9`` becomes the upper limit -0.9 on the
negated metric, whose key is ``-accuracy``; everything a user reads keeps the words the user wrote.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lehr._units import BYTES, NANOSECONDS
from lehr.errors import OptionError

#: What ``constraints=`` accepts: texts, one text, or upper limits by metric.
Constraints = Sequence[str] | Mapping[str, float | str] | str | None

_BASE_UNITS = {
    "_ms": (NANOSECONDS, 10**6, "ms"),
    "_s": (NANOSECONDS, 10**9, "s"),
    "_mb": (BYTES, 10**6, "MB"),
}

_CONSTRAINT = re.compile(
    r"^\s*(?P<metric>[^\s<>=≤≥]+)\s*(?P<sign><=|>=|=<|=>|==|=|<|>|≤|≥)\s*(?P<value>.*?)\s*$"
)
_QUANTITY = re.compile(r"^(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[A-Za-zµ%]*)$")
_SIDES = {"<": True, "<=": True, "=<": True, "≤": True, ">": False, ">=": False, "=>": False, "≥": False}
_EXAMPLE = "write it as 'latency_p95_ms <= 20' or 'accuracy >= 0.9'"


@dataclass(frozen=True)
class Limit:
    """One limit on one metric.

    Attributes:
        metric: name of the metric, as the evaluation returns it.
        value: the limit, in the metric's own unit.
        upper: whether the metric must stay at or below the value (else at or above).
    """

    metric: str
    value: float
    upper: bool = True

    @property
    def key(self) -> str:
        """Name of the metric the optimiser sees: the metric, negated when the limit is a lower one."""
        return self.metric if self.upper else f"-{self.metric}"

    @property
    def bound(self) -> float:
        """Upper limit on :attr:`key`."""
        return self.value if self.upper else -self.value

    def measured(self, metrics: Mapping[str, float]) -> float:
        """The figure to hold against :attr:`bound`. Raises KeyError when the metric is missing."""
        return metrics[self.metric] if self.upper else -metrics[self.metric]

    def excess(self, metrics: Mapping[str, float]) -> float:
        """``g - c`` in the metric's unit: above 0 when the limit is missed."""
        return self.measured(metrics) - self.bound

    def relative_excess(self, metrics: Mapping[str, float]) -> float:
        """``(g - c) / |c|``; plain ``g - c`` when the limit is 0."""
        return self.excess(metrics) / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.upper else '>='} {self.value:g}"


def parse_limits(constraints: Constraints) -> tuple[Limit, ...]:
    """Read constraints as a user gives them.

    Args:
        constraints: a text such as ``"latency_p95_ms <= 20"``, several of them, or a mapping from metric to
            upper limit. ``<`` and ``<=`` mean the same. A value may carry a unit where the metric's name ends
            in ``_ms``, ``_s`` or ``_mb``: ``20ms``, ``0.5s``, ``512MB``, ``2GB`` (1 GB is 1000 MB).

    Raises:
        OptionError: naming everything that is wrong, at once.
    """
    problems: list[str] = []
    limits: list[Limit] = []
    for source, metric, upper, value in _split(constraints, problems):
        number = _quantity(source, metric, value, problems)
        if number is not None:
            limits.append(Limit(metric, number, upper))
    problems.extend(_clashes(limits))
    if problems:
        raise OptionError("constraints: " + "; ".join(problems))
    return tuple(limits)


def _split(constraints: Constraints, problems: list[str]) -> list[tuple[str, str, bool, object]]:
    if constraints is None:
        return []
    if isinstance(constraints, Mapping):
        parts: list[tuple[str, str, bool, object]] = []
        for metric, value in constraints.items():
            if not isinstance(metric, str) or not metric.strip():
                problems.append(f"{metric!r} is no metric's name")
            else:
                parts.append((f"{metric!r}: {value!r}", metric, True, value))
        return parts
    parts = []
    if not isinstance(constraints, Sequence | set | frozenset):
        problems.append(f"{constraints!r:.60} is no limit: {_EXAMPLE}")
        return []
    for text in [constraints] if isinstance(constraints, str) else constraints:
        match = _CONSTRAINT.match(text) if isinstance(text, str) else None
        if match is None:
            problems.append(f"cannot read {text!r}: {_EXAMPLE}")
        elif match["sign"] not in _SIDES:
            problems.append(f"{text!r} asks for equality, but a limit is <= or >=: {_EXAMPLE}")
        elif _QUANTITY.match(match["metric"]):
            problems.append(f"cannot read {text!r}: the metric comes first, {_EXAMPLE}")
        else:
            parts.append((repr(text), match["metric"], _SIDES[match["sign"]], match["value"]))
    return parts


def _quantity(source: str, metric: str, value: object, problems: list[str]) -> float | None:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
        problems.append(f"{source}: the limit must be finite")
        return None
    match = _QUANTITY.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        problems.append(f"{source}: {value!r} is not a number, perhaps with a unit; {_EXAMPLE}")
        return None
    number = float(match["number"])
    if match["unit"]:
        converted = _converted(source, metric, number, match["unit"], problems)
        if converted is None:
            return None
        number = converted
    if not math.isfinite(number):
        problems.append(f"{source}: the limit must be finite")
        return None
    return number


def _converted(source: str, metric: str, number: float, unit: str, problems: list[str]) -> float | None:
    for suffix, (units, base, name) in _BASE_UNITS.items():
        if not metric.endswith(suffix):
            continue
        scale: int | None = units.get(unit.lower())
        if scale is None:
            problems.append(
                f"{source}: unit {unit!r} does not fit {metric!r}, which is in {name}: {', '.join(units)}"
            )
            return None
        return number * scale / base
    problems.append(
        f"{source}: {metric!r} has no unit that lehr knows (its name does not end in _ms, _s or _mb); "
        f"drop {unit!r} and give the limit in the metric's own unit"
    )
    return None


def _clashes(limits: Sequence[Limit]) -> list[str]:
    problems = []
    seen: dict[str, Limit] = {}
    for limit in limits:
        if limit.key in seen:
            problems.append(
                f"{limit.metric!r} has two limits of the same kind: {seen[limit.key]} and {limit}; keep one"
            )
        seen[limit.key] = limit
    for limit in limits:
        floor = seen.get(f"-{limit.metric}")
        if limit.upper and floor is not None and floor.value > limit.value:
            problems.append(f"nothing can meet both {floor} and {limit}")
    return problems
