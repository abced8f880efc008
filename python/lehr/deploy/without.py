"""A space without some of its choices: ``quantization=bf16``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lehr import Categorical, Condition, Float, Int, Ordinal, Space, param
from lehr.errors import OptionError, SpaceError
from lehr.variables import Variable


def _listed(variable: object) -> tuple[str, tuple[object, ...]] | None:
    """The field that lists a variable's values, and the values; None for a range."""
    if isinstance(variable, Categorical):
        return "choices", tuple(variable.choices)
    if isinstance(variable, Ordinal):
        return "values", tuple(variable.values)
    return None


def without(space: Space, drops: Sequence[str]) -> Space:
    """The space without the values named as ``variable=value``.

    Raises:
        OptionError: a text is not of this form, names what is not there, or leaves nothing.
    """
    for text in drops:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise OptionError(f"without: {text!r} is not of the form variable=value; {_offers(space)}")
        if name not in space.names:
            raise OptionError(f"without: there is no variable {name!r}; {_offers(space)}")
        space = _drop(space, name, value)
    return space


def _drop(space: Space, name: str, value: str) -> Space:
    variable = space[name]
    if (listed := _listed(variable)) is not None:
        field, values = listed
        left = [choice for choice in values if str(choice) != value]
        if len(left) == len(values):
            there = ", ".join(map(str, values))
            raise OptionError(f"without: {name} has no value {value!r}; it has {there}")
        if not left:
            raise OptionError(f"without: {name}={value} is the last value of {name}; one must be left")
        changed: list[Variable] = list(space.variables)
        fields: dict[str, Any] = {field: left}
        changed[space.names.index(name)] = replace(variable, **fields)
        return _space(changed, list(space.forbid), name, value)
    assert isinstance(variable, Int | Float)
    try:
        number = int(value) if isinstance(variable, Int) else float(value)
    except ValueError:
        number = None
    if number is None or not variable.low <= number <= variable.high:
        raise OptionError(
            f"without: {name} has no value {value!r}; it goes from {variable.low} to {variable.high}"
        )
    return _space(list(space.variables), [*space.forbid, param(name) == number], name, value)


def _space(variables: Sequence[Variable], forbid: Sequence[Condition], name: str, value: str) -> Space:
    try:
        return Space(variables, forbid)
    except SpaceError as error:
        raise OptionError(
            f"without: nothing sensible is left without {name}={value}: {error.mistakes[0]}"
        ) from error


def _offers(space: Space) -> str:
    parts = []
    for variable in space.variables:
        if (listed := _listed(variable)) is not None:
            parts.append(f"{variable.name} ({', '.join(map(str, listed[1]))})")
        elif isinstance(variable, Int | Float):
            parts.append(f"{variable.name} ({variable.low} to {variable.high})")
    return f"there are {'; '.join(parts)}"
