"""Limits on metrics: "latency_p95_ms <= 20 ms" as data, and the one judge of whether they are met.

A limit has two sides at most, each a :class:`Limit` of its own. An evaluation may return, beside its metrics,
``verdicts``: by limited metric a mapping with ``answer`` (``feasible``, ``infeasible`` or ``borderline``) and perhaps
``reason`` and ``probability``, as :meth:`lehr.probe.Verdict.as_json` gives it. :func:`judge` asks the verdict where
there is one, and the figure elsewhere.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal

from lehr._numbers import is_finite_number
from lehr._units import BYTES, NANOSECONDS
from lehr.errors import OptionError
from lehr.metrics import Side, figure
from lehr.metrics import bound as shown_bound
from lehr.metrics import metric as metric_row

#: How a limit stands: ``unmeasured`` where there is no figure to hold against it.
Answer = Literal["met", "missed", "borderline", "unmeasured"]
#: The share of a limit by which a trial misses it, as the search is told, when the verdict turns it down and the figure
#: does not: small, since its neighbours may well pass. Chosen by hand, not sensitive.
SMALL_EXCESS = 1e-3
VERDICTS = "verdicts"
Z95 = 1.959964  # half the width of a normal interval at 95 %, in standard errors
_ANSWERS: Mapping[object, Answer] = {"feasible": "met", "infeasible": "missed", "borderline": "borderline"}

_BASE_UNITS = {
    "_ms": (NANOSECONDS, 10**6, "ms"),
    "_s": (NANOSECONDS, 10**9, "s"),
    "_mb": (BYTES, 10**6, "MB"),
}
_CONSTRAINT = re.compile(
    r"^\s*(?P<metric>[^\s<>=≤≥]+)\s*(?P<sign><=|>=|=<|=>|==|=|<|>|≤|≥)\s*(?P<value>.*?)\s*$"
)
_QUANTITY = re.compile(r"^(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[A-Za-zµ%/]*)$")
_SIDES: Mapping[str, Side] = {
    "<": "<=", "<=": "<=", "=<": "<=", "≤": "<=", ">": ">=", ">=": ">=", "=>": ">=", "≥": ">=",
}  # fmt: skip
_EXAMPLE = "write it as 'latency_p95_ms <= 20' or 'accuracy >= 0.9'"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit on one metric.

    Attributes:
        metric: name of the metric, as the evaluation returns it.
        bound: the limit, in the metric's own unit.
        side: ``<=`` where the metric must stay at or below the bound, ``>=`` at or above.
    """

    metric: str
    bound: float
    side: Side = "<="

    @property
    def upper(self) -> bool:
        """Whether the metric must stay at or below the bound."""
        return self.side == "<="

    @property
    def unit(self) -> str:
        """The metric's unit: ``ms``, ``MB``, ``/s``; empty for a plain number."""
        return metric_row(self.metric).unit

    @property
    def slot(self) -> tuple[str, Side]:
        """What a second limit would clash with: metric and side."""
        return self.metric, self.side

    def excess(self, value: float) -> float:
        """How far a value lies beyond the bound, in the metric's unit: above 0 when the limit is missed."""
        return value - self.bound if self.upper else self.bound - value

    def relative(self, excess: float) -> float:
        """An excess as a share of the bound; the excess itself where the bound is 0."""
        return excess / (abs(self.bound) or 1.0)

    def beyond(self, excess: float) -> float:
        """The value that lies so far beyond the bound."""
        return self.bound + excess if self.upper else self.bound - excess

    def met(self, value: float | None) -> bool:
        """Whether a value was measured and keeps within the bound."""
        return value is not None and self.excess(value) <= 0

    @property
    def text(self) -> str:
        """The limit as :func:`parse_limits` reads it, exact to the last bit."""
        return f"{self.metric} {self.side} {self.bound!r}"

    def shown(self) -> str:
        """The limit for people: ``p95 latency <= 20 ms``."""
        return f"{metric_row(self.metric).title} {self.side} {shown_bound(self.metric, self.bound)}"

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form: ``{"metric", "side", "bound"}`` and, for readers, ``"unit"``."""
        return {"metric": self.metric, "side": self.side, "bound": self.bound, "unit": self.unit}

    @classmethod
    def from_json(cls, stored: object) -> Limit:
        """Read the stored form, also those of lehr 0.1 (``sign`` or ``upper``, and ``value``).

        Raises:
            ValueError: it is no limit.
        """
        if isinstance(stored, Mapping):
            metric, number = stored.get("metric"), stored.get("bound", stored.get("value"))
            side = stored.get("side", stored.get("sign"))
            if isinstance(upper := stored.get("upper"), bool):
                side = "<=" if upper else ">="
            if isinstance(metric, str) and side in ("<=", ">=") and is_finite_number(number):
                return cls(metric, float(number), "<=" if side == "<=" else ">=")
        raise ValueError("a limit is not of the form {metric, side, bound}")

    def __str__(self) -> str:
        return f"{self.metric} {self.side} {self.bound:g}"


#: What ``constraints=`` and ``limits=`` accept: texts, one text, limits, or upper limits by metric.
Constraints = Sequence[str | Limit] | Mapping[str, float | str] | str | Limit | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How one limit stands.

    Attributes:
        limit: the limit.
        answer: ``met``, ``missed``, ``borderline`` (measuring could not settle it) or ``unmeasured``.
        passed: whether it counts as met: ``met``, or ``borderline`` where that is accepted.
        value: what was measured, in the metric's unit; None where nothing was.
        effective: the value as the search is told it: the measured one, unless the answer says otherwise.
        reason: what settled it, or left it open, in one sentence; empty where the figure alone decides.
        probability: that the limit is met, where a verdict gives one.
    """

    limit: Limit
    answer: Answer
    passed: bool
    value: float | None = None
    effective: float | None = None
    reason: str = ""
    probability: float | None = None

    @property
    def metric(self) -> str:
        """The limit's metric."""
        return self.limit.metric

    @property
    def bound(self) -> float:
        """The limit's bound."""
        return self.limit.bound

    @property
    def side(self) -> Side:
        """The limit's side."""
        return self.limit.side

    @property
    def excess(self) -> float:
        """How far beyond the limit, in the metric's unit; above 0 exactly where it does not pass, infinite without a
        measurement.
        """
        return math.inf if self.effective is None else self.limit.excess(self.effective)

    @property
    def relative(self) -> float:
        """The excess as a share of the limit; the excess itself where the limit is 0."""
        return self.limit.relative(self.excess)

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            **self.limit.as_json(),
            "answer": self.answer,
            "value": self.value,
            "excess": self.excess if math.isfinite(self.excess) else None,
            "relative": self.relative if math.isfinite(self.excess) else None,
            "reason": self.reason,
            "probability": self.probability,
        }

    def shown(self) -> str:
        """The judgement for people: ``p95 latency 23.1 ms, 3.10 ms (15.5%) above 20 ms``."""
        name, limit = self.limit.metric, self.limit
        title, bounded = metric_row(name).title, shown_bound(name, limit.bound)
        if self.value is None:
            return f"{title} was not measured ({limit.shown()})"
        if self.passed:
            return f"{title} {figure(name, self.value)} keeps within {bounded}"
        if self.answer == "borderline":
            chance = "" if self.probability is None else f", met with probability {self.probability:.2f}"
            return f"{title} {figure(name, self.value)}, borderline at {bounded}{chance}"
        if limit.met(self.value):  # turned down by its verdict alone
            return f"{title} {figure(name, self.value)}, but {self.reason}"
        side = "above" if limit.upper else "below"
        share = f"{self.relative:.1%}" if self.relative < 1 else f"{self.relative + 1:.3g} times the limit"
        return f"{title} {figure(name, self.value)}, {figure(name, self.excess)} ({share}) {side} {bounded}"

    def __str__(self) -> str:
        if self.answer == "unmeasured" or self.value is None:
            return f"{self.limit} was not measured"
        if self.reason and (self.answer == "borderline" or self.limit.met(self.value)):
            return f"borderline: {self.reason}" if self.answer == "borderline" else self.reason
        side = "above" if self.limit.upper else "below"
        share = f" ({self.relative:.0%})" if self.limit.bound else ""
        return f"{self.limit.metric} {self.value:g} is {self.excess:g}{share} {side} {self.limit.bound:g}"


