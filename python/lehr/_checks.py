"""Arguments as people give them, checked: what comes back is of the plain Python type."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lehr.errors import ConfigurationError, LehrError, OptionError, ResultError


def listed(noun: str, names: Sequence[str]) -> str:
    """``metrics 'a', 'b'``."""
    quoted = ", ".join(repr(name) for name in names)
    return f"{noun}{'s' if len(names) > 1 else ''} {quoted}"


def configuration(config: Any) -> dict[str, Any]:
    """A configuration as a dict. Raises ConfigurationError for what is no mapping; not yet for an illegal one."""
    if type(config) is dict:
        return config
    if isinstance(config, Mapping):
        return dict(config)
    raise ConfigurationError(
        f"A configuration is a dict from names of variables to values, not {type(config).__name__}."
    )


def configurations(what: str, configs: Any) -> list[dict[str, Any]]:
    """Configurations as dicts. Raises ConfigurationError for what is no list of mappings."""
    if isinstance(configs, (str, bytes, Mapping)) or not isinstance(configs, Iterable):
        hint = "; put the one you have in [ ]" if isinstance(configs, Mapping) else ""
        raise ConfigurationError(
            f"{what} must be a list of configurations, not {type(configs).__name__}{hint}."
        )
    return [configuration(config) for config in configs]


def overrides(options: Any) -> dict[str, float]:
    """Settings of a search by name. Raises OptionError."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise OptionError(
            f"options is a {type(options).__name__}; give settings by name, such as {{'snap_back': 0}}"
        )
    return {str(name): real(f"option {name!r}", value) for name, value in options.items()}


def names_among(what: str, given: Any, known: Sequence[str]) -> list[str]:
    """Some of the known names, at least one. Raises OptionError."""
    names = [] if isinstance(given, (str, bytes)) or not isinstance(given, Iterable) else list(given)
    if not names:
        raise OptionError(f"{what} is {given!r}; give a list of names out of {', '.join(known)}")
    for name in names:
        if name not in known:
            raise OptionError(f"{what} has {name!r}; there are {', '.join(known)}")
    return names


def flag(what: str, value: Any) -> bool:
    """True or False, also NumPy's."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise OptionError(f"{what} is {value!r}; give True or False")


def real(what: str, value: Any, error: type[LehrError] = OptionError) -> float:
    """A float, perhaps NaN or infinite: bool passes, as 0 or 1."""
    try:
        if isinstance(value, (float, int)):  # the ordinary case first
            return float(value)
        if isinstance(value, (numbers.Real, np.bool_)):
            return float(value)
    except OverflowError:
        raise error(
            f"{what} is too large; give a number that a float can hold, up to about 1.8e308"
        ) from None
    raise error(f"{what} is {value!r}, a {type(value).__name__}; give a number")


def whole(what: str, value: Any, low: int, high: int | None = None) -> int:
    """An int from `low` to `high`, both included; without `high` of any size."""
    try:
        number = operator.index(value)
        if not isinstance(value, bool) and low <= number and (high is None or number <= high):
            return number
    except TypeError:
        pass
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise OptionError(f"{what} is {value!r}; give an integer {allowed}") from None


def seed_number(seed: Any) -> int:
    """A seed as the random generator takes it, 0 to 2**64 - 1."""
    return whole("seed", seed, 0, 2**64 - 1)


def trial_number(trial: Any) -> int:
    """The number of a trial; whether there is such a trial is for the search to say. Raises ResultError."""
    try:
        number = operator.index(trial)
    except TypeError:
        number = None
    if number is None or isinstance(trial, bool):
        raise ResultError(f"{trial!r} is not a trial; give what ask() returned, or its number") from None
    if not 0 <= number < 2**63:
        raise ResultError(f"trial {number} is unknown; trials are numbered from 0")
    return number
