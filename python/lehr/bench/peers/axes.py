"""A space's variables and conditions in the terms that other optimisers share.

Every variable becomes an axis: a choice among positions, or a range of integers or floats. Other libraries take
ordinals and steps in ways of their own, and some think that 1, 1.0 and True are one choice; positions mean the same
everywhere.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lehr.conditions import All, Any_, Comparison, Condition, Membership, Not, plain
from lehr.errors import LehrError
from lehr.space import Space
from lehr.variables import Categorical, Float, Int, Ordinal, Variable

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Axis:
    """One variable as other optimisers see it.

    Attributes:
        variable: the variable it stands for.
        kind: ``"choice"``: codes are 0 to `high`, without an order; ``"integer"``: whole codes from `low` to `high`;
            ``"real"``: floats from `low` to `high`.
        low, high: bounds of the codes, both included.
        log: whether draws should be uniform in the logarithm.
    """

    variable: Variable
    kind: Literal["choice", "integer", "real"]
    low: float
    high: float
    log: bool = False

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.variable.name

    @property
    def single(self) -> bool:
        """Whether there is but one value."""
        return self.low == self.high

    def value(self, code: float) -> Any:
        """The value of a code."""
        variable = self.variable
        if isinstance(variable, Categorical):
            return variable.choices[int(code)]
        if isinstance(variable, Ordinal):
            return variable.values[int(code)]
        if isinstance(variable, Int):
            return variable.low + variable.step * int(code) if variable.step != 1 else int(code)
        if isinstance(variable, Float) and variable.step is not None:
            return min(variable.low + variable.step * int(code), variable.high)
        return min(max(float(code), self.low), self.high)

    def code(self, value: Any) -> float:
        """The code of a value of the variable."""
        variable = self.variable
        if isinstance(variable, Categorical):
            return float(_position(variable.choices, value))
        if isinstance(variable, Ordinal):
            return float(_position(variable.values, value))
        if isinstance(variable, Int):
            return float((value - variable.low) // variable.step if variable.step != 1 else value)
        if isinstance(variable, Float) and variable.step is not None:
            return float(round((value - variable.low) / variable.step))
        return float(value)

    def codes(self) -> Iterator[int]:
        """Every code of an axis that is not real."""
        return iter(range(int(self.low), int(self.high) + 1))


def axis_of(variable: Variable) -> Axis:
    """The axis of a variable."""
    if isinstance(variable, Categorical):
        return Axis(variable, "choice", 0, len(variable.choices) - 1)
    if isinstance(variable, Ordinal):
        return Axis(variable, "integer", 0, len(variable.values) - 1)
    if isinstance(variable, Int):
        if variable.step != 1:
            return Axis(variable, "integer", 0, (variable.high - variable.low) // variable.step)
        return Axis(variable, "integer", variable.low, variable.high, variable.log)
    if isinstance(variable, Float):
        if variable.step is not None:
            steps = int((variable.high - variable.low) / variable.step + 1e-9)
            return Axis(variable, "integer", 0, steps)
        return Axis(variable, "real", variable.low, variable.high, variable.log)
    raise LehrError(f"peers know no variable of kind {variable.kind!r}")


def axes_of(space: Space) -> list[Axis]:
    """The axes of a space in its order: each comes after those that its condition looks at."""
    return [axis_of(variable) for variable in space.variables]


def condition_of(axis: Axis) -> Condition | None:
    """When the axis is active; None for always."""
    when: Condition | None = axis.variable.when  # type: ignore[attr-defined]
    return when


def parents_of(condition: Condition) -> set[str]:
    """Names of the variables that a condition looks at."""
    return {comparison.variable for comparison in condition._comparisons()}


def holds(condition: Condition, config: Mapping[str, Any], axes: Mapping[str, Axis]) -> bool | None:
    """Whether a condition holds for a configuration; None where an inactive variable leaves it open (Kleene's logic).

    Args:
        config: the active variables and their values.
        axes: by name, of every variable that the condition looks at.
    """
    if isinstance(condition, Not):
        inner = holds(condition.operand, config, axes)
        return None if inner is None else not inner
    if isinstance(condition, All | Any_):
        decisive = isinstance(condition, Any_)
        answers = [holds(operand, config, axes) for operand in condition.operands]
        if decisive in answers:
            return decisive
        return None if None in answers else not decisive
    if isinstance(condition, Membership):
        if condition.variable not in config:
            return None
        value = config[condition.variable]
        return any(_compare("==", axes[condition.variable], value, other) for other in condition.values)
    assert isinstance(condition, Comparison)
    if condition.variable not in config:
        return None
    return _compare(condition.operator, axes[condition.variable], config[condition.variable], condition.value)


def active(axis: Axis, config: Mapping[str, Any], axes: Mapping[str, Axis]) -> bool:
    """Whether an axis is active, given the values of the axes before it."""
    when = condition_of(axis)
    return when is None or holds(when, config, axes) is True


def _compare(symbol: str, axis: Axis, value: Any, other: Any) -> bool:
    variable = axis.variable
    if isinstance(variable, Categorical):
        same = _same(value, other)
        return same if symbol == "==" else not same
    if isinstance(variable, Ordinal):  # by position in the list
        return _OPERATORS[symbol](_position(variable.values, value), _position(variable.values, other))
    return _OPERATORS[symbol](value, other)


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value == other


def _position(values: tuple[Any, ...], value: Any) -> int:
    value = plain(value)
    for position, candidate in enumerate(values):
        if _same(candidate, value):
            return position
    for position, candidate in enumerate(values):  # 16 where 16.0 was listed
        if candidate == value:
            return position
    raise LehrError(f"{value!r} is not one of {list(values)}")