@dataclass(frozen=True, slots=True)
class Judged:
    """How all limits of a trial stand."""

    judgements: tuple[Judgement, ...] = field(default=())

    @property
    def misses(self) -> tuple[Judgement, ...]:
        """The limits that do not pass."""
        return tuple(one for one in self.judgements if not one.passed)

    @property
    def passed(self) -> bool:
        """Whether every limit passes."""
        return all(one.passed for one in self.judgements)

    @property
    def answer(self) -> Answer:
        """The worst answer: ``missed`` before ``unmeasured`` before ``borderline`` before ``met``."""
        order: tuple[Answer, ...] = ("missed", "unmeasured", "borderline", "met")
        return min((one.answer for one in self.judgements), key=order.index, default="met")

    @property
    def violation(self) -> float:
        """The sum of the relative excesses over the limits that do not pass; 0 where all pass."""
        return math.fsum(one.relative for one in self.misses)

    @property
    def effective(self) -> dict[str, float]:
        """The limited metrics as the search is told them, those that were measured."""
        told: dict[str, float] = {}
        for one in self.judgements:
            if one.effective is None:
                continue
            known = told.get(one.limit.metric)
            if known is None or one.effective != one.value:
                told[one.limit.metric] = one.effective
        return told


def judge(
    limits: Iterable[Limit],
    metrics: Mapping[str, float],
    verdicts: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    sem: Mapping[str, float] | None = None,
    accept_borderline: bool = False,
) -> Judged:
    """Hold measurements against limits: the one place where that is decided.

    A settled verdict outweighs the figure, which is an estimate: a feasible limit is missed by nothing, an infeasible
    one by :data:`SMALL_EXCESS` of the bound at least. Without a verdict, a figure whose interval at 95 %, by its
    standard error, holds the bound is borderline. A borderline limit does not pass unless ``accept_borderline``.

    Args:
        limits: what is asked.
        metrics: what was measured, by name, in each metric's unit.
        verdicts: what measuring settled, by metric (see the module). A verdict is about the side that its entry
            ``side`` names, upper where it names none.
        sem: standard errors of the metrics, in their units, where they are known.
        accept_borderline: whether a limit that measuring left open counts as met.
    """
    said, errors = verdicts or {}, sem or {}
    return Judged(
        tuple(
            _judge(
                limit,
                metrics.get(limit.metric),
                _verdict(said, limit) or _by_interval(limit, metrics, errors),
                accept_borderline=accept_borderline,
            )
            for limit in limits
        )
    )


