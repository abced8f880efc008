"""The JSON form of a space, version 1.

``{"format": "lehr.space", "version": 1, "variables": [...], "forbid": [...]}`` with variables such as
``{"kind": "int", "name": "n", "low": 1, "high": 8, "log": false, "step": 1, "when": null}`` and conditions
such as ``{"op": "and", "operands": [{"op": "==", "variable": "x", "value": 1}, {"op": "not", "operand":
{...}}]}`` or ``{"op": "in", "variable": "x", "values": [1, 2]}``. JSON tells 1, 1.0, true, null and "1"
apart, so types survive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from lehr._numbers import finite_json
from lehr.conditions import MAX_DEPTH, All, Any_, Comparison, Condition, ConditionError, Membership, Not
from lehr.errors import SpaceError
from lehr.variables import Categorical, Float, Int, Ordinal, Variable

FORMAT = "lehr.space"
VERSION = 1

_KINDS: dict[str, Callable[..., Variable]] = {
    "categorical": Categorical,
    "ordinal": Ordinal,
    "int": Int,
    "float": Float,
}
_KEYS = {
    "categorical": {"choices"},
    "ordinal": {"values"},
    "int": {"low", "high", "log", "step"},
    "float": {"low", "high", "log", "step"},
}


def space_to_json(variables: Sequence[Variable], forbid: Sequence[Condition]) -> str:
    """The text of a space whose parts are free of mistakes."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "variables": [_variable_to_json(variable) for variable in variables],
        "forbid": [_condition_to_json(condition) for condition in forbid],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def space_from_json(text: str | bytes | Mapping[str, Any]) -> tuple[list[Variable], list[Condition]]:
    """The parts of a space; raises SpaceError when the text is not the JSON form of one."""
    document = text if isinstance(text, Mapping) else _parsed(text)
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise SpaceError(
            f'This is not the JSON form of a space: it must be an object with "format": "{FORMAT}".'
        )
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise SpaceError(
            f"This space was written in version {version!r} of the format, and this lehr reads version "
            f"{VERSION}; upgrade lehr, or write the space again."
        )
    _check_keys("the space", document, {"format", "version", "variables", "forbid"})
    variables = [_variable(entry, place) for entry, place in _entries(document, "variables", "variable")]
    forbid = [
        _condition(entry, place) for entry, place in _entries(document, "forbid", "forbidden combination")
    ]
    return variables, forbid


def _parsed(text: str | bytes) -> Any:
    if not isinstance(text, (str, bytes)):
        raise SpaceError(f"The JSON form of a space must be a str, not {type(text).__name__}.")
    try:
        return finite_json(text)
    except RecursionError:
        raise SpaceError("The JSON form of this space is nested too deeply.") from None
    except ValueError as error:  # of the parser, of the decoder, or of an int with too many digits
        raise SpaceError(f"The JSON form of this space cannot be read: {error}.") from None


def _variable_to_json(variable: Variable) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": variable.kind}
    for field in fields(variable):
        value = getattr(variable, field.name)
        entry[field.name] = _condition_to_json(value) if isinstance(value, Condition) else value
    return entry


def _condition_to_json(condition: Condition) -> dict[str, Any]:
    match condition:
        case Comparison():
            return {"op": condition.operator, "variable": condition.variable, "value": condition.value}
        case Membership():
            return {"op": "in", "variable": condition.variable, "values": list(condition.values)}
        case Not():
            return {"op": "not", "operand": _condition_to_json(condition.operand)}
        case All() | Any_():
            return {
                "op": condition._word,
                "operands": [_condition_to_json(each) for each in condition.operands],
            }
    raise TypeError(f"unknown condition {condition!r}")


def _malformed(place: str, problem: str) -> SpaceError:
    return SpaceError(f"The JSON form of this space is malformed: {place} {problem}.")


def _check_keys(place: str, entry: Mapping[str, Any], wanted: set[str]) -> None:
    missing = sorted(wanted - set(entry))
    unknown = sorted(map(repr, set(entry) - wanted))
    if missing:
        raise _malformed(place, f"lacks {', '.join(map(repr, missing))}")
    if unknown:
        raise _malformed(place, f"has unknown keys: {', '.join(unknown)}")


def _entries(document: Mapping[str, Any], key: str, noun: str) -> list[tuple[Any, str]]:
    entries = document[key]
    if not isinstance(entries, list):
        raise _malformed("the space", f"must have a list of {key}, not {type(entries).__name__}")
    return [(entry, f"{noun} {position}") for position, entry in enumerate(entries, 1)]


def _variable(entry: Any, place: str) -> Variable:
    if not isinstance(entry, Mapping):
        raise _malformed(place, f"must be an object, not {type(entry).__name__}")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _malformed(place, f"must have a kind among {', '.join(_KINDS)}, not {kind!r}")
    _check_keys(place, entry, {"kind", "name", "when"} | _KEYS[kind])
    arguments = {key: value for key, value in entry.items() if key != "kind"}
    if entry["when"] is not None:
        arguments["when"] = _condition(entry["when"], f"the condition of {place}")
    return _KINDS[kind](**arguments)


def _condition(entry: Any, place: str, depth: int = 1) -> Condition:
    if depth > MAX_DEPTH:
        raise _malformed(place, f"is nested deeper than {MAX_DEPTH}")
    if not isinstance(entry, Mapping):
        raise _malformed(place, f"must be an object, not {type(entry).__name__}")
    op = entry.get("op")
    try:
        if op in ("and", "or"):
            _check_keys(place, entry, {"op", "operands"})
            if not isinstance(entry["operands"], list):
                raise _malformed(place, "must have a list of operands")
            operands = [_condition(operand, place, depth + 1) for operand in entry["operands"]]
            if len(operands) == 1:
                return operands[0]
            return All(operands) if op == "and" else Any_(operands)
        if op == "not":
            _check_keys(place, entry, {"op", "operand"})
            return Not(_condition(entry["operand"], place, depth + 1))
        if op == "in":
            _check_keys(place, entry, {"op", "variable", "values"})
            return Membership(entry["values"], _name(entry, place))
        _check_keys(place, entry, {"op", "variable", "value"})
        return Comparison(op if isinstance(op, str) else repr(op), entry["value"], _name(entry, place))
    except ConditionError as error:
        raise _malformed(place, f"cannot be read ({str(error).removesuffix('.')})") from None


def _name(entry: Mapping[str, Any], place: str) -> str:
    name = entry["variable"]
    if not isinstance(name, str):
        raise _malformed(place, f"must name a variable with a str, not {name!r}")
    return name
