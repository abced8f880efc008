"""A space without some of its choices: ``quantization=bf16``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
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


def left_of(backends: Sequence[str], drops: Sequence[str]) -> tuple[str, ...]:
    """These backends without those named as ``backend=name``: with a backend go all of its own variables.

    Raises:
        OptionError: one is not there, or none is left.
    """
    left = list(backends)
    for name in [text.partition("=")[2] for text in drops if text.startswith("backend=")]:
        if name not in left:
            raise OptionError(f"without: backend has no value {name!r}; it has {', '.join(left)}")
        left.remove(name)
        if not left:
            raise OptionError(f"without: backend={name} is the last value of backend; one must be left")
    return tuple(left)


def without_unable(
    space: Space, unable: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> tuple[Space, tuple[str, ...]]:
    """The space without what cannot run, and a sentence on each such choice.

    A choice that none of the models can take with any backend is dropped, another is forbidden where it cannot run.

    Args:
        space: of a deployment.
        unable: by model and backend, choices as ``variable=value``, and why.
    """
    cases = [(model, backend) for model, runtimes in unable.items() for backend in runtimes]
    reasons: dict[str, dict[tuple[str, str], str]] = {}
    for model, backend in cases:
        for choice, reason in unable[model][backend].items():
            reasons.setdefault(choice, {})[model, backend] = reason
    notes = []
    for choice, found in reasons.items():
        name, _, value = choice.partition("=")
        if name not in space.names or value not in map(str, (_listed(space[name]) or ("", ()))[1]):
            continue  # the user left it out
        try:
            if len(found) == len(cases) and _everywhere(space, found):
                space, where = _drop(space, name, value), ""
            else:
                space = _space(
                    list(space.variables),
                    [*space.forbid, *(_case(space, one, name, value) for one in found)],
                    name,
                    value,
                )
                where = _where(found, unable)
        except OptionError:
            continue  # nothing would be left: let its trial tell
        why, *others = dict.fromkeys(found.values())
        if others and " for " not in where:
            first = next(iter(found))[0]
            why += f" (of {first}; likewise of {', '.join(_others(found, first))})"
        notes.append(f"{value} is left out{where}: {why}.")
    return space, tuple(notes)


def _where(found: Mapping[tuple[str, str], str], unable: Mapping[str, Mapping[str, Any]]) -> str:
    """Of which backend a choice is left out, or for which models."""
    models, backends = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    if all((model, backend) in found for model in unable for backend in backends):
        return f" of {', '.join(backends)}"
    return f" for {', '.join(models)}"


def _others(found: Mapping[tuple[str, str], str], first: str) -> list[str]:
    return [model for model in dict.fromkeys(model for model, _ in found) if model != first]


def _everywhere(space: Space, found: Mapping[tuple[str, str], str]) -> bool:
    """Whether these cases are all that the space has: a backend that foresees nothing is none of them."""
    backends = _listed(space["backend"]) if "backend" in space.names else None
    return backends is None or {backend for _, backend in found} == set(map(str, backends[1]))


def _case(space: Space, case: tuple[str, str], name: str, value: str) -> Condition:
    condition = param(name) == value
    for variable, one in zip(("model", "backend"), case, strict=True):
        if variable in space.names:
            condition = condition & (param(variable) == one)
    return condition


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
        with suppress(SpaceError):  # a condition speaks of that value: it stays, and is forbidden
            return Space(changed, list(space.forbid))
        dropped = next(choice for choice in values if str(choice) == value)
        forbidden: Any = param(name) == dropped
        return _space(list(space.variables), [*space.forbid, forbidden], name, value)
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