def verdicts_of(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The verdicts among a trial's facts, by metric; what is none is left out."""
    found = facts.get(VERDICTS)
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): verdict
        for name, verdict in found.items()
        if isinstance(verdict, Mapping) and verdict.get("answer") in _ANSWERS
    }


def _verdict(verdicts: Mapping[str, Mapping[str, Any]], limit: Limit) -> Mapping[str, Any] | None:
    verdict = verdicts.get(limit.metric)
    return verdict if verdict is not None and verdict.get("side", "<=") == limit.side else None


def _by_interval(
    limit: Limit, metrics: Mapping[str, float], sem: Mapping[str, float]
) -> Mapping[str, Any] | None:
    """Borderline where the figure's interval holds the bound; None where the figure alone decides."""
    value, half = metrics.get(limit.metric), Z95 * sem.get(limit.metric, 0.0)
    if value is None or abs(limit.excess(value)) >= half:
        return None
    low, high = figure(limit.metric, value - half), figure(limit.metric, value + half)
    chance = NormalDist().cdf(-limit.excess(value) * Z95 / half)
    reason = f"{limit} is open: {limit.metric} lies between {low} and {high} at 95% confidence"
    return {"answer": "borderline", "reason": reason, "probability": chance}


def _judge(
    limit: Limit, value: float | None, verdict: Mapping[str, Any] | None, *, accept_borderline: bool
) -> Judgement:
    if value is None:
        return Judgement(limit, "unmeasured", passed=False)
    answer = None if verdict is None else _ANSWERS.get(verdict.get("answer"))
    if verdict is None or answer is None:
        met = limit.met(value)
        return Judgement(limit, "met" if met else "missed", met, value, value)
    passed = answer == "met" or (answer == "borderline" and accept_borderline)
    if passed:
        effective = value if limit.met(value) else limit.bound
    else:
        effective = limit.beyond(max(limit.excess(value), SMALL_EXCESS * (abs(limit.bound) or 1.0)))
    chance = verdict.get("probability")
    return Judgement(
        limit,
        answer,
        passed,
        value,
        effective,
        str(verdict.get("reason") or ("" if answer == "met" else f"{limit} is {verdict['answer']}")),
        float(chance) if isinstance(chance, int | float) and not isinstance(chance, bool) else None,
    )


