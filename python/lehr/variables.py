"""The variables of a space: Categorical, Ordinal, Int and Float.

A variable may be described wrongly; nothing is raised until a :class:`lehr.Space` is made of it, which
reports every mistake of all its variables at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, cast

from lehr import _core
from lehr.conditions import Condition, Scalar, plain, scalar_problem


@dataclass(frozen=True, eq=False, repr=False)
class Variable(ABC):
    """What all variables share: a name, a domain, and a condition under which they are active."""

    kind: ClassVar[str]
    name: str

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)  # repr tells 1, 1.0 and True apart

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                value = list(value)
            if not field.kw_only:
                shown.append(repr(value))
            elif repr(value) != repr(field.default):
                shown.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @abstractmethod
    def _domain_problems(self) -> list[str]:
        """What only Python can find wrong: types. The core judges the rest."""

    @abstractmethod
    def _core_variable(self, when: tuple[Any, ...] | None) -> _core.Variable: ...

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False, repr=False)
class _Listed(Variable):
    _list: ClassVar[str]
    """Name of the field that holds the values."""

    def _fill(self, name: str, values: object, when: Condition | None) -> None:
        if hasattr(values, "tolist") and type(values).__module__ == "numpy":
            values = values.tolist()
        # What is no list of values is kept as it is, and reported by the space.
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping, AbstractSet)):
            values = tuple(plain(value) for value in values)
        self._set("name", plain(name))
        self._set(self._list, values)
        self._set("when", when)

    def _domain_problems(self) -> list[str]:
        field = self._list
        values = getattr(self, field)
        if isinstance(values, (str, bytes)):
            return [f"{field} must be a list, not {values!r}; write [{values!r}] for a single one."]
        if isinstance(values, AbstractSet):
            return [f"{field} must be a list, since a set has no order of its own; write them in order."]
        if not isinstance(values, tuple):
            return [f"{field} must be a list, not {type(values).__name__}."]
        noun = field.removesuffix("s")
        return [f"{noun} {problem}." for problem in map(scalar_problem, values) if problem]

    def _core_variable(self, when: tuple[Any, ...] | None) -> _core.Variable:
        return _core.Variable.listed(self.kind, self.name, getattr(self, self._list), when)


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(_Listed):
    """One of several choices without an order.

    Args:
        name: valid Unicode, not empty, one of its own in the space.
        choices: at least one, each once: None, bool, int (within 64 bits), finite float or str. They keep their type:
            1, 1.0 and True are three choices.
        when: the variable is active only when this condition, on earlier variables, holds; always without one.
    """

    kind = "categorical"
    _list = "choices"
    choices: tuple[Scalar, ...]
    _: KW_ONLY
    when: Condition | None = None

    def __init__(self, name: str, choices: Iterable[Scalar], *, when: Condition | None = None) -> None:
        self._fill(name, choices, when)


@dataclass(frozen=True, eq=False, repr=False)
class Ordinal(_Listed):
    """One of several values in the order given; conditions compare them by their position in the list.

    Args:
        name: as for :class:`Categorical`.
        values: as the choices of :class:`Categorical`, in their order.
        when: as for :class:`Categorical`.
    """

    kind = "ordinal"
    _list = "values"
    values: tuple[Scalar, ...]
    _: KW_ONLY
    when: Condition | None = None

    def __init__(self, name: str, values: Iterable[Scalar], *, when: Condition | None = None) -> None:
        self._fill(name, values, when)


@dataclass(frozen=True, eq=False, repr=False)
class _Ranged(Variable):
    def _number_problems(self, *names: str) -> list[str]:
        problems = []
        for name in names:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                problems.append(f"{name} must be a number, not {value!r}.")
            elif isinstance(value, int) and abs(value) > 2**1000:  # beyond what a double can tell the core
                problems.append(f"{name} must lie within -2**53 and 2**53.")
        log = self.log  # type: ignore[attr-defined]
        if not isinstance(log, bool):
            problems.append(f"log must be True or False, not {log!r}.")
        return problems


@dataclass(frozen=True, eq=False, repr=False)
class Int(_Ranged):
    """An int from low to high, both included.

    Args:
        name: as for :class:`Categorical`.
        low: an int, or a float without a fraction, within ±2**53; at least 1 with ``log``.
        high: the same, at least ``low``.
        log: draws are uniform in the logarithm (of the range widened by one half at each end, then rounded).
        step: values are low, low + step, low + 2 step, ... as far as they do not exceed high; at least 1, and 1
            with ``log``.
        when: as for :class:`Categorical`.
    """

    kind = "int"
    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int = 1
    when: Condition | None = None

    def __post_init__(self) -> None:
        for name in ("name", "log"):
            self._set(name, plain(getattr(self, name)))
        for name in ("low", "high", "step"):
            value = plain(getattr(self, name))
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            self._set(name, value)

    def _domain_problems(self) -> list[str]:
        return self._number_problems("low", "high", "step")

    def _core_variable(self, when: tuple[Any, ...] | None) -> _core.Variable:
        return _core.Variable.ranged(self.kind, self.name, self.low, self.high, self.log, self.step, when)


@dataclass(frozen=True, eq=False, repr=False)
class Float(_Ranged):
    """A float from low to high, both included.

    Args:
        name: as for :class:`Categorical`.
        low: finite; above 0 with ``log``.
        high: finite, at least ``low``.
        log: draws are uniform in the logarithm; not together with ``step``.
        step: above 0: the values are low, low + step, ... as far as they do not exceed high. None: every float between.
        when: as for :class:`Categorical`.
    """

    kind = "float"
    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    when: Condition | None = None

    def __post_init__(self) -> None:
        for name in ("name", "log"):
            self._set(name, plain(getattr(self, name)))
        for name in ("low", "high", "step"):
            value = plain(getattr(self, name))
            number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**1000
            self._set(name, float(cast(int, value)) if number else value)

    def _domain_problems(self) -> list[str]:
        if self.step is None:
            return self._number_problems("low", "high")
        problems = self._number_problems("low", "high", "step")
        if self.step == 0 and not problems:  # the core's word for a continuous variable
            problems.append("step must be above 0; leave it out for a continuous variable.")
        return problems

    def _core_variable(self, when: tuple[Any, ...] | None) -> _core.Variable:
        return _core.Variable.ranged(
            self.kind, self.name, self.low, self.high, self.log, self.step or 0.0, when
        )
