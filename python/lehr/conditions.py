"""Conditions as data: ``param("backend").isin(["eager", "compile"]) & ~(param("threads") < 4)``."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, TypeAlias

from lehr.errors import SpaceError

#: What a choice, or a value in a condition, can be. Types count: 1, 1.0 and True are three values.
Scalar: TypeAlias = bool | int | float | str | None

#: How deep conditions may nest. Chains of ``&`` and of ``|`` stay flat and do not count.
MAX_DEPTH = 200

_OPERATORS = ("==", "!=", "<", "<=", ">", ">=")


class ConditionError(SpaceError, TypeError):
    """A condition was written in a way that Python would misread."""


def plain(value: object) -> object:
    """The Python value a NumPy scalar, or an instance of a subclass of str, int or float, stands for."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return operator.index(value)
    return float.__float__(value) if isinstance(value, float) else value


def scalar_problem(value: object) -> str | None:
    """Why a value cannot be a choice or be compared with; None when it can."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{value!r} is not valid Unicode; remove its surrogates"
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"{value} is beyond 64 bits; use a float or a str"
    if value is None or isinstance(value, (bool, int, float)):
        return None
    return f"{value!r} is of type {type(value).__name__}; use None, bool, int, float or str"


class Condition(ABC):
    """A condition on the variables of a space. Combine conditions with ``&``, ``|`` and ``~``.

    It holds only when it is definitely true: a comparison with an inactive variable is neither true nor
    false, and neither is its negation (Kleene's three-valued logic).
    """

    __slots__ = ("_depth",)
    _depth: int

    def __and__(self, other: Condition) -> Condition:
        return All([self, _operand(other)])

    def __or__(self, other: Condition) -> Condition:
        return Any_([self, _operand(other)])

    def __rand__(self, other: object) -> NoReturn:
        _operand(other)
        raise AssertionError  # a Condition on the left would have answered itself

    __ror__ = __rand__

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise ConditionError(
            f"A condition has no truth value ({self!r}): combine conditions with & | ~ and parentheses "
            "instead of and, or, not, use isin instead of in, and split chained comparisons."
        )

    def equals(self, other: object) -> bool:
        """Whether the other is the same condition, written the same way; also what ``==`` gives."""
        return isinstance(other, Condition) and repr(self) == repr(other)

    def __eq__(self, other: object) -> bool:
        return self.equals(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("conditions are immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("conditions are immutable")

    def __reduce__(self) -> tuple[Callable[..., Condition], tuple[Any, ...]]:
        return type(self), tuple(getattr(self, field) for field in self.__slots__)

    def __str__(self) -> str:
        return repr(self)

    def _set(self, depth: int, **fields: object) -> None:
        if depth > MAX_DEPTH:
            raise ConditionError(f"A condition is nested deeper than {MAX_DEPTH}; split it.")
        object.__setattr__(self, "_depth", depth)
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def _parts(self) -> tuple[Any, ...]:
        """Nested tuples, the form the core takes."""

    @abstractmethod
    def _comparisons(self) -> Iterator[Comparison]:
        """Every comparison in it, in the order of reading."""


class Comparison(Condition):
    """One variable compared with one value: operator is one of == != < <= > >=."""

    __slots__ = ("operator", "value", "variable")
    variable: str
    operator: str
    value: Scalar

    def __init__(self, operator: str, value: object, variable: str) -> None:
        if operator not in _OPERATORS:
            raise ConditionError(f"{operator!r} is not a comparison; use one of {', '.join(_OPERATORS)}.")
        if isinstance(value, (Parameter, Condition)):
            raise ConditionError(
                f"param({variable!r}) is compared with {value!r}: compare it with a value, and put each "
                "comparison in parentheses, since & and | bind tighter than comparisons."
            )
        self._set(1, variable=variable, operator=operator, value=plain(value))

    def __repr__(self) -> str:
        return f"param({self.variable!r}) {self.operator} {_shown(self.value)}"

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator, self.variable, self.value)

    def _comparisons(self) -> Iterator[Comparison]:
        yield self


class Membership(Condition):
    """One variable among several values."""

    __slots__ = ("values", "variable")
    variable: str
    values: tuple[Scalar, ...]

    def __init__(self, values: Iterable[object], variable: str) -> None:
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise ConditionError(
                f"param({variable!r}).isin takes a list of values, not {values!r}; write isin([{values!r}])."
            )
        comparisons = [Comparison("==", value, variable) for value in values]
        self._set(1, variable=variable, values=tuple(comparison.value for comparison in comparisons))

    def __repr__(self) -> str:
        return f"param({self.variable!r}).isin([{', '.join(map(_shown, self.values))}])"

    def _parts(self) -> tuple[Any, ...]:
        return ("in", self.variable, self.values)

    def _comparisons(self) -> Iterator[Comparison]:
        for value in self.values:
            yield Comparison("==", value, self.variable)


class _Combination(Condition):
    __slots__ = ("operands",)
    _symbol = ""
    _word = ""
    operands: tuple[Condition, ...]

    def __init__(self, operands: Sequence[Condition]) -> None:
        flat: list[Condition] = []
        for operand in operands:
            flat.extend(operand.operands if isinstance(operand, type(self)) else (operand,))
        if len(flat) < 2:
            raise ConditionError(f"A combination with {self._symbol} needs at least two conditions.")
        self._set(1 + max(operand._depth for operand in flat), operands=tuple(flat))

    def __repr__(self) -> str:
        return f" {self._symbol} ".join(f"({operand!r})" for operand in self.operands)

    def _parts(self) -> tuple[Any, ...]:
        return (self._word, [operand._parts() for operand in self.operands])

    def _comparisons(self) -> Iterator[Comparison]:
        for operand in self.operands:
            yield from operand._comparisons()


class All(_Combination):
    """Holds when every operand does; ``a & b``."""

    __slots__ = ()
    _symbol = "&"
    _word = "and"

    def __reduce__(self) -> tuple[Callable[..., Condition], tuple[Any, ...]]:
        return type(self), (self.operands,)


class Any_(_Combination):  # noqa: N801 - `any` and `typing.Any` are taken
    """Holds when at least one operand does; ``a | b``."""

    __slots__ = ()
    _symbol = "|"
    _word = "or"

    def __reduce__(self) -> tuple[Callable[..., Condition], tuple[Any, ...]]:
        return type(self), (self.operands,)


class Not(Condition):
    """Holds when its operand is definitely false; ``~a``."""

    __slots__ = ("operand",)
    operand: Condition

    def __init__(self, operand: Condition) -> None:
        self._set(1 + operand._depth, operand=operand)

    def __repr__(self) -> str:
        return f"~({self.operand!r})"

    def __invert__(self) -> Condition:
        return self.operand

    def _parts(self) -> tuple[Any, ...]:
        return ("not", self.operand._parts())

    def _comparisons(self) -> Iterator[Comparison]:
        return self.operand._comparisons()


class Parameter:
    """A variable named in a condition; see :func:`param`."""

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so it cannot be a key

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ConditionError(f"param takes the name of a variable, not {name!r}.")
        self.name = str.__str__(name)

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison("==", value, self.name)

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison("!=", value, self.name)

    def __lt__(self, value: object) -> Condition:
        return Comparison("<", value, self.name)

    def __le__(self, value: object) -> Condition:
        return Comparison("<=", value, self.name)

    def __gt__(self, value: object) -> Condition:
        return Comparison(">", value, self.name)

    def __ge__(self, value: object) -> Condition:
        return Comparison(">=", value, self.name)

    def isin(self, values: Iterable[object]) -> Condition:
        """Holds when the variable has one of these values. Raises SpaceError when they are no list."""
        return Membership(values, self.name)

    def __repr__(self) -> str:
        return f"param({self.name!r})"

    def _misread(self, *_: object) -> NoReturn:
        raise ConditionError(
            f"{self!r} is not yet a condition: compare it with a value first, and put each comparison in "
            "parentheses, since & and | bind tighter than comparisons."
        )

    __and__ = __rand__ = __or__ = __ror__ = __invert__ = __bool__ = _misread


def param(name: str) -> Parameter:
    """The variable of this name, to be compared: ``param("n") >= 4``, ``param("x").isin(["a", "b"])``.

    A comparison with ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``isin`` makes a :class:`Condition`. A
    :class:`Categorical` has no order, so only ``==``, ``!=`` and ``isin`` apply; the values of an :class:`Ordinal` are
    in the order of its list.

    Raises:
        SpaceError: the name is no str. Whether there is such a variable, and whether it can have the values compared
            with, is told by the space that the condition is used in.
    """
    return Parameter(name)


def _operand(value: object) -> Condition:
    if isinstance(value, Condition):
        return value
    raise ConditionError(
        f"& and | combine conditions, and {value!r} is not one; put each comparison in parentheses, since & "
        "and | bind tighter than comparisons."
    )


def _shown(value: object) -> str:
    """A value as it would be written in a program; repr would print a bare nan or inf."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