def parse_limits(constraints: Constraints) -> tuple[Limit, ...]:
    """Read limits as a user gives them.

    Args:
        constraints: a text such as ``"latency_p95_ms <= 20"``, a :class:`Limit`, several of these, or a mapping from
            metric to upper limit. ``<`` and ``<=`` mean the same. A value may carry a unit where the metric's name ends
            in ``_ms``, ``_s`` or ``_mb``: ``20ms``, ``0.5s``, ``512MB``, ``2GB`` (1 GB is 1000 MB).

    Raises:
        OptionError: naming everything that is wrong, at once.
    """
    problems: list[str] = []
    limits: list[Limit] = []
    for entry in _split(constraints, problems):
        if isinstance(entry, Limit):
            limits.append(entry)
            continue
        source, metric, side, value = entry
        number = _quantity(source, metric, value, problems)
        if number is not None:
            limits.append(Limit(metric, number, side))
    problems.extend(_clashes(limits))
    if problems:
        raise OptionError("constraints: " + "; ".join(problems))
    return tuple(limits)


def _split(constraints: Constraints, problems: list[str]) -> list[Limit | tuple[str, str, Side, object]]:
    if constraints is None:
        return []
    parts: list[Limit | tuple[str, str, Side, object]] = []
    if isinstance(constraints, Mapping):
        for metric, value in constraints.items():
            if not isinstance(metric, str) or not metric.strip():
                problems.append(f"{metric!r} is no metric's name")
            else:
                parts.append((f"{metric!r}: {value!r}", metric, "<=", value))
        return parts
    if isinstance(constraints, str | Limit):
        constraints = [constraints]
    if not isinstance(constraints, Sequence | set | frozenset):
        problems.append(f"{constraints!r:.60} is no limit: {_EXAMPLE}")
        return []
    for text in constraints:
        if isinstance(text, Limit):
            parts.append(text)
            continue
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
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
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
    kind = metric_row(metric).kind
    if unit == "%" and kind == "share":
        return number / 100
    if unit == "/s" and kind == "rate":
        return number
    for suffix, (units, base, name) in _BASE_UNITS.items():
        if not metric.endswith(suffix) or kind not in ("time", "memory"):
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
    seen: dict[tuple[str, Side], Limit] = {}
    for limit in limits:
        if limit.slot in seen:
            problems.append(
                f"{limit.metric!r} has two limits of the same kind: {seen[limit.slot]} and {limit}; keep one"
            )
        seen[limit.slot] = limit
    for limit in limits:
        floor = seen.get((limit.metric, ">="))
        if limit.upper and floor is not None and floor.bound > limit.bound:
            problems.append(f"nothing can meet both {floor} and {limit}")
    return problems
