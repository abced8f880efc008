"""Random spaces, and an independent and slow reading of what they mean, to hold the native space against."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

import lehr
from lehr.conditions import All, Any_, Comparison, Condition, Membership, Not
from lehr.variables import Variable

Config = dict[str, Any]


def typed(value: object) -> tuple[str, object]:
    return (type(value).__name__, value)


def key(config: Config) -> tuple[tuple[str, str], ...]:
    """A configuration as something hashable in which 1, 1.0 and True differ."""
    return tuple((name, repr(value)) for name, value in config.items())


def values(variable: Variable) -> list[Any]:
    """All values of a discrete variable."""
    match variable:
        case lehr.Categorical():
            return list(variable.choices)
        case lehr.Ordinal():
            return list(variable.values)
        case lehr.Int():
            return list(range(variable.low, variable.high + 1, variable.step))
    low, high, step = (Decimal(repr(x)) for x in (variable.low, variable.high, variable.step))
    result = []
    while low <= high:
        result.append(float(low))
        low += step
    return result


def allowed(variable: Variable, value: object) -> bool:
    if isinstance(variable, lehr.Float) and variable.step is None:
        return type(value) in (int, float) and variable.low <= value <= variable.high
    if isinstance(variable, lehr.Float):
        return type(value) in (int, float) and any(abs(value - v) < 1e-9 for v in values(variable))
    if isinstance(variable, lehr.Int):
        return type(value) in (int, float) and value in values(variable)
    return typed(value) in [typed(v) for v in values(variable)]


def compared(op: str, left: Any, right: Any) -> bool:
    return {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[op]


def truth(condition: Condition, config: Config, variables: dict[str, Variable]) -> bool | None:
    """Kleene's three values; None is unknown."""
    match condition:
        case Not():
            inner = truth(condition.operand, config, variables)
            return None if inner is None else not inner
        case All():
            parts = [truth(operand, config, variables) for operand in condition.operands]
            return False if False in parts else None if None in parts else True
        case Any_():
            parts = [truth(operand, config, variables) for operand in condition.operands]
            return True if True in parts else None if None in parts else False
        case Membership():
            parts = [
                truth(Comparison("==", value, condition.variable), config, variables)
                for value in condition.values
            ]
            return True if True in parts else None if None in parts else False
    assert isinstance(condition, Comparison)
    if condition.variable not in config:
        return None
    variable = variables[condition.variable]
    left, right = config[condition.variable], condition.value
    match variable:
        case lehr.Ordinal():
            order = [typed(v) for v in variable.values]
            return compared(condition.operator, order.index(typed(left)), order.index(typed(right)))
        case lehr.Categorical():
            return (typed(left) == typed(right)) == (condition.operator == "==")
    return compared(condition.operator, left, right)


def active(variable: Variable, config: Config, variables: dict[str, Variable]) -> bool:
    return variable.when is None or truth(variable.when, config, variables) is True


def legal(config: Config, variables: list[Variable], forbid: list[Condition]) -> bool:
    by_name = {v.name: v for v in variables}
    if not set(config) <= set(by_name):
        return False
    for v in variables:
        if active(v, config, by_name) != (v.name in config):
            return False
        if v.name in config and not allowed(v, config[v.name]):
            return False
    return not any(truth(c, config, by_name) is True for c in forbid)


def configurations(variables: list[Variable], forbid: list[Condition]) -> Iterator[Config]:
    """Every legal configuration of a finite space, in lexicographic order of positions."""
    by_name = {v.name: v for v in variables}

    def extend(config: Config, rest: list[Variable]) -> Iterator[Config]:
        if not rest:
            if not any(truth(c, config, by_name) is True for c in forbid):
                yield config
        elif not active(rest[0], config, by_name):
            yield from extend(config, rest[1:])
        else:
            for value in values(rest[0]):
                yield from extend({**config, rest[0].name: value}, rest[1:])

    return extend({}, variables)


SCALARS = [None, True, False, 0, 1, 1.0, -2.5, 0.0, "a", "b", "1", "None", "it's", "ü", 2**53 + 1]


@st.composite
def variables_named(draw: Any, name: str, when: Condition | None, continuous: bool) -> Variable:
    kinds = ["categorical", "categorical", "ordinal", "int", "int_log", "float_step"]
    kind = draw(st.sampled_from(kinds + (["float", "float_log"] if continuous else [])))
    if kind in ("categorical", "ordinal"):
        choices = draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=4, unique_by=repr))
        return (lehr.Categorical if kind == "categorical" else lehr.Ordinal)(name, choices, when=when)
    if kind == "int":
        low = draw(st.integers(-3, 3))
        return lehr.Int(name, low, low + draw(st.integers(0, 5)), step=draw(st.integers(1, 3)), when=when)
    if kind == "int_log":
        low = draw(st.integers(1, 4))
        return lehr.Int(name, low, low + draw(st.integers(0, 5)), log=True, when=when)
    if kind == "float_step":
        low, width, step = draw(st.integers(-5, 5)), draw(st.integers(0, 5)), draw(st.integers(1, 3))
        return lehr.Float(name, low / 10, (low + width) / 10, step=step / 10, when=when)
    low_float = draw(st.floats(1e-3, 10.0) if kind == "float_log" else st.floats(-10.0, 10.0))
    high = low_float + draw(st.sampled_from([0.0, 1e-9, 0.5, 100.0]))
    return lehr.Float(name, low_float, high, log=kind == "float_log", when=when)


@st.composite
def comparisons(draw: Any, variables: list[Variable]) -> Condition:
    variable = draw(st.sampled_from(variables))
    parameter = lehr.param(variable.name)
    operators = ["==", "!="] if isinstance(variable, lehr.Categorical) else ["==", "!=", "<", "<=", ">", ">="]
    if isinstance(variable, lehr.Float) and variable.step is None:
        known = [variable.low, variable.high, (variable.low + variable.high) / 2]
    else:
        known = values(variable)
    if draw(st.booleans()):
        return parameter.isin(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
    op = draw(st.sampled_from(operators))
    if op in ("==", "!=") or isinstance(variable, lehr.Ordinal):
        return Comparison(op, draw(st.sampled_from(known)), variable.name)
    between = draw(st.sampled_from([*known, *[x + 0.05 for x in known], -1000, 1000.5]))
    return Comparison(op, between, variable.name)


def conditions(variables: list[Variable], depth: int = 3) -> st.SearchStrategy[Condition]:
    leaf = comparisons(variables)
    if depth == 0:
        return leaf
    inner = conditions(variables, depth - 1)
    return st.one_of(
        leaf,
        st.lists(inner, min_size=2, max_size=3).map(All),
        st.lists(inner, min_size=2, max_size=3).map(Any_),
        inner.map(lambda condition: ~condition),
    )


@st.composite
def parts(draw: Any, continuous: bool = True, most: int = 5) -> tuple[list[Variable], list[Condition]]:
    """Variables and forbidden combinations, well described, but perhaps without any legal configuration."""
    variables: list[Variable] = []
    for i in range(draw(st.integers(1, most))):
        conditional = variables and draw(st.booleans())
        when = draw(conditions(variables)) if conditional else None
        variables.append(draw(variables_named(f"v{i}", when, continuous)))
    return variables, draw(st.lists(conditions(variables), max_size=3))


@st.composite
def spaces(draw: Any, continuous: bool = True, most: int = 5) -> lehr.Space:
    """Spaces that have a legal configuration, in which every variable can be active."""
    from hypothesis import assume

    variables, forbid = draw(parts(continuous, most))
    try:
        return lehr.Space(variables, forbid)
    except lehr.SpaceError:
        assume(False)
        raise
